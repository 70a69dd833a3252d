"""Page object of the app: the only module of the tests that knows the words on the pages."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import FilePayload, Locator, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from tests.helpers.chromium import STEP_MS

expect.set_options(timeout=STEP_MS)

_VIDEO_STARTED = "video => video.readyState >= 2 && !video.seeking && video.currentTime > 0"
_VIDEO_STATE = """video => ({at: video.currentTime, length: video.duration, wide: video.videoWidth,
                            failed: video.error && video.error.message, src: video.src})"""

_FILM = """video => { const view = video.closest('.film-view');
    const panel = view.querySelector('section[data-moment]:not([hidden])');
    return {track: panel.dataset.moment, start: panel.dataset.start, end: panel.dataset.end,
            face: panel.querySelector('img').src, at: video.currentTime,
            marked: view.querySelector('.bar.now').dataset.track}; }"""

_ATTEMPTS = 5
_HEADINGS = {"Search": "Who are you looking for?"}
"""Headings of pages that differ from the name in the navigation."""


@dataclass(frozen=True, slots=True)
class Screen:
    """One open page of the app."""

    page: Page

    # The search page.
    def give(self, *photos: Path | tuple[str, bytes]) -> None:
        """Choose these files as photos."""
        files = [
            FilePayload(name=photo.name, mimeType="image/jpeg", buffer=photo.read_bytes())
            if isinstance(photo, Path)
            else FilePayload(name=photo[0], mimeType="image/jpeg", buffer=photo[1])
            for photo in photos
        ]
        self.settled()
        self.page.locator('input[type="file"]').first.set_input_files(files)

    def clear(self) -> None:
        """Take all photos away."""
        gone = self.page.get_by_role("button", name=re.compile(r"^Remove "))
        while gone.count():
            gone.first.click()
            self.page.wait_for_timeout(50)
            self.settled()

    def says(self, words: str | re.Pattern[str]) -> None:
        """Wait until a text is on the page."""
        expect(self.page.get_by_text(words).first).to_be_visible()

    def says_no_more(self, words: str | re.Pattern[str]) -> None:
        expect(self.page.get_by_text(words)).to_have_count(0)

    def ready(self) -> None:
        """Wait until the search page can be used."""
        self.says("Drop a photo of a face")

    def faces(self) -> Locator:
        return self.page.get_by_role("button", name=re.compile(r"^Face \d+ of \d+"))

    def hits(self) -> Locator:
        """The buttons that play a hit."""
        return self.page.get_by_role("button", name=re.compile(r"^Play from [\d:.]+$"))

    def judge(self, hit: int, verdict: str) -> None:
        """Press Same or Not of a hit, counted from 0."""
        label = {"same": re.compile("^Same: this is "), "not": re.compile("^Not: this is not ")}
        self.settled()
        self.page.get_by_role("button", name=label[verdict]).nth(hit).click()

    def settled(self) -> None:
        """Wait until the page is drawn: a button that is replaced loses its click."""
        app = self.page.get_by_test_id("stApp")
        expect(app).to_have_attribute("data-test-script-state", "notRunning")

    def only_some_videos(self) -> None:
        """Open the box of filters, or close it."""
        self.settled()
        self.page.get_by_text("Filter videos").click()

    def choose_folder(self, folder: str) -> None:
        self._choose("Folders", folder)

    def drop_choices(self) -> None:
        self.page.get_by_role("button", name="Clear all").first.click()

    def open_rejected(self) -> None:
        self.settled()
        self.page.get_by_text(re.compile(r"\d+ hits? you rejected")).click()

    def play(self, hit: int) -> Mapping[str, Any]:
        """Play a hit; return the state of its video element once it shows a frame."""
        self.settled()
        self.hits().nth(hit).click()
        video = self.page.get_by_role("dialog").locator("video")
        expect(video).to_be_visible()
        handle = video.element_handle(timeout=STEP_MS)
        self.page.wait_for_function(_VIDEO_STARTED, arg=handle, timeout=STEP_MS)
        state: Mapping[str, Any] = video.evaluate(_VIDEO_STATE)
        return state

    def least_confidence(self) -> None:
        """Set the minimum confidence to 0."""
        self.settled()
        self.page.get_by_role("slider", name="Minimum confidence").press("Home")
        self.page.wait_for_timeout(300)
        self.settled()

    def beside_the_film(self) -> dict[str, Any]:
        """Return track, time span and face of the appearance beside the film, and the film's time.

        The marked bar of the timeline must be that of the same appearance.
        """
        film: dict[str, Any] = self.page.get_by_role("dialog").locator("video").evaluate(_FILM)
        assert film.pop("marked") == film["track"]
        return film

    def press_another_bar(self) -> dict[str, Any]:
        """Press a bar of the timeline that is not marked; return what stands beside the film."""
        dialog = self.page.get_by_role("dialog")
        dialog.locator(".bar:not(.now)").last.evaluate("bar => bar.click()")  # bars overlap
        video = dialog.locator("video").element_handle(timeout=STEP_MS)
        self.page.wait_for_function("video => !video.seeking", arg=video, timeout=STEP_MS)
        return self.beside_the_film()

    def close_player(self) -> None:
        self.page.keyboard.press("Escape")
        expect(self.page.get_by_role("dialog")).to_have_count(0)

    def take(self, label: str) -> tuple[str, str]:
        """Press an export; return the file's name and content."""
        self.settled()
        with self.page.expect_download(timeout=STEP_MS) as download:
            self.page.get_by_role("button", name=label, exact=True).click()
        return download.value.suggested_filename, download.value.path().read_text(encoding="utf-8")

    def name_person(self, name: str) -> None:
        box = self.page.get_by_role("textbox", name="Name of this person")
        box.fill(name)
        box.press("Enter")

    # Sign-in and navigation.
    def sign_in(self, token: str) -> None:
        self.page.get_by_label("Token").fill(token)
        self.page.get_by_role("button", name="Sign in").click()

    def go(self, name: str) -> None:
        self.page.get_by_role("link", name=name).first.click()
        heading = _HEADINGS.get(name, name)
        expect(self.page.get_by_role("heading", name=heading, level=1)).to_be_visible()

    # The people page.
    def name_first_cluster(self, name: str) -> None:
        self.page.get_by_role("tab", name="Not named yet").click()
        box = self.page.get_by_role("combobox", name="Who is this?").first
        box.fill(name)
        box.press("Enter")
        self.page.get_by_role("button", name=re.compile(r"^Name \d+ track")).first.click()

    def named(self, name: str) -> None:
        """Wait until somebody is among the named people."""
        self.page.get_by_role("tab", name=re.compile(r"^Named \([1-9]")).click()
        expect(self.page.get_by_role("textbox", name="Name", exact=True)).to_have_value(name)

    # The archive page.
    def index_folder(self, folder: Path) -> None:
        self.page.get_by_role("textbox", name="Folder on the server").fill(str(folder))
        self.page.get_by_role("button", name="Index this folder").click()

    def forget_video(self, name: str) -> None:
        """Choose a video, ask to forget it and confirm."""
        self._choose("A video", name)
        self.page.get_by_role("button", name="Forget this video").click()
        self.page.get_by_role("button", name="Erase permanently").click()

    def _choose(self, label: str, option: str) -> None:
        """Choose from a list; drawing the page closes the list, so retry."""
        shown = self.page.get_by_role("option").filter(has_text=option).first
        for _ in range(_ATTEMPTS):
            box = self.page.get_by_role("combobox", name=label)
            box.fill("")
            box.fill(option)
            with contextlib.suppress(PlaywrightTimeout):
                shown.click(timeout=STEP_MS / _ATTEMPTS)
                return
        raise AssertionError(f"{option!r} cannot be chosen as {label!r}")
