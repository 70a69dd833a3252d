"""Modes of a catalog's files and folder: private by default, and the user's umask otherwise."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers import synthetic_catalog as synthetic
from vidsearch.catalog import Catalog, CatalogWriter
from vidsearch.catalog.people import add_person, judge
from vidsearch.erasure.person import forget_person
from vidsearch.search.track_index import rebuild

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has other rights")


@pytest.fixture(params=[0o022, 0o077], ids=oct)
def mask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def create(folder: Path) -> Catalog:
    return Catalog.create(folder, pack="toy", model_id=synthetic.MODEL_ID, dim=synthetic.DIM)


def test_a_new_folder_is_private_and_files_follow_the_umask(tmp_path: Path, mask: int) -> None:
    folder = tmp_path / "parent" / "catalog"
    catalog = create(folder)
    with CatalogWriter(catalog) as writer:
        writer.add(synthetic.make_video(1, tracks=3))
    tracks = sorted(catalog.tracks(["track_id"])["track_id"].to_pylist())
    ada = add_person(catalog, "Ada")
    judge(catalog, tracks[:1], ada, same=True)
    rebuild(catalog)
    forget_person(catalog, ada)
    assert mode(folder) == 0o700
    assert mode(folder.parent) == 0o777 & ~mask
    inside = list(folder.rglob("*"))
    assert {mode(path) for path in inside if path.is_file()} == {0o666 & ~mask}
    assert {mode(path) for path in inside if path.is_dir()} == {0o777 & ~mask}


def test_an_existing_folder_keeps_its_mode(tmp_path: Path) -> None:
    folder = tmp_path / "catalog"
    folder.mkdir()
    folder.chmod(0o775)
    create(folder)
    assert mode(folder) == 0o775
