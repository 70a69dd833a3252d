"""Watchdog: reasons to end a worker process, for given times and memory."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import pytest

from pipelines.cluster.watchdog import Watchdog

MIB = 1 << 20


@pytest.fixture(autouse=True)
def no_alarm_left() -> Iterator[None]:
    yield
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0.0


def test_a_task_has_its_seconds_and_no_more() -> None:
    watchdog = Watchdog(lambda: 0, 0, print)
    with watchdog.task() as allow:
        start = time.monotonic()
        allow(1000.0)
        # The kernel's timer runs later than the thread, which can report the reason.
        assert 1000.0 < signal.getitimer(signal.ITIMER_REAL)[0] <= 1005.0
        assert watchdog.exceeded(start + 999.0) is None
        assert watchdog.exceeded(time.monotonic() + 1000.0) == (
            "it took longer than the 1000 s that its length allows"
        )
        allow(2000.0)  # once the length is known
        assert watchdog.exceeded(start + 1500.0) is None
    assert watchdog.exceeded(start + 9999.0) is None


def test_memory_counts_while_a_task_runs() -> None:
    used = 95 * MIB
    watchdog = Watchdog(lambda: used, 100 * MIB, print)
    assert watchdog.exceeded(0.0) is None
    with watchdog.task() as allow:
        allow(1000.0)
        assert watchdog.exceeded(0.0) == "it needed more than 90 MiB of memory"
        used = 90 * MIB
        assert watchdog.exceeded(0.0) is None


def test_the_kernels_timer_follows_the_first_deadline() -> None:
    watchdog = Watchdog(lambda: 0, 0, print)
    with watchdog.task() as first:
        first(500.0)
        with watchdog.task() as second:
            second(100.0)
            assert signal.getitimer(signal.ITIMER_REAL)[0] <= 105.0
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 105.0
