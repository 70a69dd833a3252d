"""Fixtures: a small archive of real faces, and photos of people inside and outside it."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import ModuleType

import pytest

from pipelines.demo.camera_moves import CameraMove, DemoVideo
from pipelines.demo.people import load_pictures
from pipelines.demo.render import render_photos, render_video
from tests.helpers import processes as processes_module
from tests.helpers import small_packs
from vidsearch.device import resolve_device
from vidsearch.models.registry import LoadedPack, load_pack

ASTRONAUT_VIDEO = DemoVideo(
    "astronaut film.mp4",
    "libx264",
    (
        CameraMove("astronaut", 2.0, (230, 150, 440), (225, 140, 330)),
        CameraMove("coffee", 1.0, (300, 200, 560), (300, 200, 480)),
    ),
)
GROUP_VIDEO = DemoVideo(
    "sub/group.mkv",
    "libx264",
    (
        CameraMove("group", 2.0, (520, 330, 330), (525, 332, 320)),
        CameraMove("group", 2.0, (790, 410, 420), (800, 400, 340)),
    ),
)


@pytest.fixture(scope="session")
def filmed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rendered once; tests that change files use ``films``."""
    folder = tmp_path_factory.mktemp("filmed")
    pictures = load_pictures()
    for video in (ASTRONAUT_VIDEO, GROUP_VIDEO):
        path = folder / "videos" / video.name
        path.parent.mkdir(parents=True, exist_ok=True)
        render_video(path, video, pictures)
    render_photos(folder / "photos", pictures)
    return folder


@pytest.fixture
def films(filmed: Path, tmp_path: Path) -> Path:
    """A copy of the two videos for one test."""
    return Path(shutil.copytree(filmed / "videos", tmp_path / "videos"))


@pytest.fixture
def photos(filmed: Path) -> Path:
    return filmed / "photos"


@pytest.fixture(scope="session")
def models() -> LoadedPack:
    """The embedded default pack, loaded once."""
    return load_pack("open", resolve_device("cpu"))


@pytest.fixture(scope="session")
def processes() -> ModuleType:
    """The module ``tests/helpers/processes.py``: the command as real processes."""
    return processes_module


@pytest.fixture(scope="session")
def tiny_packs() -> ModuleType:
    """The module ``tests/helpers/small_packs.py``: small packs of other models."""
    return small_packs
