"""Sign-in with a token in a browser: form, app, reload, and a second visitor without it."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.helpers.app_server import free_port, serving
from tests.helpers.browser_marks import BROWSER
from tests.helpers.chromium import STEP_MS
from tests.helpers.screen import Screen
from ui.service.settings import UiSettings

pytestmark = BROWSER

SECRET = "0123456789abcdef"


def test_the_token_lets_a_visitor_in(browser: Browser, made: Path, tmp_path: Path) -> None:
    settings = UiSettings(catalog=str(made / "catalog"), port=free_port(), token=SECRET)
    with serving(settings, tmp_path / "log.txt") as server:
        context, stranger = browser.new_context(), browser.new_context()
        try:
            context.set_default_timeout(STEP_MS)
            page = context.new_page()
            page.goto(server.url + "/people", timeout=STEP_MS)
            screen = Screen(page)
            screen.sign_in("not the token")
            screen.says("The token is wrong.")
            screen.sign_in(SECRET)
            expect(page.get_by_role("heading", name="People", level=1)).to_be_visible()
            page.reload(timeout=STEP_MS)
            expect(page.get_by_role("heading", name="People", level=1)).to_be_visible()
            other = stranger.new_page()
            other.goto(server.url, timeout=STEP_MS)
            Screen(other).says("Enter the token of the app.")
        finally:
            context.close()
            stranger.close()
    log = (tmp_path / "log.txt").read_text()
    assert SECRET not in log
    assert "Z vidsearch: wrong token from 127.0.0.1; 1 of 10 within 60 s" in log
    assert "Z vidsearch: sign-in from 127.0.0.1" in log
