"""Return the memory of one video to the system before the next one is decoded.

PyAV's frames and decoders form reference cycles, so megabytes of frames stay until Python's
collector runs, which counts objects, not bytes. glibc then keeps the freed memory in fragments
that do not fit the larger frames of the next video.
"""

from __future__ import annotations

import ctypes
import gc
import time
from collections.abc import Callable
from functools import cache

TRIM_EVERY_S = 2.0
"""Shortest time between two trims: one takes about 0.05 s, and short clips end often."""


class MemoryTrimmer:
    """Collects garbage and trims the heap, at most every ``TRIM_EVERY_S`` seconds.

    Args:
        clock: Monotonic clock, in seconds.
        trim: Returns free memory to the system; None if the C library cannot.
    """

    def __init__(self, clock: Callable[[], float], trim: Callable[[int], int] | None) -> None:
        self._clock = clock
        self._trim = trim
        self._last_s = clock() - TRIM_EVERY_S

    def __call__(self) -> bool:
        """Trim the memory if the last trim is long enough ago; return True if trimmed."""
        if self._clock() - self._last_s < TRIM_EVERY_S:
            return False
        gc.collect()
        if self._trim is not None:
            self._trim(0)
        self._last_s = self._clock()
        return True


@cache
def malloc_trim() -> Callable[[int], int] | None:
    """Return glibc's ``malloc_trim``; None with another C library."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, TypeError, AttributeError):
        return None
    trim.argtypes, trim.restype = [ctypes.c_size_t], ctypes.c_int
    function: Callable[[int], int] = trim
    return function


@cache
def _process_trimmer() -> MemoryTrimmer:
    return MemoryTrimmer(time.monotonic, malloc_trim())


def trim_memory() -> bool:
    """Trim the memory of this process; see ``MemoryTrimmer``."""
    return _process_trimmer()()
