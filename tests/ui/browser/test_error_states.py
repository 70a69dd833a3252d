"""Files that are not photos of a face give a plain message and never run as markup."""

from __future__ import annotations

from pathlib import Path

from pipelines.demo.people import load_pictures
from tests.helpers.browser_marks import BROWSER
from tests.helpers.screen import Screen
from vidsearch.video.stills import jpeg

pytestmark = BROWSER

SVG = b"<svg xmlns='http://www.w3.org/2000/svg' onload='window.hurt = 1'><script>hurt=1</script>"
MARKUP = "<img src=x onerror=window.hurt=1>.jpg"


def test_unusable_photos_give_a_message(screen: Screen, made: Path) -> None:
    screen.give(("coffee.jpg", jpeg(load_pictures()["coffee"])))
    screen.says("No face found in coffee.jpg")
    screen.clear()
    screen.give(("drawing.jpg", SVG))
    screen.says("an SVG drawing")
    screen.clear()
    screen.give((MARKUP, b"nonsense"))
    screen.says(f"photo '{MARKUP}'")
    screen.clear()
    screen.give(("film.jpg", (made / "archive" / "astronaut.mkv").read_bytes()[:5000]))
    screen.says("a Matroska or WebM video")
    screen.clear()
    screen.says("Drop a photo of a face")
    assert screen.page.evaluate("window.hurt") is None
    assert screen.page.locator("img[src='x']").count() == 0


def test_a_video_name_with_markup_is_shown_as_text(screen: Screen, made: Path) -> None:
    screen.give(made / "photos" / "red-shirt.jpg")
    screen.says("cards <b>night.mp4")
    assert screen.page.locator("b", has_text="night").count() == 0
