"""Event log: lines as they are written, and the summary that a reader gets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipelines.indexing.event_log import EventLog, parse_run_log, read_run_logs
from tests.helpers.fake_cluster import clock
from vidsearch.storage.path import StoragePath


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


def test_an_object_store_gets_a_part_every_half_minute() -> None:
    root = StoragePath.of("memory://slow-events/catalog")
    with EventLog(root, "run-1", clock(20.0)) as events:  # each look at the clock takes 20 s
        for _ in range(4):
            events.write("retry")
    parts = sorted(root.child("runs").names())
    assert parts == ["run-1.0000.jsonl", "run-1.0001.jsonl"]
    assert sum(len(root.child("runs").child(name).read().splitlines()) for name in parts) == 4


def test_a_log_that_cannot_be_written_does_not_end_the_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "runs").write_text("a file where the folder should be")
    with EventLog(StoragePath.of(tmp_path), "run-1") as events:
        events.write("start")
        events.write("end")
    (record,) = caplog.records
    assert record.getMessage().startswith("the event log cannot be written (")


def test_the_reader_understands_what_the_writer_writes(tmp_path: Path) -> None:
    root = StoragePath.of(tmp_path)
    with EventLog(root, "run-1") as events:
        events.write("start", videos=3)
        events.write("video", status="indexed", tracks=2)
        events.write("video", status="failed", message="broken")
        events.write("end", how="error", message="disk full")
    with EventLog(root, "run-2") as events:
        events.write("start", videos=1)
    (first, second) = read_run_logs(root)
    assert (first.run_id, first.videos, first.indexed, first.failed) == ("run-1", 3, 1, 1)
    assert (first.tracks, first.end, first.message) == (2, "error", "disk full")
    assert first.started <= first.last_event
    assert (second.run_id, second.end, second.message) == ("run-2", None, "")


def test_a_torn_line_and_a_log_without_a_start_are_left_out() -> None:
    start = '{"time": "2026-01-01T00:00:00+00:00", "event": "start", "videos": 1}'
    log = parse_run_log("run-1", [start, "[1]", '{"event": "video"}', '{"time": "2026'])
    assert log is not None
    assert (log.videos, log.indexed) == (1, 0)
    assert parse_run_log("run-1", [start[:20]]) is None
