"""Prefetch: how far a generator runs ahead, its errors, and Ctrl-C."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator

import pytest

from pipelines.indexing.prefetch import Prefetcher


def test_items_run_ahead_but_not_far_and_stop() -> None:
    made: list[int] = []
    closed = threading.Event()

    def make() -> Iterator[int]:
        try:
            for number in range(1000):
                made.append(number)
                yield number
        finally:
            closed.set()

    with Prefetcher(make, 3) as items:
        assert next(iter(items)) == 0
        time.sleep(0.2)
        assert 3 <= len(made) <= 6
    assert closed.is_set()
    assert len(made) < 1000


def test_an_error_arrives_where_items_are_taken() -> None:
    def make() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    with Prefetcher(make, 3) as items, pytest.raises(ValueError, match="broken"):
        assert list(items) == []


def test_ctrl_c_is_the_main_threads() -> None:
    def make() -> Iterator[bool]:
        yield signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, set())

    with Prefetcher(make, 1) as items:
        assert list(items) == [True]
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, set())
