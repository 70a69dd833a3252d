"""Accounts of sources in a catalog: written, read, replaced, damaged."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vidsearch.catalog.sources.accounts import FOLDER, read_scopes, write_scopes
from vidsearch.errors import CatalogWriteError, ConfigError
from vidsearch.storage.path import StoragePath
from vidsearch.video.discovery.account import Account, Scope, SourceFailure

ODD = os.fsdecode(b"/nas/latin\xe9")
ACCOUNT = Account(
    videos=2,
    folders=3,
    repeated=1,
    passed_over={"": 1, ".xmp": 12},
    excluded={"#recycle": 4, "*.tmp": 0},
    unreadable={f"{ODD}/locked": "Permission denied"},
    dangling=(f"{ODD}/gone.mp4",),
    special=("/nas/pipe",),
    uncounted=("/nas/#snapshot",),
)


@pytest.fixture
def root(tmp_path: Path) -> StoragePath:
    return StoragePath.of(tmp_path)


def test_an_account_is_read_as_it_was_written(root: StoragePath) -> None:
    failure = SourceFailure(f"{ODD}.mp4", ConfigError("'x' holds no video files"))
    write_scopes(root, [Scope(ODD, ACCOUNT, (failure,))])
    (status,) = read_scopes(root)
    assert (status.source, status.account) == (ODD, ACCOUNT)
    assert status.failures == ((f"{ODD}.mp4", "ConfigError", "'x' holds no video files"),)
    plain = status.to_json()
    assert plain["source"] == "file:///nas/latin%E9"
    assert plain["dangling"] == ["file:///nas/latin%E9/gone.mp4"]
    assert plain["unreadable"] == ["file:///nas/latin%E9/locked"]
    assert plain["passed_over"] == {"": 1, ".xmp": 12}


def test_the_last_search_counts_and_replaces_those_inside(root: StoragePath) -> None:
    empty = Account()
    write_scopes(root, [Scope(name, ACCOUNT, ()) for name in ("/nas/a", "/nas/ab", "/nas/a/b")])
    write_scopes(root, [Scope("/nas/a", Account(videos=7), ())])
    assert [(s.source, s.account.videos) for s in read_scopes(root)] == [
        ("/nas/a", 7),
        ("/nas/ab", 2),
    ]
    # A folder that was never searched and does not exist may be a typing error.
    write_scopes(root, [Scope("/nas/typo", empty, ()), Scope("/nas/ab", empty, ())])
    assert [(s.source, s.account.videos) for s in read_scopes(root)] == [
        ("/nas/a", 7),
        ("/nas/ab", 0),
    ]


def test_incomplete_files_are_left_out(root: StoragePath) -> None:
    write_scopes(root, [Scope("/nas/a", ACCOUNT, ())])
    folder = root.child(FOLDER)
    folder.child("torn.jsonl").write(b'{"source": "/nas/b", "sear')
    folder.child("empty.jsonl").write(b"")
    folder.child("other.txt").write(b"x")
    assert [status.source for status in read_scopes(root)] == ["/nas/a"]
    assert read_scopes(root.child("elsewhere")) == ()


def test_a_folder_that_cannot_be_written(root: StoragePath, tmp_path: Path) -> None:
    (tmp_path / FOLDER).write_bytes(b"a file")
    with pytest.raises(CatalogWriteError, match="cannot be written"):
        write_scopes(root, [Scope("/nas/a", ACCOUNT, ())])
