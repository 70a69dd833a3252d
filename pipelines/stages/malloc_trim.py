"""Memory of one video is given back before the next: it must not add up over an archive.

PyAV's frames and decoders refer to one another in circles, so megabytes of pictures stay until
Python's collector happens to run, and it counts objects, not bytes. What is freed then stays with
glibc, in pieces that the next video's larger pictures do not fit.
"""

from __future__ import annotations

import ctypes
import gc
import time
from collections.abc import Callable
from functools import cache

_APART_S = 2.0
"""Seconds between two times at least: it takes some 0.05 s, and short clips end often."""

_last_s = -_APART_S


def give_back(now: Callable[[], float] = time.monotonic) -> bool:
    """Free what the last video left, and return whether it was time for that.

    Args:
        now: Seconds of a clock that only goes forward.
    """
    global _last_s  # noqa: PLW0603 (one a process, as its memory is)
    if now() - _last_s < _APART_S:
        return False
    gc.collect()
    trim = _malloc_trim()
    if trim is not None:
        trim(0)
    _last_s = now()
    return True


@cache
def _malloc_trim() -> Callable[[int], int] | None:
    """Return what asks glibc to give free memory to the system; None with another C library."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, TypeError, AttributeError):
        return None
    trim.argtypes, trim.restype = [ctypes.c_size_t], ctypes.c_int
    found: Callable[[int], int] = trim
    return found
