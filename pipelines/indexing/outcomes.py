"""Counting a run's outcomes while they go to the writer, and the report that comes of it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipelines.indexing.duplicates import Copy
from pipelines.indexing.event_log import EventLog
from pipelines.indexing.progress import Progress
from pipelines.stages.payloads import Failure, KnownVideo, Notice, Outcome
from vidsearch.catalog import CatalogWriter, IndexedVideo, KnownFile, VideoRecord
from vidsearch.errors import VideoError
from vidsearch.text.printable import printable
from vidsearch.video.discover import VideoSource
from vidsearch.video.identity import content_id

QUARANTINE_STAGE = "worker"
"""The stage of a failure that killed its workers: such a video is not tried again unasked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexReport:
    """What a run did.

    Attributes:
        indexed: Videos read, those read in part included.
        skipped: Files whose content was in the catalog already.
        failed: Files that could not be read, those in quarantine included.
        tracks: Tracks found in this run.
        faces: Faces seen in this run's sampled frames.
        duration_s: Seconds of video read in this run.
        elapsed_s: Time the run took.
        failures: Why files failed.
        partly_read: (file, what is missing) of videos read in part.
    """

    indexed: int
    skipped: int
    failed: int
    tracks: int
    faces: int
    duration_s: float
    elapsed_s: float
    failures: tuple[Failure, ...]
    partly_read: tuple[tuple[str, str], ...]

    def to_json(self) -> dict[str, Any]:
        """Return the object that ``vidsearch index --json`` prints."""
        return {
            "videos": {"indexed": self.indexed, "skipped": self.skipped, "failed": self.failed},
            "tracks": self.tracks,
            "faces": self.faces,
            "duration_s": round(self.duration_s, 3),
            "elapsed_s": round(self.elapsed_s, 3),
            "failures": [
                {"video": f.source.uri, "stage": f.stage, "error": f.error, "message": f.message}
                for f in self.failures
            ],
        }


class OutcomeCounter:
    """Hands outcomes to the writer, the progress line and the event log; holds no tracks.

    Args:
        model_id: Model of the run.
        skipped: Files that need no work.
        quarantined: Files that are left out because they killed their workers before.
        poisonous: Content -> (error, message) of those, for copies under other names.
    """

    def __init__(
        self,
        model_id: str,
        skipped: int,
        quarantined: list[Failure],
        poisonous: Mapping[str, tuple[str, str]],
    ) -> None:
        self._model_id = model_id
        self._poisonous = poisonous
        self._skipped = skipped
        self._indexed: set[str] = set()
        self._tracks = 0
        self._faces = 0
        self._duration_s = 0.0
        self._failures = list(quarantined)
        self._failed: dict[str, Failure] = {}
        self._partly_read: list[tuple[str, str]] = []
        self._advanced: dict[str, float] = {}

    def add(
        self,
        outcome: Outcome | Notice | None,
        writer: CatalogWriter,
        progress: Progress,
        events: EventLog,
    ) -> None:
        """Commit one outcome (with its batch), count it and tell of it."""
        if outcome is None:
            progress.draw()
            writer.flush_if_due()
        elif isinstance(outcome, Notice):
            self._advance(outcome, progress)
            _tell(outcome, progress, events)
        elif isinstance(outcome, KnownVideo):
            source = outcome.source
            writer.add_file(KnownFile(source.uri, source.size, source.mtime_ns, outcome.video_id))
            if outcome.video_id in self._poisonous:
                failure = Failure(QUARANTINE_STAGE, source, *self._poisonous[outcome.video_id])
                self._count_failure(failure, outcome.video_id, progress, events)
                return
            self._skipped += 1
            progress.step(source.size)
            events.write("video", status="known", video=source.uri, video_id=outcome.video_id)
        elif isinstance(outcome, Failure):
            self._add_failure(outcome, writer, progress, events)
        else:
            self._add_indexed(outcome, progress, events)
            writer.add(outcome)

    def add_copy(
        self, copy: Copy, writer: CatalogWriter, progress: Progress, events: EventLog
    ) -> None:
        """Count a copy as its original turned out."""
        failure = self._failed.get(copy.original.uri)
        if failure is None:
            self.add(KnownVideo(copy.source, copy.video_id), writer, progress, events)
        else:
            self._count_failure(
                replace(failure, source=copy.source), copy.video_id, progress, events
            )

    def _advance(self, notice: Notice, progress: Progress) -> None:
        """Count a slice; where its video is read whole after all, take them all back."""
        if notice.source is None or notice.kind not in {"slice", "unsliced"}:
            return
        uri = notice.source.uri
        before = self._advanced.pop(uri, 0.0)
        if notice.kind == "slice":
            self._advanced[uri] = before + notice.share * notice.source.size
        progress.advance(self._advanced.get(uri, 0.0) - before)

    def _add_failure(
        self, failure: Failure, writer: CatalogWriter, progress: Progress, events: EventLog
    ) -> None:
        self._failed[failure.source.uri] = failure
        video_id = failure.video_id
        if video_id is None and failure.stage == QUARANTINE_STAGE:
            try:
                video_id = content_id(failure.source.uri)  # its name, under which it is left out
            except VideoError:
                video_id = None
        if video_id is None and _is_there(failure.source):
            video_id = _unread_id(failure.source)
        if video_id is not None:
            writer.add(IndexedVideo(self._record(failure, video_id)))
        self._count_failure(failure, video_id, progress, events)

    def _count_failure(
        self, failure: Failure, video_id: str | None, progress: Progress, events: EventLog
    ) -> None:
        self._failures.append(failure)
        advanced = self._advanced.pop(failure.source.uri, 0.0)
        progress.step(failure.source.size - advanced, failed=True)
        progress.say(f"failed: {printable(failure.source.uri)}: {printable(failure.message)}")
        events.write(
            "video",
            status="failed",
            video=failure.source.uri,
            video_id=video_id,
            stage=failure.stage,
            error=failure.error,
            message=failure.message,
        )

    def _add_indexed(self, indexed: IndexedVideo, progress: Progress, events: EventLog) -> None:
        video = indexed.video
        rest = video.size - self._advanced.pop(video.uri, 0.0)
        progress.step(rest, tracks=len(indexed.tracks), duration_s=video.read_s or 0.0)
        events.write(
            "video",
            status=video.status,
            video=video.uri,
            video_id=video.video_id,
            duration_s=video.duration_s,
            read_s=video.read_s,
            tracks=len(indexed.tracks),
            faces=video.faces_seen,
            message=video.failure,
        )
        if video.video_id in self._indexed:
            return
        self._indexed.add(video.video_id)
        self._tracks += len(indexed.tracks)
        self._faces += video.faces_seen
        self._duration_s += video.read_s if video.read_s is not None else 0.0
        if video.status == "partial" and video.failure is not None:
            self._partly_read.append((video.uri, video.failure))

    def _record(self, failure: Failure, video_id: str) -> VideoRecord:
        return VideoRecord(
            video_id=video_id,
            uri=failure.source.uri,
            size=failure.source.size,
            mtime_ns=failure.source.mtime_ns,
            status="failed",
            model_id=self._model_id,
            failure=failure.message,
            failure_stage=failure.stage,
            failure_error=failure.error,
        )

    def report(self, elapsed_s: float) -> IndexReport:
        return IndexReport(
            indexed=len(self._indexed),
            skipped=self._skipped,
            failed=len(self._failures),
            tracks=self._tracks,
            faces=self._faces,
            duration_s=self._duration_s,
            elapsed_s=elapsed_s,
            failures=tuple(sorted(self._failures, key=lambda f: f.source.uri)),
            partly_read=tuple(sorted(self._partly_read)),
        )


def _is_there(source: VideoSource) -> bool:
    return "://" in source.uri or Path(source.uri).exists()


def _unread_id(source: VideoSource) -> str:
    """Return a stand-in for the content hash of a file that could not be read at all.

    Its failure is on record like any other, until the file can be read and is another content.
    """
    name = os.fsencode(source.uri)
    return "unread-" + hashlib.blake2b(name, digest_size=16).hexdigest()


def _tell(notice: Notice, progress: Progress, events: EventLog) -> None:
    if notice.kind == "cluster":
        progress.say(f"Dask dashboard: {notice.text}")
        events.write("cluster", dashboard=notice.text)
        return
    video = notice.source.uri if notice.source is not None else None
    if notice.kind != "slice":
        progress.say(f"{notice.kind}: {printable(video or '')}: {notice.text}")
    events.write(notice.kind, video=video, message=notice.text)
