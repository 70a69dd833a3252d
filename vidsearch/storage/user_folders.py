"""Folders of this user; containers and services often run without a home folder."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from pathlib import Path

from vidsearch.errors import ConfigError
from vidsearch.text.printable import quoted


def cache_folder() -> Path:
    """Return the user's folder for files that can be made again.

    Without a home folder it is a private folder among the temporary files.

    Raises:
        ConfigError: That folder belongs to another user, or others may write to it.
    """
    import platformdirs

    try:
        return Path(platformdirs.user_cache_dir("vidsearch"))
    except RuntimeError:  # no HOME, and the user is in no list of users
        return _private_folder()


def home_folder() -> Path | None:
    """Return the user's home folder; None if the system knows none."""
    try:
        return Path.home()
    except RuntimeError:
        return None


def _private_folder() -> Path:
    user = _user_id()
    folder = Path(tempfile.gettempdir()) / (
        f"vidsearch-{user}" if user is not None else "vidsearch"
    )
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    private = stat.S_ISDIR(status.st_mode) and (
        user is None or (status.st_uid == user and not status.st_mode & 0o022)
    )
    if not private:
        raise ConfigError(
            f"this user has no home folder, and {quoted(folder)} is not private; set HOME or "
            "VIDSEARCH_CACHE to a folder of this user"
        )
    return folder


def _user_id() -> int | None:
    """Return the number of the user; None on Windows, whose temporary folders are private."""
    if sys.platform == "win32":
        return None
    else:  # noqa: RET505 (mypy leaves out the branches of other systems)
        return os.getuid()
