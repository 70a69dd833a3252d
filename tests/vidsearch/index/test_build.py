"""Steps of an index build: failures leave no file, and shards may hold a part of the vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vidsearch.datatypes import Matrix
from vidsearch.errors import ShapeError
from vidsearch.index import build
from vidsearch.index.build import CODES, VECTORS, ShardTask
from vidsearch.index.plan import Kind, choose

ROWS, DIM = 320, 16


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    vectors = build.allocate(tmp_path, (ROWS, DIM))
    vectors[:] = unit_vectors()
    return tmp_path


def unit_vectors() -> Matrix:
    vectors = np.random.default_rng(5).normal(size=(ROWS, DIM))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def ids() -> list[str]:
    return [f"t{row:03d}" for row in range(ROWS)]


def task(folder: Path, kind: Kind, **changes: object) -> ShardTask:
    trained = build.train(folder / VECTORS, choose(ROWS, DIM, kind), folder / "trained.part")
    fields = {
        "trained": trained,
        "vectors": folder / VECTORS,
        "start": 0,
        "stop": ROWS,
        "out": folder / "shard-00000.part",
    } | changes
    return ShardTask(**fields)  # type: ignore[arg-type]


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_shard_that_cannot_be_written_leaves_no_file(folder: Path) -> None:
    work = task(folder, "ivf-sq8", out=folder / "shard-00000.part")
    work.out.mkdir()
    (work.out / "in the way").touch()
    before = names(folder)
    with pytest.raises(OSError, match="shard-00000"):
        build.build_shard(work)
    assert names(folder) == before


def test_a_shard_from_a_part_of_the_vectors_is_the_same(folder: Path) -> None:
    # A worker gets rows 100 to 200 as a file of its own: row 100 is the first of that file.
    np.save(folder / "part.npy", unit_vectors()[100:200])
    whole = task(folder, "ivf-sq8", start=100, stop=200)
    part = task(
        folder,
        "ivf-sq8",
        start=100,
        stop=200,
        first=100,
        vectors=folder / "part.npy",
        out=folder / "other.part",
    )
    assert build.build_shard(whole).read_bytes() == build.build_shard(part).read_bytes()


def test_files_of_killed_workers_are_removed(folder: Path) -> None:
    (folder / "shard-00000.part.0123456789abcdef").write_bytes(b"unfinished")
    made = build.build(folder, choose(ROWS, DIM, "ivf-sq8"), threads=1)
    assert names(folder) == set(made)


@pytest.mark.parametrize("kind", ["flat-sq8", "flat-pq", "ivf-sq8"])
def test_ids_of_another_number_are_refused(folder: Path, kind: Kind) -> None:
    # Otherwise a hit would be reported under the id of another track.
    plan = choose(ROWS, DIM, kind)
    build.build(folder, plan, threads=1)
    assert len(build.load(folder, plan, ids())) == ROWS
    with pytest.raises(ShapeError, match=str(ROWS)):
        build.load(folder, plan, ids()[:-1])


@pytest.mark.parametrize("missing", [VECTORS, CODES])
def test_a_missing_file_is_an_error(folder: Path, missing: str) -> None:
    plan = choose(ROWS, DIM, "flat-sq8")
    build.build(folder, plan, threads=1)
    (folder / missing).unlink()
    with pytest.raises((OSError, RuntimeError), match=missing):
        build.load(folder, plan, ids())
