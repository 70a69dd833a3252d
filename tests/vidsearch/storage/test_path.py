from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

from vidsearch.catalog import Catalog
from vidsearch.commands.main import main
from vidsearch.errors import CatalogError, ConfigError, VidsearchError
from vidsearch.storage.path import StoragePath


@pytest.fixture(params=["disk", "store"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StoragePath]:
    if request.param == "disk":
        yield StoragePath.of(tmp_path / "a b")
        return
    yield StoragePath.of("memory://bucket/a b")
    fsspec.filesystem("memory").store.clear()


def test_what_is_written_is_read(place: StoragePath) -> None:
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


def test_writing_once_keeps_the_first(place: StoragePath) -> None:
    assert place.child("x").write_once(b"one")
    assert not place.child("x").write_once(b"two")
    assert place.child("x").read() == b"one"
    assert place.names() == ["x"]


def test_a_failed_write_leaves_the_old_bytes_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = StoragePath.of(tmp_path / "x")
    file.write(b"one")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        file.write(b"two")
    assert (file.read(), StoragePath.of(tmp_path).names()) == (b"one", ["x"])


def test_others_may_read_what_is_written(tmp_path: Path) -> None:
    StoragePath.of(tmp_path / "x").write(b"one")
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o644


def test_places_are_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert StoragePath.of("a/").uri == f"{tmp_path}/a"
    assert StoragePath.of(f"file://{tmp_path}/a%20b").uri == f"{tmp_path}/a b"
    assert StoragePath.of("s3://bucket/key/").uri == "s3://bucket/key"
    assert StoragePath.of("s3://bucket/key").path is None
    with pytest.raises(ConfigError, match="is empty"):
        StoragePath.of("")


UNREACHABLE = {
    "foo://bar": (ConfigError, "has the unknown scheme 'foo'"),
    "lost+1://bar": (ConfigError, r"has the unknown scheme 'lost\+1'"),
    "needy://bar/cat": (CatalogError, r"needs a package .*install storagelib.*; install it"),
    "broken://bar/cat": (CatalogError, r"cannot be reached \(RuntimeError: no route: here\)"),
}


class Needy(fsspec.AbstractFileSystem):  # type: ignore[misc]
    """Storage whose package is missing."""

    def __init__(self, *args: object, **options: object) -> None:
        raise ImportError("Please install storagelib to access it")


class Broken(fsspec.AbstractFileSystem):  # type: ignore[misc]
    def __init__(self, *args: object, **options: object) -> None:
        raise RuntimeError("no route\nhere")


@pytest.fixture
def storages() -> None:
    fsspec.register_implementation("needy", Needy, clobber=True)
    fsspec.register_implementation("broken", Broken, clobber=True)


@pytest.mark.usefixtures("storages")
@pytest.mark.parametrize("uri", UNREACHABLE)
def test_storage_that_cannot_be_had_is_one_clear_line(
    uri: str, capsys: pytest.CaptureFixture[str]
) -> None:
    kind, message = UNREACHABLE[uri]
    wanted: dict[str, Any] = {"pack": "toy", "model_id": "toy/1", "dim": 4}
    uses: tuple[Callable[[], object], ...] = (
        lambda: Catalog.open(uri),
        lambda: Catalog.create(uri, **wanted),
    )
    for use in uses:
        with pytest.raises(kind, match=message) as caught:
            use()
        assert isinstance(caught.value, VidsearchError)
        assert "\n" not in str(caught.value)
    assert main(["status", uri]) == 2
    shown = capsys.readouterr().err
    assert shown.startswith(f"vidsearch: '{uri}/catalog.json'")
    assert shown.count("\n") == 1
