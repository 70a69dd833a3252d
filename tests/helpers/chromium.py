"""Chromium for browser tests: find, start and end it with all its processes."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator

import psutil
from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
STEP_MS = 45_000.0
"""Limit of one step, milliseconds: enough for a busy machine."""

_OPTIONS = (
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
    "--autoplay-policy=no-user-gesture-required",
)


def find_chromium() -> str | None:
    """Return the first Chromium on PATH."""
    return next((path for name in NAMES if (path := shutil.which(name)) is not None), None)


@contextlib.contextmanager
def running(executable: str) -> Iterator[Browser]:
    """Run Chromium; at the end, end every process that it and its driver started."""
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=executable,
                headless=True,
                chromium_sandbox=os.geteuid() != 0,  # Chromium refuses its sandbox to root
                args=list(_OPTIONS),
                timeout=STEP_MS,
            )
            try:
                yield browser
            finally:
                browser.close()
    finally:
        _end(before)


def _end(before: set[int]) -> None:
    """End the processes started since; earlier children stay."""
    started = [c for c in psutil.Process().children(recursive=True) if c.pid not in before]
    ours = [c for c in started if _belongs_to_browser(c)]
    _, alive = psutil.wait_procs(ours, timeout=5)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=5)


def _belongs_to_browser(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return any(word in " ".join(process.cmdline()) for word in ("playwright", "chrom"))
    return False
