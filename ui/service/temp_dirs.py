"""Temporary folders for clips, removed at exit or at the next start."""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
import time
from pathlib import Path

PREFIX = "vidsearch-clips-"
NEW_FOLDER_S = 60.0
"""A folder without a lock that is younger than this is still being created, seconds."""

_LOCK = ".in-use"
_own_folders: list[Path] = []


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
    lock = os.open(folder / "locking", os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    (folder / "locking").rename(folder / _LOCK)  # renamed last: a file of this name is locked
    _own_folders.append(folder)
    return folder


def remove_own() -> None:
    """Remove the folders of this process; for servers that end without Python's exit handlers."""
    while _own_folders:
        shutil.rmtree(_own_folders.pop(), ignore_errors=True)


atexit.register(remove_own)


def remove_left_behind(parent: Path) -> None:
    """Remove this user's clip folders that no process holds."""
    for folder in parent.glob(PREFIX + "*"):
        with contextlib.suppress(OSError):
            status = folder.lstat()
            if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
                continue  # another user's folder, or a link
            is_new = time.time() - status.st_mtime < NEW_FOLDER_S
            if not _in_use(folder, unlocked=is_new):
                shutil.rmtree(folder, ignore_errors=True)


def _in_use(folder: Path, *, unlocked: bool) -> bool:
    """Return True if a process holds the folder; without a lock file return ``unlocked``."""
    try:
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        return unlocked
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False
