"""Two visitors at once: neither sees data of the other."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from tests.helpers.browser_marks import BROWSER
from tests.helpers.screen import Screen

pytestmark = BROWSER


def test_two_visitors_see_only_their_own_photos(visit: Callable[[], Screen], made: Path) -> None:
    one, other = visit(), visit()
    one.give(made / "photos" / "astronaut.jpg")
    one.says("Found 1 likely appearance in 1 video.")
    other.says("Drop a photo of a face")
    assert other.faces().count() == 0
    other.give(made / "photos" / "red-shirt.jpg")
    other.says("cards <b>night.mp4")
    shown = [screen.page.content() for screen in (one, other)]
    assert "astronaut.jpg" in shown[0]
    assert "red-shirt.jpg" not in shown[0]
    assert "red-shirt.jpg" in shown[1]
    assert "astronaut.jpg" not in shown[1]
    # Gone with the photo: a fresh visit starts with nothing.
    one.page.reload()
    one.says("Drop a photo of a face")
    assert one.faces().count() == 0
    assert not re.search(r"astronaut\.jpg", one.page.content())
