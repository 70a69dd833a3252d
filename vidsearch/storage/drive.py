"""Abilities of a local drive: writing, hard links, and a lock across processes.

FAT, exFAT, most SMB shares and some FUSE file systems have no hard links. A file that is linked to
its name cannot replace another, which makes a commit safe; without links, a lock does.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from vidsearch.storage.files import temporary_path, write_atomically
from vidsearch.storage.locks import lock_file

LOCK_NAME = ".commit.lock"
_LOG = logging.getLogger(__name__)


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
def commit_lock(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder, against threads and processes, on this machine and others.

    The lock ends with its process. A drive that has no locks either is used without one.

    Args:
        folder: Existing folder.
    """
    handle = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            lock_file(handle, wait=True)
        except OSError as error:
            _LOG.warning(
                "%s has neither hard links nor locks (%s); let one run at a time write to it",
                folder,
                error.strerror,
            )
        yield
    finally:
        os.close(handle)
