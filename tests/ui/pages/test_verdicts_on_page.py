"""Verdicts on the search page: whom they go to, questions before a move, and undo."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageOps
from streamlit.testing.v1 import AppTest

from vidsearch.catalog import Catalog
from vidsearch.catalog.people import add_person, judge, judgements

APP = Path(__file__).resolve().parents[3] / "ui" / "script" / "start.py"
Start = Callable[..., None]


class Page:
    """The search page; presses buttons of hits, which AppTest cannot reach."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, made: Path) -> None:
        self.photos = made / "photos"
        self.app = AppTest.from_file(str(APP), default_timeout=60).run()
        self._press: dict[str, str] | None = None
        self.html = ""

        def clickable(html: str, key: str, **_: Any) -> dict[str, str] | None:
            if key != "results":
                return None
            self.html = html
            pressed, self._press = self._press, None
            return pressed

        monkeypatch.setattr("ui.pages.search.clickable", clickable)

    def give(self, *names: str) -> None:
        uploads = [(n, (self.photos / f"{n}.jpg").read_bytes(), "image/jpeg") for n in names]
        self.app.file_uploader(key="photos").set_value(uploads).run()
        assert not self.app.exception

    def press(self, act: str, track: str) -> None:
        self._press = {"act": act, "track": track}
        self.app.run()
        assert not self.app.exception

    def click(self, key: str) -> None:
        self.app.button(key=key).click().run()
        assert not self.app.exception

    @property
    def words(self) -> str:
        parts = [*self.app.markdown, *self.app.caption, *self.app.get("html")]
        return "\n".join(str(getattr(part, "value", "")) for part in parts)

    def asks(self) -> bool:
        """Return True if the page asks whom verdicts go to; the buttons are disabled then."""
        assert ("First answer the question above" in self.html) == ("disabled" in self.html)
        return "Whom do your verdicts go to?" in self.words


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch, app_over: Start, own: Path, made: Path) -> Page:
    app_over(own)
    return Page(monkeypatch, made)


def only_hit(page: Page) -> str:
    """Return the track of the first hit that is drawn."""
    return page.html.split('data-act="play" data-track="')[1].split('"')[0]


def test_a_new_photo_takes_no_name_over(page: Page, catalog: Catalog) -> None:
    page.give("astronaut")
    assert not page.asks()
    assert "the person you search for" in page.html
    astronaut = only_hit(page)
    page.press("same", astronaut)
    ((ada, _),) = judgements(catalog).names.items()
    page.app.text_input(key=f"rename-{ada}-Unnamed person 1").input("Ada").run()
    assert judgements(catalog).names == {ada: "Ada"}
    assert "Is this <strong><bdi>Ada</bdi></strong>?" in page.html
    # A photo of somebody else: nothing goes to Ada until that is said.
    page.give("astronaut", "red-shirt")
    assert page.asks()
    page.give("red-shirt")
    assert not page.asks()
    assert "Ada" not in page.html
    page.press("same", only_hit(page))
    assert judgements(catalog).confirmed(ada) == (astronaut,)
    page.give("astronaut")
    assert "Is this <strong><bdi>Ada</bdi></strong>?" in page.html


def test_a_known_face_is_recognised_and_its_track_is_not_taken(
    page: Page, catalog: Catalog
) -> None:
    page.give("astronaut")
    track = only_hit(page)
    ada = add_person(catalog, "Ada")
    judge(catalog, [track], ada, same=True)
    page.app.run()
    assert page.asks()
    assert "These look like Ada" in page.words
    page.press("same", track)
    page.press("not", track)
    assert judgements(catalog).person_of == {track: ada}, "a disabled button does nothing"
    page.click("judge-for-new")
    page.press("same", track)
    assert judgements(catalog).person_of == {track: ada}
    assert judgements(catalog).names == {ada: "Ada"}
    assert "It was **Ada**" in page.words
    page.click("move_track")
    moved = judgements(catalog)
    assert moved.names[moved.person_of[track]] == "Unnamed person 1"
    assert "was Ada" in page.words
    page.click("undo-1")
    assert judgements(catalog).person_of == {track: ada}
    assert judgements(catalog).names == {ada: "Ada"}


def test_more_like_this_keeps_the_person(page: Page, catalog: Catalog) -> None:
    page.give("astronaut")
    track = only_hit(page)
    page.press("same", track)
    ((person, _),) = judgements(catalog).names.items()
    page.press("more", track)
    assert "Searching with faces from the archive" in page.app.info[0].value
    assert not page.asks()
    assert "Unnamed person 1" in page.html
    page.click("drop_more")
    assert "Unnamed person 1" in page.html
    assert judgements(catalog).names == {person: "Unnamed person 1"}


def test_a_verdict_pressed_again_is_taken_back(page: Page, catalog: Catalog) -> None:
    page.give("astronaut")
    track = only_hit(page)
    page.press("same", track)
    page.press("same", track)
    found = judgements(catalog)
    assert (found.person_of, found.rejected) == ({}, {})
    page.click("undo-2")
    assert set(judgements(catalog).person_of) == {track}
    page.click("undo-1")
    assert judgements(catalog).names == {}


def test_a_mirrored_photo_of_the_same_person_keeps_the_person(page: Page, catalog: Catalog) -> None:
    page.give("astronaut")
    page.press("same", only_hit(page))
    image = ImageOps.mirror(Image.open(page.photos / "astronaut.jpg").convert("RGB"))
    other = io.BytesIO()
    image.save(other, "JPEG")
    uploads = [("other.jpg", other.getvalue(), "image/jpeg")]
    first = ("a.jpg", (page.photos / "astronaut.jpg").read_bytes(), "image/jpeg")
    page.app.file_uploader(key="photos").set_value([first, *uploads]).run()
    page.app.file_uploader(key="photos").set_value(uploads).run()
    assert not page.asks()
    assert "Unnamed person 1" in page.html
    assert len(judgements(catalog).names) == 1
