"""Outcomes of a run: each file is counted once and reaches the catalog writer and the log."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import pytest

from pipelines.indexing.duplicates import Duplicate
from pipelines.indexing.event_log import FOLDER, EventLog
from pipelines.indexing.outcomes import OutcomeCounter, RunOutputs
from pipelines.indexing.progress import Progress
from pipelines.indexing.selection import QUARANTINE_STAGE, Selection
from pipelines.stages.payloads import Failure, KnownVideo, Notice
from tests.helpers.synthetic_catalog import MODEL_ID, make_video
from vidsearch.catalog import CatalogWriter, IndexedVideo, KnownFile
from vidsearch.storage.path import StoragePath
from vidsearch.video.discover import VideoSource
from vidsearch.video.identity import content_id


class Writer:
    """Writer that keeps its rows in memory."""

    def __init__(self) -> None:
        self.videos: list[IndexedVideo] = []
        self.files: list[KnownFile] = []

    def add(self, video: IndexedVideo) -> None:
        self.videos.append(video)

    def add_file(self, file: KnownFile) -> None:
        self.files.append(file)

    def flush_if_due(self) -> None:
        return


class Bytes(Progress):
    """Progress line that is not drawn; its bytes are counted."""

    def __init__(self) -> None:
        super().__init__(10, 1000, show=False)
        self.bytes = 0.0

    def step(
        self, size: float, *, tracks: int = 0, duration_s: float = 0.0, failed: bool = False
    ) -> None:
        self.bytes += size
        super().step(size, tracks=tracks, duration_s=duration_s, failed=failed)

    def advance(self, size: float) -> None:
        self.bytes += size
        super().advance(size)


class Run:
    """One run over a catalog folder."""

    def __init__(self, folder: Path, **selection: Any) -> None:
        fields = {"to_index": [], "quarantined": [], "quarantined_contents": {}, "skipped": 0}
        self.counter = OutcomeCounter(MODEL_ID, Selection(**{**fields, **selection}))
        self.writer = Writer()
        self.progress = Bytes()
        self._folder = folder
        self.outputs = RunOutputs(
            cast("CatalogWriter", self.writer),
            self.progress,
            EventLog(StoragePath.of(folder), "r1"),
        )

    def add(self, *outcomes: Any) -> None:
        for outcome in outcomes:
            self.counter.add(outcome, self.outputs)

    def events(self) -> list[dict[str, Any]]:
        text = (self._folder / FOLDER / "r1.jsonl").read_text()
        return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    """Start runs whose event logs are closed at the end of the test."""
    with ExitStack() as logs:

        def started(**selection: Any) -> Run:
            made = Run(tmp_path, **selection)
            logs.enter_context(made.outputs.events)
            return made

        yield started


@pytest.fixture
def run(start: Callable[..., Run]) -> Run:
    return start()


def file_of(folder: Path, name: str, content: bytes = b"x" * 100) -> VideoSource:
    (folder / name).write_bytes(content)
    return VideoSource(str(folder / name), len(content), 5)


def test_a_report_by_hand(run: Run, tmp_path: Path) -> None:
    whole = make_video(0, tracks=2, read_s=10.0, faces_seen=7)
    part = make_video(1, tracks=1, status="partial", failure="2 s are missing", read_s=8.0)
    broken = Failure("decode", file_of(tmp_path, "z.mp4"), "VideoDecodeError", "no frame")
    known = KnownVideo(file_of(tmp_path, "k.mp4"), "known-id")
    run.add(whole, part, broken, known, None)
    report = run.counter.report(5.0)
    assert (report.indexed, report.skipped, report.failed) == (2, 1, 1)
    assert (report.tracks, report.faces, report.duration_s) == (3, 14, 18.0)
    assert report.partly_read == ((part.video.uri, "2 s are missing"),)
    assert [event["status"] for event in run.events()] == ["indexed", "partial", "failed", "known"]
    assert [v.video.status for v in run.writer.videos] == ["indexed", "partial", "failed"]
    assert run.progress.bytes == whole.video.size + part.video.size + 200


def test_one_content_from_two_workers_counts_once(run: Run) -> None:
    video = make_video(0, tracks=2, read_s=10.0)
    run.add(video, video)
    report = run.counter.report(1.0)
    assert (report.indexed, report.tracks, report.duration_s) == (1, 2, 10.0)


def test_a_duplicate_shares_the_fate_of_its_original(run: Run, tmp_path: Path) -> None:
    original, copy = file_of(tmp_path, "a.mp4"), file_of(tmp_path, "b.mp4")
    identity = content_id(original.uri)
    run.add(Failure("decode", original, "VideoDecodeError", "no frame", identity))
    run.counter.add_duplicate(Duplicate(copy, original, identity), run.outputs)
    report = run.counter.report(1.0)
    assert [f.source.uri for f in report.failures] == [original.uri, copy.uri]
    assert len(run.writer.videos) == 1, "one content is one row"
    assert [file.uri for file in run.writer.files] == [copy.uri], "both paths are known"
    first, second = (failure.message for failure in report.failures)
    assert (first, second) == (
        "no frame",
        f"'{copy.uri}' is a copy of '{original.uri}', which failed: no frame",
    )

    fine, again = file_of(tmp_path, "c.mp4", b"y"), file_of(tmp_path, "d.mp4", b"y")
    run.counter.add_duplicate(Duplicate(again, fine, "fine-id"), run.outputs)
    assert run.counter.report(1.0).skipped == 1
    assert [file.uri for file in run.writer.files] == [copy.uri, again.uri]


def test_a_copy_of_a_quarantined_video_is_a_failure(
    start: Callable[..., Run], tmp_path: Path
) -> None:
    run = start(quarantined_contents={"deadly": ("KilledWorker", "it killed 3 workers")})
    run.add(KnownVideo(file_of(tmp_path, "copy.mp4"), "deadly"))
    (failure,) = run.counter.report(1.0).failures
    assert (failure.stage, failure.message) == (QUARANTINE_STAGE, "it killed 3 workers")
    assert [file.video_id for file in run.writer.files] == ["deadly"]


def test_nothing_of_an_erased_video_comes_back(start: Callable[..., Run], tmp_path: Path) -> None:
    run = start(erased=frozenset({"erased-id"}))
    run.add(KnownVideo(file_of(tmp_path, "copy.mp4"), "erased-id"))
    report = run.counter.report(1.0)
    assert (report.erased, report.skipped, run.writer.files) == (1, 0, [])
    assert report.to_json()["erased"] == 1


def test_a_video_that_killed_its_workers_is_recorded_under_its_content(
    run: Run, tmp_path: Path
) -> None:
    # The next run recognises the content under any name, without opening the file.
    source = file_of(tmp_path, "kills.mp4")
    run.add(Failure(QUARANTINE_STAGE, source, "KilledWorker", "killed"))
    (row,) = run.writer.videos
    assert row.video.video_id == content_id(source.uri)
    assert row.video.failure_stage == QUARANTINE_STAGE


def test_an_unreadable_file_is_recorded_and_a_vanished_one_is_not(run: Run, tmp_path: Path) -> None:
    present = file_of(tmp_path, "locked.mp4")
    gone = VideoSource(str(tmp_path / "gone.mp4"), 9, 5)
    for source in (present, gone):
        run.add(Failure("identify", source, "VideoOpenError", "cannot be opened"))
    (row,) = run.writer.videos
    assert row.video.uri == present.uri
    assert row.video.video_id.startswith("unread-")
    assert len(run.counter.report(1.0).failures) == 2


def test_finished_slices_are_not_counted_twice(run: Run, tmp_path: Path) -> None:
    source = file_of(tmp_path, "long.mp4")
    run.add(Notice("slice", "", source, 0.25), Notice("slice", "", source, 0.5))
    assert run.progress.bytes == 75
    run.add(Notice("unsliced", "read whole", source))
    assert run.progress.bytes == 0, "the whole video is still to be read"
    run.add(Notice("slice", "", source, 0.25))
    run.add(Failure("decode", source, "VideoDecodeError", "no frame", "id"))
    assert run.progress.bytes == 100


def test_json_names_each_failure_in_the_order_of_the_paths(run: Run, tmp_path: Path) -> None:
    for name in ("b.mp4", "a.mp4"):
        run.add(Failure("decode", file_of(tmp_path, name), "VideoDecodeError", "x", name))
    failures = run.counter.report(1.23456).to_json()["failures"]
    assert [Path(failure["video"]).name for failure in failures] == ["a.mp4", "b.mp4"]
    assert run.counter.report(1.23456).to_json()["elapsed_s"] == 1.235
