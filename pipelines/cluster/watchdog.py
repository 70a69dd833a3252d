"""Limits of a worker process: one that hangs or fills its memory ends itself and says why.

A hanging decoder cannot be interrupted from Python, so its process has to go; the nanny starts
another. Two watch over it: a thread, which can say why, and a timer of the kernel's, which works
even where a decoder never lets any thread run again.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from vidsearch.video.discover import VideoSource

LOOK_EVERY_S = 0.1
MEMORY_SHARE = 0.9
"""Of the worker's memory; the nanny kills without a word at 0.95."""

_START_S = 60.0
_SLOWEST_READ = 5e6  # bytes a second, for hashing a file on a busy network drive
_BYTES_A_SECOND_OF_VIDEO = 1e6  # 8 Mbit/s: a length that contradicts the size is not believed
FEW_BYTES_A_SECOND = 12_500.0  # 100 kbit/s: the longest that a file without a length may be
_LAST_WORDS_S = 0.3
_KERNEL_LATER_S = 5.0


@dataclass(frozen=True, slots=True)
class TimeLimit:
    """How long one video may take: first until it is open, then by its length.

    Attributes:
        per_video_minute_s: Seconds of work allowed for a minute of video.
        start_s: Allowed beside that, for opening a file and for a busy machine.
    """

    per_video_minute_s: float
    start_s: float = _START_S

    def before_open(self, source: VideoSource) -> float:
        """Return the seconds allowed for hashing and opening a file."""
        return self.start_s + source.size / _SLOWEST_READ

    def after_open(self, source: VideoSource, duration_s: float | None) -> float:
        """Return the seconds allowed from then on."""
        if duration_s is None:
            length_s = source.size / FEW_BYTES_A_SECOND
        else:
            length_s = max(duration_s, source.size / _BYTES_A_SECOND_OF_VIDEO)
        return self.start_s + self.per_video_minute_s * length_s / 60

    def after_slice_open(
        self, source: VideoSource, duration_s: float | None, share: float
    ) -> float:
        """Return the seconds allowed for a slice that is ``share`` of the video."""
        return self.start_s + (self.after_open(source, duration_s) - self.start_s) * share


class Watchdog:
    """Ends this process when a task overstays its time or the process outgrows its memory.

    Args:
        memory_bytes: What the process takes now.
        memory_limit: What it may take; 0 for no limit.
        tell: Carries the last words out; it returns at once.
    """

    def __init__(
        self, memory_bytes: Callable[[], int], memory_limit: int, tell: Callable[[str], None]
    ) -> None:
        self._memory_bytes = memory_bytes
        self._memory_limit = memory_limit
        self._tell = tell
        self._deadlines: dict[object, tuple[float, float]] = {}
        self._lock = threading.Lock()
        threading.Thread(target=self._watch, name="vidsearch-guard", daemon=True).start()

    @contextmanager
    def task(self) -> Iterator[Callable[[float], None]]:
        """Yield a function that allows the task so many seconds from now."""
        token = object()

        def allow(seconds: float) -> None:
            with self._lock:
                self._deadlines[token] = (time.monotonic() + seconds, seconds)
                self._set_timer()

        try:
            yield allow
        finally:
            with self._lock:
                self._deadlines.pop(token, None)
                self._set_timer()

    def _set_timer(self) -> None:
        first = min((deadline for deadline, _ in self._deadlines.values()), default=None)
        left = 0.0 if first is None else max(first - time.monotonic(), 0.0) + _KERNEL_LATER_S
        # Nobody handles SIGALRM, so the kernel ends the process.
        signal.setitimer(signal.ITIMER_REAL, left)

    def _watch(self) -> None:
        while True:
            time.sleep(LOOK_EVERY_S)
            reason = self._reason()
            if reason is not None:
                self._tell(reason)
                time.sleep(_LAST_WORDS_S)
                os.kill(os.getpid(), signal.SIGKILL)

    def _reason(self) -> str | None:
        with self._lock:
            limits = list(self._deadlines.values())
        now = time.monotonic()
        for deadline, seconds in limits:
            if now >= deadline:
                return f"it took longer than the {seconds:.0f} s that its length allows"
        if limits and self._memory_limit and self._memory_bytes() > self._allowed:
            return f"it needed more than {self._allowed >> 20} MiB of memory"
        return None

    @property
    def _allowed(self) -> int:
        return int(self._memory_limit * MEMORY_SHARE)
