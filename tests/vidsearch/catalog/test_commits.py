"""Commits: retried while other writers win, and the table store's errors as ours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from deltalake.exceptions import CommitFailedError, DeltaError

from vidsearch.catalog import commits
from vidsearch.catalog.commits import commit, read_errors, require_space, write_errors
from vidsearch.catalog.tables import Table
from vidsearch.errors import CatalogConflictError, CatalogError, CatalogWriteError
from vidsearch.storage.path import StoragePath

ROOT = StoragePath("/archive")

TABLE = Table(ROOT, "videos")


def failing(error: Exception, times: int) -> tuple[Callable[[], None], list[int]]:
    """Return a write that fails some times, and the list of its calls."""
    calls: list[int] = []

    def write() -> None:
        calls.append(len(calls))
        if len(calls) <= times:
            raise error

    return write, calls


def test_a_commit_is_repeated_until_it_wins() -> None:
    write, calls = failing(CommitFailedError("a concurrent transaction added data"), 3)
    commit(TABLE, write)
    assert len(calls) == 4


def test_contention_ends_with_our_error(monkeypatch: pytest.MonkeyPatch) -> None:
    write, calls = failing(CommitFailedError("a concurrent transaction\nHelp: rerun"), 10**6)
    monkeypatch.setattr(commits, "RETRY_FOR_S", 0.1)
    message = r"^other writers of the catalog '/archive' committed first for 0 s \(a concurrent "
    message += r"transaction: "
    with pytest.raises(CatalogConflictError, match=message) as caught:
        commit(TABLE, write)
    assert isinstance(caught.value.__cause__, CommitFailedError)
    assert len(calls) > 1


@pytest.mark.parametrize("error", [DeltaError("no log"), OSError(28, "No space left on device")])
def test_other_errors_are_not_retried(error: Exception) -> None:
    write, calls = failing(error, 1)
    with pytest.raises(CatalogWriteError, match="catalog '/archive' cannot be written"):
        commit(TABLE, write)
    assert len(calls) == 1


def test_our_own_errors_pass_unchanged() -> None:
    write, calls = failing(CatalogError("table 'videos' cannot be read"), 1)
    with pytest.raises(CatalogError, match=r"^table 'videos' cannot be read$"):
        commit(TABLE, write)
    assert len(calls) == 1


def test_a_read_error_names_the_table(tmp_path: Path) -> None:
    (tmp_path / "faces").mkdir()
    with (
        pytest.raises(CatalogError, match=r"table 'faces' .* cannot be read \(torn: footer\)"),
        read_errors(ROOT, StoragePath(str(tmp_path / "faces"))),
    ):
        raise DeltaError("torn\nfooter")
    with (
        pytest.raises(CatalogError, match=r"'faces' .* \(its folder '/none/faces' is missing\)"),
        read_errors(ROOT, StoragePath("/none/faces")),
    ):
        raise DeltaError("torn\nfooter")


def test_a_removed_folder_is_found_before_writing() -> None:
    with pytest.raises(CatalogWriteError, match="check that the folder exists"):
        require_space(StoragePath("/no such folder"), 1)
    require_space(StoragePath("memory://bucket"), 1 << 60)  # object stores have no limit


@pytest.mark.parametrize(
    "error", [OSError(24, "Too many open files"), DeltaError("Unable to open (os error 24)")]
)
def test_a_limit_of_open_files_is_no_damage(error: Exception) -> None:
    remedy = "raise the limit of open files"
    with pytest.raises(CatalogError, match=remedy), read_errors(ROOT, ROOT.child("tracks")):
        raise error
    with pytest.raises(CatalogWriteError, match=remedy), write_errors(ROOT):
        raise error
