"""Watchdog: kills its own worker process on timeout or memory limit, reporting the reason.

Python cannot interrupt a decoder that hangs, so the process must end; Dask's nanny starts another.
Two timers run. A thread reports the reason. A POSIX interval timer works even when a decoder never
releases the interpreter lock.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from vidsearch.processes import end_after, end_now

CHECK_EVERY_S = 0.1
MEMORY_SHARE = 0.9
"""Share of the worker's memory limit at which the watchdog acts.

Dask's nanny kills at 0.95, without a reason.
"""

_REPORT_S = 0.3
_KERNEL_DELAY_S = 5.0


class Watchdog:
    """Ends this process when a task exceeds its time limit or the process its memory limit.

    Args:
        memory_bytes: Returns the present memory use of the process.
        memory_limit: Memory limit in bytes; 0 disables it.
        report: Sends the reason to the client; returns at once.
    """

    def __init__(
        self, memory_bytes: Callable[[], int], memory_limit: int, report: Callable[[str], None]
    ) -> None:
        self._memory_bytes = memory_bytes
        self._memory_limit = memory_limit
        self._report = report
        self._deadlines: dict[object, tuple[float, float]] = {}
        self._lock = threading.Lock()
        threading.Thread(target=self._watch, name="vidsearch-watchdog", daemon=True).start()

    @contextmanager
    def task(self) -> Iterator[Callable[[float], None]]:
        """Yield a function that sets the deadline of a task, in seconds from the call."""
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
        left = 0.0 if first is None else max(first - time.monotonic(), 0.0) + _KERNEL_DELAY_S
        end_after(left)

    def _watch(self) -> None:
        while True:
            time.sleep(CHECK_EVERY_S)
            reason = self.exceeded(time.monotonic())
            if reason is not None:
                self._report(reason)
                time.sleep(_REPORT_S)
                end_now()

    def exceeded(self, now: float) -> str | None:
        """Return the reason to end the process; None while all limits are kept.

        Args:
            now: Time of the monotonic clock, in seconds.
        """
        with self._lock:
            limits = list(self._deadlines.values())
        for deadline, seconds in limits:
            if now >= deadline:
                return f"it took longer than the {seconds:.0f} s that its length allows"
        allowed = int(self._memory_limit * MEMORY_SHARE)
        if limits and self._memory_limit and self._memory_bytes() > allowed:
            return f"it needed more than {allowed >> 20} MiB of memory"
        return None
