from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from vidsearch.catalog.place import Place
from vidsearch.errors import ConfigError


@pytest.fixture(params=["disk", "store"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "disk":
        yield Place.of(tmp_path / "a b")
        return
    yield Place.of("memory://bucket/a b")
    fsspec.filesystem("memory").store.clear()


def test_what_is_written_is_read(place: Place) -> None:
    file = place.child("x")
    assert not file.exists()
    assert place.names() == []
    with pytest.raises(FileNotFoundError):
        file.read()
    file.write(b"one")
    file.write(b"two")
    assert (file.read(), file.exists(), place.names()) == (b"two", True, ["x"])
    place.child("folder").child("y").write(b"")
    assert place.names() == ["folder", "x"]
    place.child("folder").remove_tree()
    file.remove_tree()
    file.remove_tree()
    assert place.names() == []


def test_writing_once_keeps_the_first(place: Place) -> None:
    assert place.child("x").write_once(b"one")
    assert not place.child("x").write_once(b"two")
    assert place.child("x").read() == b"one"
    assert place.names() == ["x"]


def test_a_failed_write_leaves_the_old_bytes_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = Place.of(tmp_path / "x")
    file.write(b"one")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        file.write(b"two")
    assert (file.read(), Place.of(tmp_path).names()) == (b"one", ["x"])


def test_others_may_read_what_is_written(tmp_path: Path) -> None:
    Place.of(tmp_path / "x").write(b"one")
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o644


def test_places_are_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Place.of("a/").uri == f"{tmp_path}/a"
    assert Place.of(f"file://{tmp_path}/a%20b").uri == f"{tmp_path}/a b"
    assert Place.of("s3://bucket/key/").uri == "s3://bucket/key"
    assert Place.of("s3://bucket/key").path is None
    with pytest.raises(ConfigError, match="is empty"):
        Place.of("")
