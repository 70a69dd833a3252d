from __future__ import annotations

import socket
from pathlib import Path

from ui.server.tcp_nodelay import disable_nagle


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_what_is_accepted_sends_at_once() -> None:
    before = open_files()
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as server:  # as Streamlit makes it
        server.bind(("127.0.0.1", 0))
        server.listen()
        assert disable_nagle() >= 1
        with socket.create_connection(server.getsockname()), server.accept()[0] as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert open_files() == before
