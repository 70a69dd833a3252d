"""Temporary folders for clips, removed at exit or at the next start."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import stat
import sys
import tempfile
import time
from pathlib import Path

from vidsearch.storage.locks import lock_file

PREFIX = "vidsearch-clips-"
NEW_FOLDER_S = 60.0
"""A folder without a lock that is younger than this is still being created, seconds."""

_LOCK = ".in-use"
_own_folders: list[tuple[Path, int]] = []


def private_folder(parent: Path | None = None) -> Path:
    """Return a new folder that only this user can read; it is removed when the process ends.

    Folders left by killed processes are removed first. A running process holds a lock on its
    folder; the system releases the lock when a process dies.

    Args:
        parent: Folder to create it in; None: the system's folder for temporary files.
    """
    parent = parent if parent is not None else Path(tempfile.gettempdir())
    remove_left_behind(parent)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    # Renamed last: a file of this name is locked. Windows renames no open file.
    name = _LOCK if sys.platform == "win32" else "locking"
    lock = os.open(folder / name, os.O_CREAT | os.O_RDWR, 0o600)
    lock_file(lock)
    (folder / name).rename(folder / _LOCK)
    _own_folders.append((folder, lock))
    return folder


def remove_own() -> None:
    """Remove the folders of this process; for servers that end without Python's exit handlers."""
    while _own_folders:
        folder, lock = _own_folders.pop()
        if sys.platform == "win32":  # which removes no open file
            os.close(lock)
        shutil.rmtree(folder, ignore_errors=True)


atexit.register(remove_own)


def remove_left_behind(parent: Path) -> None:
    """Remove this user's clip folders that no process holds."""
    for folder in parent.glob(PREFIX + "*"):
        with contextlib.suppress(OSError):
            status = folder.lstat()
            if not stat.S_ISDIR(status.st_mode) or not _is_own(status):
                continue  # another user's folder, or a link
            is_new = time.time() - status.st_mtime < NEW_FOLDER_S
            if not _in_use(folder, unlocked=is_new):
                shutil.rmtree(folder, ignore_errors=True)


def _is_own(status: os.stat_result) -> bool:
    """Return True for a folder of this user; on Windows every user has its own parent folder."""
    return sys.platform == "win32" or status.st_uid == os.getuid()


def _in_use(folder: Path, *, unlocked: bool) -> bool:
    """Return True if a process holds the folder; without a lock file return ``unlocked``."""
    try:
        lock = os.open(folder / _LOCK, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        return unlocked
    try:
        lock_file(lock)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False
