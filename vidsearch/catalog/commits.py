"""Reads and commits of a table: retries beside other processes, and conversion of errors."""

from __future__ import annotations

import errno
import functools
import logging
import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import pyarrow as pa

from vidsearch.catalog.table_files import CommittedTable, list_checksums
from vidsearch.errors import (
    CatalogChangedError,
    CatalogConflictError,
    CatalogError,
    CatalogWriteError,
)
from vidsearch.storage.drive import commit_lock, has_hard_links, try_writing
from vidsearch.storage.locks import SHARED_LOCKS
from vidsearch.storage.path import StoragePath
from vidsearch.text.printable import one_line

_LOG = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

RETRY_FOR_S = 120.0
"""Longest time for which a commit is retried; ``maintenance.STALE_AFTER_S`` relies on it."""
_FIRST_WAIT_S = 0.02
_LONGEST_WAIT_S = 2.0

_READS = 10
_LONGEST_READ_WAIT_S = 0.5

_MORE_SPACE = "free space or check the write permission, then repeat the command"
_MORE_FILES = "raise the limit of open files (ulimit -n 1024), then repeat the command"
_RESTORE = "restore it from a copy, or index into a new folder"
_FREE_MARGIN = 4 << 20  # bytes that a commit needs beside its rows: log entries, file footers


def read_again(read: Callable[P, R]) -> Callable[P, R]:
    """Repeat a read if files of the version that it reads are removed meanwhile.

    An erasure removes the files of old versions at once. Each call must take the state of the
    tables anew, so that a repeated read returns no erased row. After several calls the error is
    raised.

    Args:
        read: Reads the tables and changes nothing.
    """

    @functools.wraps(read)
    def repeated(*args: P.args, **kwargs: P.kwargs) -> R:
        from tenacity import stop_after_attempt

        retrying = _retrying(CatalogChangedError, stop_after_attempt(_READS), _LONGEST_READ_WAIT_S)
        result: R = retrying(read, *args, **kwargs)
        return result

    return repeated


def _retrying(failure: type[Exception], stop: Any, longest_wait_s: float) -> Any:
    """Return a caller that repeats a call after a failure, each time after a longer random wait."""
    from tenacity import (
        Retrying,
        before_sleep_log,
        retry_if_exception_type,
        wait_random_exponential,
    )

    return Retrying(
        retry=retry_if_exception_type(failure),
        stop=stop,
        wait=wait_random_exponential(multiplier=_FIRST_WAIT_S, max=longest_wait_s),
        before_sleep=before_sleep_log(_LOG, logging.DEBUG),
        reraise=True,
    )


def commit(table: CommittedTable, write: Callable[[], None]) -> None:
    """Call ``write``; repeat the call while other writers commit first, for ``RETRY_FOR_S``.

    Args:
        table: Table that is written.
        write: Makes one commit.

    Raises:
        CatalogConflictError: Other writers committed first for ``RETRY_FOR_S``.
        CatalogWriteError: The table cannot be written.
    """
    from deltalake.exceptions import CommitFailedError
    from tenacity import stop_after_delay

    retrying = _retrying(CommitFailedError, stop_after_delay(RETRY_FOR_S), _LONGEST_WAIT_S)

    def attempt() -> None:
        with exclusive(table.root):
            write()
            list_checksums(table)

    try:
        with write_errors(table.root):
            retrying(attempt)
    except CommitFailedError as error:
        raise CatalogConflictError(
            f"other writers of the catalog {table.root.uri!r} committed first for "
            f"{RETRY_FOR_S:.0f} s ({one_line(error)}); repeat the command "
            "with fewer writers at a time"
        ) from error


def commit_change(
    table: CommittedTable, open_to_write: Callable[[], Any], change: Callable[[Any], None]
) -> None:
    """Commit a change that reads rows first; repeat it if their files are removed meanwhile.

    Args:
        table: Table that is written.
        open_to_write: Opens the table at its newest version.
        change: Changes the opened table; a repeated call changes nothing more.

    Raises:
        CatalogConflictError: As for ``commit``.
        CatalogWriteError: The table cannot be written.
    """
    from deltalake.exceptions import CommitFailedError, DeltaError

    def write() -> None:
        opened = open_to_write()
        version = int(opened.version())
        try:
            change(opened)
        except CommitFailedError:
            raise
        except (OSError, DeltaError, pa.ArrowException) as error:
            if int(open_to_write().version()) > version:
                raise CommitFailedError(one_line(error)) from error
            raise

    commit(table, write)


def is_superseded(opened: Any, newest: Callable[[], Any]) -> bool:
    """Return True if a table has a newer version than the opened one.

    Args:
        opened: Opened version.
        newest: Opens the newest version.
    """
    try:
        return int(newest().version()) > int(opened.version())
    except CatalogError:
        return False


def drive_options(root: StoragePath) -> dict[str, str]:
    """Return the table store's options for the drive of a catalog.

    The store gives the file of a commit its name by a hard link. On a drive without hard links it
    renames the file, which is safe together with ``exclusive``.
    """
    if root.path is None or has_hard_links(root.path):
        return {}
    return {"allow_unsafe_rename": "true"}


@contextmanager
def exclusive(root: StoragePath) -> Iterator[None]:
    """Exclude other commits on a drive without hard links, and erasures on every local drive.

    Elsewhere the table store orders the commits of several processes.
    """
    if root.path is None or not root.path.is_dir():
        yield
        return
    with commit_lock(root.path, shared=has_hard_links(root.path)):
        yield


@contextmanager
def writers_excluded(root: StoragePath) -> Iterator[bool]:
    """Exclude every other commit; yield False where that is not possible.

    Args:
        root: Folder of the catalog. Object stores and Windows have no such lock.
    """
    if root.path is None or not SHARED_LOCKS:
        yield False
        return
    with commit_lock(root.path):
        yield True


def require_writable(root: StoragePath, table_folders: Iterable[StoragePath]) -> None:
    """Raise if the next commit must fail: the drive is full or read-only, or permissions lack.

    Args:
        root: Folder of an existing catalog.
        table_folders: Folders of its tables.

    Raises:
        CatalogWriteError: The catalog cannot be written.
    """
    require_space(root, 0)
    try:
        if root.path is None:
            probe = root.child(f".probe-{secrets.token_hex(8)}")
            probe.write(b"")
            probe.remove_tree()
            return
        try_writing(root.path)
        for folder in table_folders:
            for path in (Path(folder.uri), Path(folder.uri) / "_delta_log"):
                if path.is_dir() and not os.access(path, os.W_OK | os.X_OK):
                    raise PermissionError(errno.EACCES, f"no write permission in {path.name}")
    except OSError as error:
        raise CatalogWriteError(
            f"catalog {root.uri!r} cannot be written ({one_line(error)}); change its "
            "permissions, or copy it to a drive that can be written; no video was read"
        ) from error


@contextmanager
def write_errors(root: StoragePath) -> Iterator[None]:
    """Turn the table store's errors into vidsearch errors while a table is written.

    A ``CommitFailedError`` is not converted, because the commit can be retried.

    Raises:
        CatalogWriteError: The table cannot be written.
    """
    from deltalake.exceptions import CommitFailedError, DeltaError

    try:
        yield
    except CommitFailedError:
        raise
    except (OSError, DeltaError, pa.ArrowException) as error:
        raise CatalogWriteError(
            f"catalog {root.uri!r} cannot be written ({one_line(error)}); "
            + (_MORE_FILES if _lacks_descriptors(error) else _MORE_SPACE)
        ) from error


def _lacks_descriptors(error: BaseException) -> bool:
    """Return True if the limit of open files was reached; the table store has only a text."""
    return getattr(error, "errno", None) == errno.EMFILE or f"os error {errno.EMFILE}" in str(error)


@contextmanager
def read_errors(
    root: StoragePath, table: StoragePath, changed: Callable[[], bool] = lambda: False
) -> Iterator[None]:
    """Turn the table store's errors into vidsearch errors while a table is read.

    Args:
        root: Folder of the catalog.
        table: Folder of the table.
        changed: Returns True if the table changed since its files were listed; asked on an error.

    Raises:
        CatalogChangedError: Another process changed the table meanwhile.
        CatalogError: The table is missing or damaged.
    """
    from deltalake.exceptions import DeltaError

    try:
        yield
    except (OSError, DeltaError, pa.ArrowException) as error:
        missing = table.path is not None and not table.path.is_dir()
        if not missing and changed():
            raise CatalogChangedError(
                f"table {table.name!r} of the catalog {root.uri!r} changed while it was read, as "
                "by an erasure; nothing is lost: repeat the command"
            ) from error
        fault = f"its folder {table.uri!r} is missing" if missing else one_line(error)
        raise CatalogError(
            f"table {table.name!r} of the catalog {root.uri!r} cannot be read ({fault}); "
            + (_MORE_FILES if _lacks_descriptors(error) else _RESTORE)
        ) from error


def require_space(root: StoragePath, size: int) -> None:
    """Raise if the disk has too little free space for a commit.

    The table store's own message for a full disk is very long.

    Args:
        root: Folder of the catalog; an object store is not checked.
        size: Bytes of the rows.

    Raises:
        CatalogWriteError: The disk has too little free space.
    """
    if root.path is None:
        return
    try:
        free = shutil.disk_usage(root.path).free
    except OSError as error:
        raise CatalogWriteError(
            f"catalog {root.uri!r} cannot be written ({one_line(error)}); check that the folder "
            "exists, then repeat the command"
        ) from error
    needed = size + _FREE_MARGIN
    if free < needed:
        raise CatalogWriteError(
            f"catalog {root.uri!r} cannot be written: the disk has {free >> 10} KiB free and "
            f"{needed >> 10} KiB are needed; free space, then repeat the command"
        )
