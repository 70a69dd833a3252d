"""The app's server as ``vidsearch ui`` starts it, ended with the tests whatever happens."""

from __future__ import annotations

import contextlib
import http.client
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ui.server.launch import start
from ui.service.settings import UiSettings

READY_S = 90.0


@dataclass(frozen=True, slots=True)
class Served:
    """A running app: over which catalog, and the file that holds all that it printed."""

    port: int
    catalog: str
    log: Path

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def serving(settings: UiSettings, log: Path) -> Iterator[Served]:
    """Run the app until the end of the block."""
    with log.open("wb") as output:
        child = start(settings, browser=False, output=output)
    try:
        _wait_until_ready(child, settings.port, log)
        yield Served(settings.port, settings.catalog, log)
    finally:
        _end(child)


def _wait_until_ready(child: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        if child.poll() is not None:
            break
        connection = http.client.HTTPConnection("localhost", port, timeout=5)
        with contextlib.suppress(OSError), contextlib.closing(connection):
            connection.request("GET", "/_stcore/health")
            if connection.getresponse().status == 200:
                return
        time.sleep(0.1)
    raise AssertionError(f"the app did not start within {READY_S:.0f} s: {log.read_text()}")


def _end(child: subprocess.Popen[bytes]) -> None:
    assert child.stdin is not None
    child.stdin.close()  # what happens when the process that started it is killed
    try:
        child.wait(15)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait(10)
        raise AssertionError("the app did not end with the process that started it") from None
