"""A folder for pieces of film that goes with its process, or with the next one's start."""

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
JUST_MADE_S = 60.0
"""A folder this young without a lock is one that is being made."""

_LOCK = ".in-use"
_made: list[Path] = []


def private_folder(parent: Path | None = None) -> Path:
    """Make a folder that only this user can read; it is removed when the process ends.

    What killed processes left behind is removed first: a living one holds a lock on its folder,
    and the system drops the lock of a dead one.

    Args:
        parent: Where to make it; None: the system's folder for temporary files.
    """
    place = parent if parent is not None else Path(tempfile.gettempdir())
    remove_left_behind(place)
    made = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
    lock = os.open(made / "locking", os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    (made / "locking").rename(made / _LOCK)  # under its name it is locked from the first moment on
    _made.append(made)
    return made


def remove_own() -> None:
    """Remove what this process made; for servers that end without Python's own ending."""
    while _made:
        shutil.rmtree(_made.pop(), ignore_errors=True)


atexit.register(remove_own)


def remove_left_behind(place: Path) -> None:
    """Remove this user's folders that no process holds any more."""
    for folder in place.glob(PREFIX + "*"):
        with contextlib.suppress(OSError):
            about = folder.lstat()
            if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.getuid():
                continue  # somebody else's, or a link to somewhere
            just_made = time.time() - about.st_mtime < JUST_MADE_S
            if not _in_use(folder, unlocked=just_made):
                shutil.rmtree(folder, ignore_errors=True)


def _in_use(folder: Path, *, unlocked: bool) -> bool:
    """Tell whether a process holds a folder; ``unlocked`` is the answer where there is no lock."""
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
