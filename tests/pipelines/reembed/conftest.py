"""A catalog to re-embed, its labels, and packs of other models."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import ModuleType

import pytest

from pipelines.indexing.run import index
from tests.pipelines.reembed.states import DIM
from vidsearch.catalog import Catalog
from vidsearch.catalog.people import add_person, judge


@pytest.fixture(scope="package")
def packs(tmp_path_factory: pytest.TempPathFactory, tiny_packs: ModuleType) -> Path:
    """Three packs: two that separate faces, and a blind one that maps all faces to one vector."""
    folder = tmp_path_factory.mktemp("packs")
    tiny_packs.write_tiny_pack(folder / "tiny", dim=DIM)
    tiny_packs.write_tiny_pack(folder / "other", dim=40, seed=1)
    tiny_packs.write_tiny_pack(folder / "blind", dim=8, blind=True)
    return folder


@pytest.fixture(scope="package")
def archive(filmed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive") / "catalog"
    index(folder, [filmed / "videos"])
    return folder


@pytest.fixture
def place(archive: Path, tmp_path: Path) -> Path:
    """A copy of the archive, with a named person and a verdict."""
    copy = Path(shutil.copytree(archive, tmp_path / "catalog"))
    catalog = Catalog.open(copy)
    track = sorted(catalog.tracks(["track_id"])["track_id"].to_pylist())[0]
    judge(catalog, [track], add_person(catalog, "Ann"), same=True)
    return copy


@pytest.fixture
def labels(photos: Path, tmp_path: Path) -> Path:
    path = tmp_path / "labels.csv"
    path.write_text(
        "person,photo,video\n"
        f"Collins,{photos / 'astronaut.jpg'},astronaut film.mp4\n"
        f"card player,{photos / 'dark-shirt.jpg'},group.mkv\n"
        f"another,{photos / 'red-shirt.jpg'},group.mkv\n"
    )
    return path
