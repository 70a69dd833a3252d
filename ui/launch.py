"""Starting the app's server as a child process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from ui.settings import UiSettings, is_local

MAX_UPLOAD_MIB = 60

_LIGHT = {
    "primaryColor": "#0f5f73",
    "backgroundColor": "#f5f6f8",
    "secondaryBackgroundColor": "#ffffff",
    "textColor": "#16202b",
    "borderColor": "#dfe3e8",
    "linkColor": "#0f5f73",
}
_DARK = {
    "primaryColor": "#4fb3cb",
    "backgroundColor": "#10151b",
    "secondaryBackgroundColor": "#19212a",
    "textColor": "#e8edf2",
    "borderColor": "#2b3641",
    "linkColor": "#74c8dc",
}
_FONT = 'system-ui, -apple-system, "Segoe UI", "Noto Sans", sans-serif'


def options(settings: UiSettings, *, browser: bool) -> dict[str, str]:
    """Return Streamlit's options: our look, nothing sent to anybody, no developer's menu."""
    found = {
        "server.address": settings.address,
        "server.port": str(settings.port),
        "server.headless": "false" if browser and is_local(settings.address) else "true",
        "server.maxUploadSize": str(MAX_UPLOAD_MIB),
        "server.fileWatcherType": "none",
        "server.showEmailPrompt": "false",
        "server.enableXsrfProtection": "true",
        "server.enableCORS": "true",
        "server.disconnectedSessionTTL": "60",
        "browser.gatherUsageStats": "false",
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",
        "client.showErrorLinks": "false",
        "logger.level": "warning",
        "logger.hideWelcomeMessage": "true",
        "theme.font": _FONT,
        "theme.baseRadius": "0.6rem",
        "theme.showWidgetBorder": "true",
        "theme.headingFontWeights": "[700, 650, 650]",
        "theme.headingFontSizes": '["1.9rem", "1.35rem", "1.1rem"]',
    }
    found |= {f"theme.light.{name}": value for name, value in _LIGHT.items()}
    found |= {f"theme.dark.{name}": value for name, value in _DARK.items()}
    return found


def command(settings: UiSettings, *, browser: bool) -> list[str]:
    """Return the command line of the app's process; it names no secret."""
    words = [sys.executable, "-m", "streamlit", "run", str(Path(__file__).with_name("serve.py"))]
    for name, value in options(settings, browser=browser).items():
        words.append(f"--{name}={value}")
    return words


def run(settings: UiSettings, *, browser: bool) -> int:
    """Run the app until it ends or Ctrl-C; return its exit status."""
    # A folder of Streamlit's own settings in the working directory would change ours.
    environment = {**os.environ, **settings.to_environment()}
    child = subprocess.Popen(command(settings, browser=browser), env=environment)  # noqa: S603

    def stop(*_: object) -> None:
        child.terminate()

    before = {name: signal.signal(name, stop) for name in (signal.SIGTERM, signal.SIGINT)}
    try:
        status = child.wait()
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
    return 0 if status in (0, -signal.SIGTERM, -signal.SIGINT) else 2
