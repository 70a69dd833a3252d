"""Outcomes of a run: counted, logged, shown, handed to the catalog writer, and reported."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pipelines.indexing.accounts import source_failures
from pipelines.indexing.duplicates import Duplicate
from pipelines.indexing.event_log import EventLog
from pipelines.indexing.progress import Progress
from pipelines.indexing.selection import QUARANTINE_STAGE, Selection
from pipelines.stages.payloads import (
    CHANGED_STAGE,
    Failure,
    KnownVideo,
    Notice,
    Outcome,
    WorkerOutcome,
)
from vidsearch.catalog import CatalogWriter, IndexedVideo, KnownFile, VideoRecord
from vidsearch.catalog.sources.accounts import account_json
from vidsearch.catalog.streams.notes import StreamNotes, notes_json
from vidsearch.errors import VideoError
from vidsearch.text.names import portable_name
from vidsearch.text.printable import printable
from vidsearch.video.discover import Discovery, VideoSource
from vidsearch.video.discovery.account import Account
from vidsearch.video.identity import content_id


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexReport:
    """Result of an indexing run.

    Attributes:
        indexed: Videos read, including those read in part.
        skipped: Files whose content was in the catalog already.
        failed: Files that could not be read, including quarantined files, and sources without
            videos.
        tracks: Tracks found in this run.
        faces: Faces detected in the sampled frames of this run.
        duration_s: Seconds of video read in this run.
        elapsed_s: Duration of the run, in seconds.
        failures: Failure of each failed file and source.
        partly_read: (file, missing part) of videos read in part.
        streams_not_indexed: Videos with streams that were not looked at.
        turned: Videos that lie on their side or upside down and were turned upright.
        turned_parts: Videos of which a part lies while the rest is upright; it was not turned.
        times_assumed: Videos that state no times.
        account: Every entry of the sources.
        left_out: Message about each host or worker of the cluster that got no work.
        erased: Files that were left out because their content was erased.
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
    streams_not_indexed: tuple[StreamNotes, ...] = ()
    turned: tuple[StreamNotes, ...] = ()
    turned_parts: tuple[StreamNotes, ...] = ()
    times_assumed: tuple[StreamNotes, ...] = ()
    account: Account = field(default_factory=Account)
    left_out: tuple[str, ...] = ()
    erased: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the object that ``vidsearch index --json`` prints."""
        return {
            "videos": {"indexed": self.indexed, "skipped": self.skipped, "failed": self.failed},
            "erased": self.erased,
            "tracks": self.tracks,
            "faces": self.faces,
            "duration_s": round(self.duration_s, 3),
            "elapsed_s": round(self.elapsed_s, 3),
            **{
                name: entries
                for name, entries in account_json(self.account).items()
                if name != "videos"
            },
            **notes_json(
                self.streams_not_indexed, self.turned, self.turned_parts, self.times_assumed
            ),
            "failures": [
                {
                    "video": portable_name(f.source.uri),
                    "stage": f.stage,
                    "error": f.error,
                    "message": f.message,
                }
                for f in self.failures
            ],
        }


@dataclass(frozen=True, slots=True)
class RunOutputs:
    """Receivers of the outcomes: catalog writer, progress line and event log.

    Attributes:
        writer: Catalog writer.
        progress: Progress line.
        events: Event log.
        done_by: Worker and host of the outcome, for its event.
    """

    writer: CatalogWriter
    progress: Progress
    events: EventLog
    done_by: Mapping[str, str] = field(default_factory=dict)


class OutcomeCounter:
    """Counts the outcomes of a run and passes them on; holds no tracks.

    Args:
        model_id: Model of the run.
        selection: Files of the run; skipped and quarantined files count at once.
        found: Sources of the run; their failures count at once.
    """

    def __init__(self, model_id: str, selection: Selection, found: Discovery | None = None) -> None:
        self._model_id = model_id
        self._account = found.account if found is not None else Account()
        self._quarantined_contents = selection.quarantined_contents
        self._searchable = selection.searchable
        self._erased_contents, self._erased = selection.erased, 0
        self._skipped = selection.skipped
        self._indexed: set[str] = set()
        self._tracks = 0
        self._faces = 0
        self._duration_s = 0.0
        self._failures = list(selection.quarantined)
        self._failures += source_failures(found) if found is not None else []
        self._failed: dict[str, Failure] = {}
        self._partly_read: list[tuple[str, str]] = []
        self._stream_notes: list[StreamNotes] = []
        self._left_out: list[str] = []
        self._advanced: dict[str, float] = {}

    def add(self, outcome: WorkerOutcome | Outcome | Notice | None, outputs: RunOutputs) -> None:
        """Count one outcome, log it, and hand its rows to the writer."""
        if isinstance(outcome, WorkerOutcome):
            done_by = {"worker": outcome.worker, "host": outcome.host}
            self.add(outcome.outcome, replace(outputs, done_by=done_by))
        elif outcome is None:
            outputs.progress.draw()
            outputs.writer.flush_if_due()
        elif isinstance(outcome, Notice):
            self._advance(outcome, outputs.progress)
            self._left_out += [outcome.text] if outcome.kind == "left_out" else []
            _report_notice(outcome, outputs)
        elif isinstance(outcome, KnownVideo):
            self._add_known(outcome, outputs)
        elif isinstance(outcome, Failure):
            self._add_failure(outcome, outputs)
        else:
            self._add_indexed(outcome, outputs)
            outputs.writer.add(outcome)

    def add_duplicate(self, duplicate: Duplicate, outputs: RunOutputs) -> None:
        """Count a duplicate file with the result of its original."""
        failure = self._failed.get(duplicate.original.uri)
        if failure is None:
            self.add(KnownVideo(duplicate.source, duplicate.video_id), outputs)
        else:
            self._add_copy_of_failed(duplicate, failure, outputs)

    def _add_copy_of_failed(
        self, duplicate: Duplicate, failure: Failure, outputs: RunOutputs
    ) -> None:
        """Count a copy of a failed file; the next run knows the copy by its path too."""
        source, original = duplicate.source, printable(duplicate.original.uri)
        message = (
            f"'{printable(source.uri)}' is a copy of '{original}', which failed: {failure.message}"
            if source.size
            else f"'{printable(source.uri)}' is empty (0 bytes); copy or download it again"
        )
        outputs.writer.add_file(
            KnownFile(source.uri, source.size, source.mtime_ns, duplicate.video_id)
        )
        self._count_failure(
            replace(failure, source=source, message=message), duplicate.video_id, outputs
        )

    def _advance(self, notice: Notice, progress: Progress) -> None:
        """Count a finished slice; take all slices back if their video is read whole."""
        if notice.source is None or notice.kind not in {"slice", "unsliced"}:
            return
        uri = notice.source.uri
        before = self._advanced.pop(uri, 0.0)
        if notice.kind == "slice":
            self._advanced[uri] = before + notice.share * notice.source.size
        progress.advance(self._advanced.get(uri, 0.0) - before)

    def _add_known(self, known_video: KnownVideo, outputs: RunOutputs) -> None:
        source, video_id = known_video.source, known_video.video_id
        if video_id in self._erased_contents:  # neither the path nor the id comes back
            self._erased += 1
            outputs.progress.step(source.size)
            return
        outputs.writer.add_file(KnownFile(source.uri, source.size, source.mtime_ns, video_id))
        if video_id in self._quarantined_contents:
            failure = Failure(QUARANTINE_STAGE, source, *self._quarantined_contents[video_id])
            self._count_failure(failure, video_id, outputs)
            return
        self._skipped += 1
        outputs.progress.step(source.size)
        outputs.events.write(
            "video", status="known", video=source.uri, video_id=video_id, **outputs.done_by
        )

    def _add_failure(self, failure: Failure, outputs: RunOutputs) -> None:
        self._failed[failure.source.uri] = failure
        video_id = failure.video_id
        if video_id is None and failure.stage == QUARANTINE_STAGE:
            try:
                video_id = content_id(failure.source.uri)  # later runs leave out this content
            except VideoError:
                video_id = None
        if video_id is None and _exists(failure.source):
            video_id = _unread_id(failure.source)
        # A record of the failure would replace the earlier content, which is still searchable.
        keep_earlier = failure.stage == CHANGED_STAGE and failure.source.uri in self._searchable
        if video_id is not None and not keep_earlier:
            outputs.writer.add(IndexedVideo(self._failed_record(failure, video_id)))
        self._count_failure(failure, video_id, outputs)

    def _count_failure(self, failure: Failure, video_id: str | None, outputs: RunOutputs) -> None:
        self._failures.append(failure)
        uri = failure.source.uri
        advanced = self._advanced.pop(uri, 0.0)
        outputs.progress.step(failure.source.size - advanced, failed=True)
        outputs.progress.say(f"failed: {uri}: {failure.message}")
        outputs.events.write(
            "video",
            status="failed",
            video=uri,
            video_id=video_id,
            stage=failure.stage,
            error=failure.error,
            message=failure.message,
            **outputs.done_by,
        )

    def _add_indexed(self, indexed: IndexedVideo, outputs: RunOutputs) -> None:
        video = indexed.video
        rest = video.size - self._advanced.pop(video.uri, 0.0)
        outputs.progress.step(rest, tracks=len(indexed.tracks), duration_s=video.read_s or 0.0)
        outputs.events.write(
            "video",
            status=video.status,
            video=video.uri,
            video_id=video.video_id,
            duration_s=video.duration_s,
            read_s=video.read_s,
            tracks=len(indexed.tracks),
            faces=video.faces_seen,
            message=video.failure,
            **outputs.done_by,
        )
        if video.video_id in self._indexed:
            return
        self._indexed.add(video.video_id)
        self._tracks += len(indexed.tracks)
        self._faces += video.faces_seen
        self._duration_s += video.read_s if video.read_s is not None else 0.0
        if video.status == "partial" and video.failure is not None:
            self._partly_read.append((video.uri, video.failure))
        notes = StreamNotes.of(video.uri, video.streams, video.assumed_fps, video.turned_parts)
        if not notes.is_empty:
            self._stream_notes.append(notes)

    def _failed_record(self, failure: Failure, video_id: str) -> VideoRecord:
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
        """Return the report of the outcomes counted so far.

        Args:
            elapsed_s: Duration of the run, in seconds.
        """
        notes = sorted(self._stream_notes, key=lambda note: note.video)
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
            streams_not_indexed=tuple(note for note in notes if note.unread),
            turned=tuple(note for note in notes if note.turned),
            turned_parts=tuple(note for note in notes if note.turned_parts),
            times_assumed=tuple(note for note in notes if note.assumed_fps is not None),
            account=self._account,
            left_out=tuple(self._left_out),
            erased=self._erased,
        )


def _exists(source: VideoSource) -> bool:
    return "://" in source.uri or Path(source.uri).exists()


def _unread_id(source: VideoSource) -> str:
    """Return a substitute for the content hash of an unreadable file.

    The failure is recorded under this id until the file can be read.
    """
    name = os.fsencode(source.uri)
    return "unread-" + hashlib.blake2b(name, digest_size=16).hexdigest()


def _report_notice(notice: Notice, outputs: RunOutputs) -> None:
    if notice.kind == "cluster":
        outputs.progress.say(f"Dask dashboard: {notice.text}")
        outputs.events.write("cluster", dashboard=notice.text)
        return
    video = notice.source.uri if notice.source is not None else None
    if notice.kind != "slice":
        outputs.progress.say(f"{notice.kind}: {video or ''}: {notice.text}")
    outputs.events.write(
        notice.kind, video=video, message=notice.text, worker=notice.worker, host=notice.host
    )
