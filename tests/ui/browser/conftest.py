"""Fixtures: one server and one Chromium; every page records the hosts it contacts."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, Page

from tests.helpers.app_server import Served, free_port, serving
from tests.helpers.chromium import STEP_MS, find_chromium, running
from tests.helpers.screen import Screen
from ui.service.settings import UiSettings

Open = Callable[[], Screen]


@pytest.fixture(scope="session")
def served(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The app over a catalog of its own."""
    folder = tmp_path_factory.mktemp("browser")
    shutil.copytree(made / "catalog", folder / "catalog")
    settings = UiSettings(
        catalog=str(folder / "catalog"), port=free_port(), roots=(str(made / "more"),)
    )
    with serving(settings, folder / "log.txt") as server:
        yield server


# Not for the whole session: while Playwright runs, no other test of this process could use asyncio.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    executable = find_chromium()
    if executable is None:
        pytest.skip("no Chromium on PATH; .ci/browser installs one where it can")
    with running(executable) as chromium:
        yield chromium


@pytest.fixture
def visit(browser: Browser, served: Served) -> Iterator[Open]:
    """Open the app in a new context; at the end, no page may have contacted another host."""
    contexts: list[BrowserContext] = []
    hosts: set[str] = set()
    faults: list[str] = []

    def note(url: str) -> None:
        if url.startswith(("http", "ws")):
            hosts.add(urlsplit(url).netloc)

    def ended(dialog: Dialog) -> None:
        faults.append(dialog.message)
        dialog.dismiss()

    def open_app() -> Screen:
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.set_default_timeout(STEP_MS)
        context.on("request", lambda request: note(request.url))
        contexts.append(context)
        page: Page = context.new_page()
        page.on("websocket", lambda socket: note(socket.url))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("dialog", ended)
        page.goto(served.url, timeout=STEP_MS)
        return Screen(page)

    yield open_app
    for context in contexts:
        context.close()
    assert hosts == {f"localhost:{served.port}"}
    assert faults == []


@pytest.fixture
def screen(visit: Open) -> Screen:
    return visit()
