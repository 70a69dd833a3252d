"""Name a cluster; index a folder below the root; erase a video with a receipt."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path

from tests.helpers.app_server import Served
from tests.helpers.browser_marks import BROWSER
from tests.helpers.screen import Screen
from vidsearch.catalog import Catalog

pytestmark = BROWSER


def test_a_cluster_is_named(screen: Screen) -> None:
    screen.go("People")
    screen.name_first_cluster("Ada")
    screen.named("Ada")


def test_a_folder_is_indexed_and_a_video_forgotten(
    screen: Screen, served: Served, made: Path
) -> None:
    folder = made / "more" / "in"
    folder.mkdir(parents=True, exist_ok=True)
    video = (made / "archive" / "sub" / "two.mp4").read_bytes()
    (folder / "copy.mp4").write_bytes(video + bytes(8))  # other content: another video
    screen.go("Archive")
    screen.index_folder(made / "archive")
    screen.says(re.compile(r"is not a folder in"))
    screen.index_folder(folder)
    wait_for(lambda: len(videos(served, "copy.mp4")) == 1)
    screen.go("Search")
    screen.go("Archive")
    screen.forget_video("copy.mp4")
    screen.says("Erased. The receipt is")
    assert videos(served, "copy.mp4") == []
    receipts = sorted((Path(served.catalog) / "receipts").iterdir())
    assert json.loads(receipts[-1].read_text())["found"] == 0


def videos(served: Served, name: str) -> list[str]:
    uris: list[str] = Catalog.open(served.catalog).videos(["uri"])["uri"].to_pylist()
    return [uri for uri in uris if uri.endswith("/" + name)]


def wait_for(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not reached():
        assert time.monotonic() < deadline, "nothing was indexed within two minutes"
        time.sleep(0.5)
