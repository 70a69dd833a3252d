"""Local copies of an index in an object store: complete, made once, removed on request."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from vidsearch.storage.local_copies import local_copy, remove_local_copies
from vidsearch.storage.path import StoragePath

OLD, NEW = "gen-000000000001-a", "gen-000000000002-b"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StoragePath]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root = StoragePath.of("memory://bucket/catalog")
    for name in (OLD, NEW):
        folder = root.child("index").child(name)
        folder.child("vectors").write(name.encode())
        folder.child("meta.json").write(json.dumps({"sha256": {"vectors": "0"}}).encode())
    yield root
    fsspec.filesystem("memory").store.clear()


def copies(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "cache/vidsearch/index").glob("*/*"))


def test_a_generation_is_copied_once(root: StoragePath) -> None:
    copy = local_copy(root, NEW, "meta.json")
    assert (copy / "vectors").read_bytes() == NEW.encode()
    root.child("index").remove_tree()
    assert local_copy(root, NEW, "meta.json") == copy


def test_older_copies_are_removed(root: StoragePath, tmp_path: Path) -> None:
    local_copy(root, OLD, "meta.json")
    local_copy(root, NEW, "meta.json")
    assert copies(tmp_path) == [NEW]


@pytest.mark.parametrize(
    ("description", "error"),
    [(b"{", ValueError), (b"{}", KeyError), (b'{"sha256": {"lost": "0"}}', OSError)],
)
def test_an_incomplete_generation_leaves_no_copy(
    root: StoragePath, tmp_path: Path, description: bytes, error: type[Exception]
) -> None:
    root.child("index").child(NEW).child("meta.json").write(description)
    with pytest.raises(error):
        local_copy(root, NEW, "meta.json")
    assert copies(tmp_path) == []


def test_copies_of_one_catalog_are_removed(root: StoragePath, tmp_path: Path) -> None:
    other = StoragePath.of("memory://bucket/other")
    local_copy(root, NEW, "meta.json")
    remove_local_copies(other)
    assert copies(tmp_path) == [NEW]
    remove_local_copies(root)
    assert copies(tmp_path) == []
