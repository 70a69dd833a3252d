"""The search page decides by codes: with other words it shows the same warnings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pipelines.demo.people import load_pictures
from tests.helpers.other_words import replace_sentences
from vidsearch.video.stills import jpeg

APP = Path(__file__).resolve().parents[3] / "ui" / "script" / "start.py"
Start = Callable[..., None]


def search(files: list[tuple[str, bytes]]) -> AppTest:
    app = AppTest.from_file(str(APP), default_timeout=60).run()
    photos = [(name, content, "image/jpeg") for name, content in files]
    app.file_uploader(key="photos").set_value(photos).run()
    assert not app.exception
    return app


def icons(app: AppTest) -> list[str]:
    return [warning.icon for warning in app.warning]


@pytest.mark.parametrize("other_words", [False, True])
def test_an_unreliable_face_is_a_warning(
    app_over: Start, made: Path, monkeypatch: pytest.MonkeyPatch, other_words: bool
) -> None:
    if other_words:
        replace_sentences(monkeypatch)
    app_over(made / "catalog")
    app = search([("small.jpg", jpeg(load_pictures()["astronaut"], 120))])
    # One warning beside the photo, and one above the hits.
    assert icons(app) == [":material/blur_on:", ":material/blur_on:"]
    assert ("[unclear-face]" in {markdown(w.value) for w in app.warning}) == other_words


@pytest.mark.parametrize("other_words", [False, True])
def test_photos_of_different_people_are_a_warning(
    app_over: Start, made: Path, monkeypatch: pytest.MonkeyPatch, other_words: bool
) -> None:
    if other_words:
        replace_sentences(monkeypatch)
    app_over(made / "catalog")
    photos = [made / "photos" / f"{slug}.jpg" for slug in ("astronaut", "red-shirt")]
    app = search([(photo.name, photo.read_bytes()) for photo in photos])
    assert icons(app) == [":material/group:"]
    assert (markdown(app.warning[0].value) == "[different-people]") == other_words


@pytest.mark.parametrize("other_words", [False, True])
def test_videos_that_failed_are_linked(
    app_over: Start, made: Path, monkeypatch: pytest.MonkeyPatch, other_words: bool
) -> None:
    if other_words:
        replace_sentences(monkeypatch)
    app_over(made / "catalog")
    app = search([("a.jpg", (made / "photos" / "astronaut.jpg").read_bytes())])
    labels = [link.proto.label for link in app.get("page_link")]
    assert "What could not be searched" in labels
    captions = [caption.value for caption in app.caption]
    assert ("[searched] [failed]" in captions) == other_words
    # The page names no command of the shell.
    assert not any("vidsearch status" in caption for caption in captions)


def markdown(shown: str) -> str:
    """Return Markdown without its escapes."""
    return shown.replace("\\", "")
