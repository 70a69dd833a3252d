"""A tiny archive of real faces, filmed once a session, and photos of who is (not) in it."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

from pipelines.demo.filming import encode_film, take_photos
from pipelines.demo.people import load_pictures
from pipelines.demo.screenplay import Film, Shot
from vidsearch.device import resolve_device
from vidsearch.models.registry import LoadedPack, load_pack

ASTRONAUT_FILM = Film(
    "astronaut film.mp4",
    "libx264",
    (
        Shot("astronaut", 2.0, (230, 150, 440), (225, 140, 330)),
        Shot("coffee", 1.0, (300, 200, 560), (300, 200, 480)),
    ),
)
GROUP_FILM = Film(
    "sub/group.mkv",
    "libx264",
    (
        Shot("group", 2.0, (520, 330, 330), (525, 332, 320)),
        Shot("group", 2.0, (790, 410, 420), (800, 400, 340)),
    ),
)


@pytest.fixture(scope="session")
def filmed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once; tests that change files use ``films``."""
    folder = tmp_path_factory.mktemp("filmed")
    pictures = load_pictures()
    for film in (ASTRONAUT_FILM, GROUP_FILM):
        path = folder / "videos" / film.name
        path.parent.mkdir(parents=True, exist_ok=True)
        encode_film(path, film, pictures)
    take_photos(folder / "photos", pictures)
    return folder


@pytest.fixture
def films(filmed: Path, tmp_path: Path) -> Path:
    """The two films in a folder of the test's own."""
    return Path(shutil.copytree(filmed / "videos", tmp_path / "videos"))


@pytest.fixture
def photos(filmed: Path) -> Path:
    return filmed / "photos"


@pytest.fixture(scope="session")
def models() -> LoadedPack:
    """The embedded default pack, loaded once."""
    return load_pack("open", resolve_device("cpu"))


def _beside(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where its dataclasses look for their types
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def processes() -> ModuleType:
    """The helpers of ``processes.py``: the command as real processes, poisonous videos."""
    return _beside("processes")


@pytest.fixture(scope="session")
def tiny_packs() -> ModuleType:
    """The helpers of ``packs.py``: small packs of other models."""
    return _beside("packs")
