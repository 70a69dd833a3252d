"""Abilities of a local drive: writing, hard links, and a lock across processes.

FAT, exFAT, most SMB shares and some FUSE file systems have no hard links. A file that is linked to
its name cannot replace another, which makes a commit safe; without links, a lock does.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path

from vidsearch.storage.files import temporary_path, write_atomically
from vidsearch.storage.locks import lock_file

LOCK_NAME = ".commit.lock"
_LOG = logging.getLogger(__name__)

_POLL_S = 0.02
_SILENT_WAIT_S = 5.0
_held: ContextVar[frozenset[Path]] = ContextVar("held", default=frozenset())
"""Files whose exclusive lock this thread holds."""


@cache
def has_hard_links(folder: Path) -> bool:
    """Return True if files in an existing folder can have a second name.

    The result is True if no file can be created in the folder: the next write reports the reason.
    """
    first, second = temporary_path(folder / "link"), temporary_path(folder / "link")
    try:
        first.write_bytes(b"")
    except OSError:
        return True
    try:
        os.link(first, second)
    except OSError as error:
        _LOG.info("%s has no hard links (%s); commits take a lock", folder, error.strerror)
        return False
    finally:
        first.unlink(missing_ok=True)
        second.unlink(missing_ok=True)
    return True


def try_writing(folder: Path) -> None:
    """Create, replace and remove a file in an existing folder.

    Raises:
        OSError: One of the three is not possible.
    """
    probe = temporary_path(folder / "probe")
    try:
        write_atomically(probe, b"1")
        write_atomically(probe, b"2")
    finally:
        probe.unlink(missing_ok=True)


@contextmanager
def commit_lock(folder: Path, *, shared: bool = False, name: str = LOCK_NAME) -> Iterator[None]:
    """Hold the lock of a folder, against threads and processes, on this machine and others.

    The lock ends with its process. A drive that has no locks either is used without one. Inside an
    exclusive lock of the same thread, a further lock of the folder is no other lock.

    Args:
        folder: Existing folder.
        shared: Exclude exclusive locks only, not other shared ones.
        name: Name of the file that is locked.
    """
    held = _held.get()
    if folder / name in held:
        yield
        return
    handle = _open_lock(folder / name)
    try:
        if handle is not None:
            _lock(folder, handle, shared=shared)
        token = None if shared else _held.set(held | {folder / name})
        try:
            yield
        finally:
            if token is not None:
                _held.reset(token)
    finally:
        if handle is not None:
            os.close(handle)


def is_locked(path: Path) -> bool:
    """Return True if a process holds the exclusive lock of a file.

    Args:
        path: File that ``commit_lock`` locks; it may be missing.
    """
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        lock_file(handle, shared=True)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(handle)
    return False


def _open_lock(path: Path) -> int | None:
    """Return a descriptor of the lock's file; None if this user may not open it."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError:
        pass  # another user created the file, or the drive is read-only
    try:
        return os.open(path, os.O_RDONLY)
    except OSError:
        return None


def _lock(folder: Path, handle: int, *, shared: bool) -> None:
    start_s = time.monotonic()
    reported = False
    try:
        while True:
            try:
                return lock_file(handle, shared=shared)
            except BlockingIOError:
                if not reported and time.monotonic() - start_s > _SILENT_WAIT_S:
                    _LOG.warning("another process writes to %s; waiting until it is done", folder)
                    reported = True
                time.sleep(_POLL_S)
    except OSError as error:
        if not shared:
            _LOG.warning(
                "%s has neither hard links nor locks (%s); let one run at a time write to it",
                folder,
                error.strerror,
            )
