"""Start and stop of the app's server as a child process."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO

from ui.service.settings import FOLLOW, TOKEN_VARIABLE, UiSettings, is_local
from vidsearch.errors import ConfigError
from vidsearch.storage.user_folders import cache_folder, home_folder
from vidsearch.text.printable import printable

MAX_UPLOAD_MIB = 60
GRACE_S = 10.0
"""Seconds that the app may take to end before it is killed."""

_LIGHT = {
    "primaryColor": "#0f5f73",
    "backgroundColor": "#f5f6f8",
    "secondaryBackgroundColor": "#ffffff",
    "textColor": "#16202b",
    "borderColor": "#dfe3e8",
    "linkColor": "#0f5f73",
}
_DARK = {
    "primaryColor": "#2486a0",
    "backgroundColor": "#10151b",
    "secondaryBackgroundColor": "#19212a",
    "textColor": "#e8edf2",
    "borderColor": "#2b3641",
    "linkColor": "#74c8dc",
}
_FONT = 'system-ui, -apple-system, "Segoe UI", "Noto Sans", sans-serif'


def options(settings: UiSettings, *, browser: bool) -> dict[str, str]:
    """Return Streamlit's options: colours, no telemetry, no developer menu."""
    values = {
        "server.address": settings.address,
        "server.port": str(settings.port),
        "server.headless": "false" if browser and is_local(settings.address) else "true",
        "server.maxUploadSize": str(MAX_UPLOAD_MIB),
        "server.fileWatcherType": "none",
        "server.showEmailPrompt": "false",
        "server.enableXsrfProtection": "true",
        "server.enableCORS": "true",
        "server.enableAgentApi": "false",
        "server.enableStaticServing": "false",
        "server.scriptHealthCheckEnabled": "false",
        "server.baseUrlPath": "",
        "server.disconnectedSessionTTL": "60",
        "browser.gatherUsageStats": "false",
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",
        "client.showErrorLinks": "false",
        "global.developmentMode": "false",
        "logger.level": "warning",
        "logger.hideWelcomeMessage": "true",
        "theme.font": _FONT,
        "theme.baseRadius": "0.6rem",
        "theme.showWidgetBorder": "true",
        "theme.headingFontWeights": "[700, 650, 650]",
        "theme.headingFontSizes": '["1.9rem", "1.35rem", "1.1rem"]',
    }
    values |= {f"theme.light.{name}": value for name, value in _LIGHT.items()}
    values |= {f"theme.dark.{name}": value for name, value in _DARK.items()}
    return values


def command(settings: UiSettings, *, browser: bool) -> list[str]:
    """Return the command line of the app's process; it holds no secret."""
    arguments = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        str(Path(__file__).with_name("serve.py")),
    ]
    for name, value in options(settings, browser=browser).items():
        arguments.append(f"--{name}={value}")
    return arguments


def start(
    settings: UiSettings, *, browser: bool, output: IO[bytes] | None = None
) -> subprocess.Popen[bytes]:
    """Start the app's process; it ends with this process, even if this process is killed.

    Args:
        settings: Settings of the app.
        browser: Open a browser window.
        output: File for standard output and error of the app; None: those of this process.
    """
    environment = {**os.environ, **settings.to_environment(), FOLLOW: "1"}
    environment.pop(TOKEN_VARIABLE, None)
    if home_folder() is None:
        environment["HOME"] = str(cache_folder())  # Streamlit does not start without one
    # The app reads this pipe and ends when it closes: see ``end_with_parent``.
    return subprocess.Popen(  # noqa: S603
        command(settings, browser=browser),
        env=environment,
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=output,
    )


def end_with_parent() -> None:
    """End this process when its parent has ended, even if the parent was killed."""

    def watch() -> None:
        while os.read(0, 1024):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(GRACE_S)
        os._exit(1)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()


def require_free_port(address: str, port: int) -> None:
    """Raise unless a server can listen at this address and port.

    Raises:
        ConfigError: The port is in use or reserved, or the address is none of this machine.
    """
    try:
        found = socket.getaddrinfo(address.strip("[]"), port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ConfigError(
            f"--address '{printable(address)}' is unknown ({error.strerror}); pass an address of "
            "this machine"
        ) from error
    for family, kind, protocol, _, socket_address in found:
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(socket_address)
                probe.listen(1)
            except OSError as error:
                raise _not_free(address, port, error) from error


def _not_free(address: str, port: int, error: OSError) -> ConfigError:
    if error.errno == errno.EADDRINUSE:
        return ConfigError(
            f"--port {port} is in use by another program; end it, or pass another --port"
        )
    if error.errno == errno.EACCES:
        return ConfigError(f"--port {port} is reserved for the administrator; pass 1024 or more")
    return ConfigError(
        f"--address '{printable(address)}' cannot be used ({error.strerror}); pass an address of "
        "this machine"
    )


def run(settings: UiSettings, *, browser: bool) -> int:
    """Run the app until it ends or Ctrl-C; return its exit status."""
    child = start(settings, browser=browser)

    def stop(*_: object) -> None:
        child.terminate()

    before = {name: signal.signal(name, stop) for name in (signal.SIGTERM, signal.SIGINT)}
    try:
        status = child.wait()
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
    return 0 if status in (0, -signal.SIGTERM, -signal.SIGINT) else 2
