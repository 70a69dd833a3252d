"""Fixtures: a small archive of real faces, indexed once per session, and the app over it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.demo.camera_moves import CameraMove, DemoVideo
from pipelines.demo.people import load_pictures
from pipelines.demo.render import render_photos, render_video
from pipelines.indexing.run import index
from ui.service.settings import VARIABLE, UiSettings
from vidsearch.catalog import Catalog

VIDEOS = (
    DemoVideo(
        "astronaut.mkv",
        "libx264",
        (
            CameraMove("coffee", 1.0, (300, 200, 560), (300, 200, 480)),
            CameraMove("astronaut", 2.0, (230, 150, 440), (225, 140, 330)),
        ),
    ),
    DemoVideo(
        "sub/cards <b>night.mp4",
        "libx264",
        (
            CameraMove("rocket", 1.5, (320, 200, 500), (330, 220, 420)),
            CameraMove("group", 2.0, (790, 410, 420), (800, 400, 340)),
        ),
    ),
    DemoVideo(
        "sub/two.mp4", "libx264", (CameraMove("group", 2.0, (330, 320, 640), (330, 320, 600)),)
    ),
)


@pytest.fixture(autouse=True)
def main_module() -> Iterator[None]:
    """Restore ``__main__``: AppTest replaces it, and spawned workers of later tests import it."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with ``archive``, ``photos`` and ``catalog``; tests that write take ``archive``."""
    folder = tmp_path_factory.mktemp("ui")
    pictures = load_pictures()
    for film in VIDEOS:
        path = folder / "archive" / film.name
        path.parent.mkdir(parents=True, exist_ok=True)
        render_video(path, film, pictures)
    (folder / "archive" / "damaged.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + bytes(200))
    photos = render_photos(folder / "photos", pictures)
    assert photos
    index(folder / "catalog", [folder / "archive"])
    return folder


@pytest.fixture
def own(made: Path, tmp_path: Path) -> Path:
    """A copy of the catalog that the test may change."""
    return Path(shutil.copytree(made / "catalog", tmp_path / "catalog"))


@pytest.fixture
def catalog(own: Path) -> Catalog:
    return Catalog.open(own)


@pytest.fixture
def app_over(monkeypatch: pytest.MonkeyPatch) -> object:
    """Make the app run over a catalog, as ``vidsearch ui`` would start it."""

    def start(place: Path, **options: object) -> None:
        used = UiSettings(catalog=str(place), **options)  # type: ignore[arg-type]
        monkeypatch.setenv(VARIABLE, used.to_environment()[VARIABLE])

    return start
