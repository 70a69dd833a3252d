"""The progress line, the event log, the time limit: what they say for given numbers."""

from __future__ import annotations

import io
import json
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.cluster.fingerprint import differences, fingerprint
from pipelines.cluster.watchdog import TimeLimit
from pipelines.indexing.event_log import EventLog
from pipelines.indexing.prefetch import Prefetcher
from pipelines.indexing.progress import Progress
from vidsearch.storage.path import StoragePath
from vidsearch.video.discover import VideoSource


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_line_counts_and_foretells() -> None:
    progress = Progress(10, 1000, stream=Terminal())
    progress.step(100, tracks=3, duration_s=1800.0)
    progress.step(100, failed=True)
    # A fifth of the bytes in 60 s: 240 s are left; half an hour of video a minute is 30 an hour.
    assert progress.line(60.0) == (
        "1 done, 1 failed, 8 left | 30.0 h of video an hour | 0:04:00 left | 3 tracks"
    )


def test_nothing_is_drawn_where_there_is_no_terminal() -> None:
    stream = io.StringIO()
    with Progress(1, 1, stream=stream) as progress:
        progress.step(1)
        progress.say("hello")
    assert stream.getvalue() == ""


def test_events_are_one_object_a_line(tmp_path: Path) -> None:
    with EventLog(StoragePath.of(tmp_path), "run-1") as events:
        events.write("start", videos=2, scheduler=None)
        events.write("video", video="/a/new\nline.mkv")
    lines = (tmp_path / "runs/run-1.jsonl").read_text().splitlines()
    plain = [json.loads(line) for line in lines]
    assert [event["event"] for event in plain] == ["start", "video"]
    assert "scheduler" not in plain[0]
    assert plain[1]["video"] == "/a/new\nline.mkv"


def test_an_object_store_gets_the_log_whole(tmp_path: Path) -> None:
    with EventLog(StoragePath.of("memory://events/catalog"), "run-1") as events:
        events.write("start")
        events.write("end")
    part = StoragePath.of("memory://events/catalog/runs/run-1.0000.jsonl")
    assert len(part.read().splitlines()) == 2


def test_time_grows_with_the_video() -> None:
    source = VideoSource("x", 10_000_000, 0)
    limit = TimeLimit(60.0)
    assert limit.before_open(source) == 62.0
    assert limit.after_open(source, 120.0) == 180.0
    # 10 MB are at least 10 s of video, whatever the container says.
    assert limit.after_open(source, 0.5) == 70.0
    assert limit.after_open(source, None) == 860.0


def test_what_differs_is_named() -> None:
    ours = fingerprint()
    assert differences(ours, dict(ours)) == ""
    assert "numpy 1.0 where" in differences(ours, {**ours, "numpy": "1.0"})


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
