"""Generations on a disk and in an object store."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import fsspec
import numpy as np
import pyarrow as pa
import pytest

from vidsearch.datatypes import Matrix
from vidsearch.index.generations import (
    Allocate,
    BrokenGenerationError,
    Content,
    build_generation,
    current_name,
    read_generation,
    remove_old_generations,
)
from vidsearch.storage.path import StoragePath

VECTORS = np.eye(3, dtype=np.float32)
ROWS = pa.table({"track_id": ["a", "b", "c"], "video_id": ["v", "w", "v"]})
ATTEMPTS = pa.table({"video_id": ["u", "v", "w"], "run_id": ["r", "r", "s"]})


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StoragePath]:
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: str(tmp_path / name))
    yield StoragePath.of("memory://bucket/catalog")
    fsspec.filesystem("memory").store.clear()


def write(place: StoragePath) -> str:
    def templates(allocate: Allocate) -> tuple[pa.Table, Matrix]:
        held = allocate((3, 3))
        held[:] = VECTORS
        return ROWS, held

    versions = {"videos": 1, "tracks": 2}
    return build_generation(
        place,
        Content(templates=templates, attempts=ATTEMPTS, versions=versions, model_id="toy"),
    )


def test_a_generation_in_an_object_store_is_copied_once(
    store: StoragePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read_generation(store, "toy", 3) is None
    read = StoragePath.read
    name = write(store)
    for _ in range(2):
        generation = read_generation(store, "toy", 3)
        assert generation is not None
        assert (generation.name, generation.meta.versions) == (name, {"videos": 1, "tracks": 2})
        assert generation.rows["track_id"].to_pylist() == ["a", "b", "c"]
        assert generation.videos.equals(ATTEMPTS)
        of_w = generation.rows_of(np.array([False, False, True]))
        assert of_w.tolist() == [False, True, False]
        assert generation.index.search(VECTORS[1:2], 1)[0].ids == ("b",)
        # Only the pointer is read from here on.
        monkeypatch.setattr(
            StoragePath, "read", lambda place: read(place) if place.uri.endswith("CURRENT") else b""
        )


def test_a_damaged_copy_is_fetched_anew(store: StoragePath, tmp_path: Path) -> None:
    write(store)
    read_generation(store, "toy", 3)
    (copy,) = tmp_path.glob("vidsearch/index/*/*/vectors.faiss")
    copy.write_bytes(copy.read_bytes()[:-1])
    generation = read_generation(store, "toy", 3)
    assert generation is not None
    assert len(generation.index) == 3


def test_a_generation_damaged_in_the_store_is_broken(store: StoragePath) -> None:
    file = store.child("index").child(write(store)).child("rows.arrow")
    file.write(file.read()[:-9])
    with pytest.raises(BrokenGenerationError, match=r"rows\.arrow is torn or damaged"):
        read_generation(store, "toy", 3)


@pytest.mark.parametrize(("model_id", "dim"), [("other", 3), ("toy", 4)])
def test_another_models_generation_is_broken(tmp_path: Path, model_id: str, dim: int) -> None:
    place = StoragePath.of(tmp_path)
    write(place)
    with pytest.raises(BrokenGenerationError, match=r"holds vectors of model 'toy' \(3\)"):
        read_generation(place, model_id, dim)


def test_what_may_still_be_opened_is_kept(tmp_path: Path) -> None:
    place = StoragePath.of(tmp_path)
    oldest, first, second = write(place), write(place), write(place)
    os.utime(tmp_path / "index" / oldest / "meta.json", (0, 0))  # replaced long ago
    hours_ago = f"gen-{time.time_ns() // 1_000_000 - 5 * 3600 * 1000:012x}-slow"
    (tmp_path / "index" / hours_ago).mkdir()  # training a large index takes its time
    for name in ("gen-000000000001-aa", "gen-zz", "notes.txt"):
        (tmp_path / "index" / name).mkdir()
    assert current_name(place) == second
    remove_old_generations(place, keep=(second,))
    # `first` was begun just now, like a build in progress.
    assert sorted(p.name for p in (tmp_path / "index").iterdir()) == sorted(
        ["CURRENT", first, second, hours_ago, "gen-zz", "notes.txt"]
    )
