"""Answers that leave at once: without this a browser waits 40 ms for each of a hundred files."""

from __future__ import annotations

import os
import socket
import stat
from contextlib import suppress
from pathlib import Path

_OPEN_FILES = Path("/proc/self/fd")


def send_at_once() -> int:
    """Turn Nagle's algorithm off for the connections to come; return how many sockets listen here.

    A header and a body are two small packets, of which the second waits until the browser has
    acknowledged the first, and a browser delays that. asyncio turns the algorithm off, but only for
    sockets that were made with the number of TCP as their protocol, and Streamlit's is not.
    What is accepted takes over the option of the socket that listens (Linux).
    """
    found = 0
    for entry in list(_OPEN_FILES.iterdir()) if _OPEN_FILES.is_dir() else []:
        with suppress(OSError):
            if stat.S_ISSOCK(os.fstat(int(entry.name)).st_mode):
                with socket.socket(fileno=os.dup(int(entry.name))) as one:
                    found += _send_at_once(one)
    return found


def _send_at_once(one: socket.socket) -> bool:
    internet = one.family in (socket.AF_INET, socket.AF_INET6)
    if not internet or not one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        return False
    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return True
