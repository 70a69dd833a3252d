"""Advisory locks of files and folders, on POSIX systems and on Windows."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_FOLDER_LOCK = ".lock"
"""File that is locked in place of its folder on Windows, where a folder cannot be opened."""

if sys.platform == "win32":
    import errno
    import msvcrt
    import time

    _POLL_S = 0.1

    SHARED_LOCKS = False
    """True if several processes can hold a lock that excludes exclusive ones."""

    def lock_file(descriptor: int, *, wait: bool = False, shared: bool = False) -> None:
        """Lock an open file exclusively; the lock ends with the descriptor or the process.

        Args:
            descriptor: Descriptor, open for writing.
            wait: Wait for another holder.
            shared: Not supported on this system: no lock is taken.

        Raises:
            BlockingIOError: Another process holds the lock.
            OSError: The drive has no locks.
        """
        while not shared:
            os.lseek(descriptor, 0, os.SEEK_SET)  # a lock covers bytes from the position on
            try:
                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            except OSError as error:
                if error.errno not in (errno.EACCES, errno.EDEADLK):
                    raise
                if not wait:
                    raise BlockingIOError(errno.EWOULDBLOCK, "locked by another process") from error
                time.sleep(_POLL_S)
            else:
                return

    def open_folder_for_lock(folder: Path) -> int:
        """Return a descriptor that stands for a folder in ``lock_file``."""
        return os.open(folder / _FOLDER_LOCK, os.O_RDWR | os.O_CREAT, 0o666)

else:
    import fcntl

    SHARED_LOCKS = True
    """True if several processes can hold a lock that excludes exclusive ones."""

    def lock_file(descriptor: int, *, wait: bool = False, shared: bool = False) -> None:
        """Lock an open file or folder; the lock ends with its last descriptor.

        Args:
            descriptor: Descriptor.
            wait: Wait for another holder.
            shared: Exclude exclusive locks only, not other shared ones.

        Raises:
            BlockingIOError: Another process holds the lock.
            OSError: The drive has no locks.
        """
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        fcntl.flock(descriptor, kind if wait else kind | fcntl.LOCK_NB)

    def open_folder_for_lock(folder: Path) -> int:
        """Return a descriptor that stands for a folder in ``lock_file``."""
        return os.open(folder, os.O_RDONLY)
