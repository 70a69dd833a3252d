"""TCP_NODELAY: Nagle's algorithm and delayed ACKs cost 40 ms for each small file."""

from __future__ import annotations

import os
import socket
import stat
from contextlib import suppress
from pathlib import Path

_OPEN_FILES = Path("/proc/self/fd")


def disable_nagle() -> int:
    """Turn Nagle's algorithm off for new connections; return the number of listening sockets.

    Header and body are two small packets. The second waits until the browser has acknowledged the
    first, and browsers delay acknowledgements. asyncio sets the option only on sockets created
    with the protocol number of TCP, and Streamlit creates its socket without it. On Linux,
    accepted connections inherit the option of the listening socket.
    """
    count = 0
    for entry in list(_OPEN_FILES.iterdir()) if _OPEN_FILES.is_dir() else []:
        with suppress(OSError):
            if stat.S_ISSOCK(os.fstat(int(entry.name)).st_mode):
                with socket.socket(fileno=os.dup(int(entry.name))) as listener:
                    count += _disable(listener)
    return count


def _disable(listener: socket.socket) -> bool:
    is_ip = listener.family in (socket.AF_INET, socket.AF_INET6)
    if not is_ip or not listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        return False
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return True
