"""Event log of a run, for machines: ``<catalog>/runs/<run_id>.jsonl``, one JSON object a line.

Every object has ``time`` (ISO 8601, UTC) and ``event``:

========  =====================================================================================
event     further fields
========  =====================================================================================
start     videos, bytes, skipped, model_id, scheduler, workers, vidsearch
source    source, videos, folders, repeated, passed_over, excluded: entries of a searched source
unreadable, dangling, special
          path, message: an entry of a source
failed_source
          source, error, message: a source, or a name in a list, that gives no video
cluster   dashboard
video     status (indexed, partial, known, failed), video, video_id, duration_s, tracks, faces,
          stage, error, message, worker, host (for a sliced video: those of its last slice)
retry     video, message, worker, host: its worker died, another worker tries it
moved     video, message, worker, host: its host cannot read it, another host tries it
left_out  message, host: a host or worker of the cluster gets no work
no_catalog
          message, host: a host does not see the catalog and builds no part of the index
sliced    video, message, worker, host: it is read in slices
slice     video, message, worker, host: a slice of it is done
unsliced  video, message, worker, host: its slices do not join, it is read whole
end       how (done, stopped, error), indexed, skipped, failed, tracks, faces, duration_s,
          elapsed_s, message
========  =====================================================================================

The log lies beside the tables, so that every reader of the catalog can follow the run. The log of a
killed run has no ``end``. An object store cannot append, so there the log consists of parts,
``<run_id>.<number>.jsonl``, each written whole.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self, TextIO

from vidsearch.storage.path import StoragePath
from vidsearch.text.json_text import json_text
from vidsearch.text.names import portable_name
from vidsearch.text.parse import read_json

FOLDER = "runs"
_NAMES = frozenset({"video", "source", "path"})
"""Fields that hold paths or URIs."""
_PART_EVERY_S = 30.0
_LOG = logging.getLogger(__name__)


class EventLog:
    """Writes the events of one run. A write error is logged once and does not end the run.

    Args:
        catalog: Folder of the catalog.
        run_id: Name of the run.
        clock: Monotonic clock, in seconds.
    """

    def __init__(
        self, catalog: StoragePath, run_id: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._folder = catalog.child(FOLDER)
        self._run_id = run_id
        self._clock = clock
        self._lines: list[str] = []
        self._parts = 0
        self._written_s = clock()
        self._file: TextIO | None = None
        self._broken = False

    def write(self, event: str, **fields: Any) -> None:
        """Add an event; fields that are None are left out."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        present = {name: value for name, value in fields.items() if value is not None}
        for name in _NAMES & present.keys():
            present[name] = portable_name(present[name])
        self._lines.append(json_text({"time": now, "event": event, **present}) + "\n")
        _LOG.info("%s %s", event, " ".join(f"{name}={value}" for name, value in present.items()))
        self._flush()

    def _flush(self, *, last: bool = False) -> None:
        if self._broken or not self._lines:
            return
        try:
            if self._folder.path is not None:
                self._append("".join(self._lines))
            elif last or self._clock() - self._written_s >= _PART_EVERY_S:
                part = self._folder.child(f"{self._run_id}.{self._parts:04d}.jsonl")
                part.write("".join(self._lines).encode())
                self._parts += 1
                self._written_s = self._clock()
            else:
                return
        except OSError as error:
            self._broken = True
            _LOG.warning("the event log cannot be written (%s); the run continues", error)
        self._lines.clear()

    def _append(self, text: str) -> None:
        if self._file is None:
            assert self._folder.path is not None
            self._folder.path.mkdir(exist_ok=True)
            path = self._folder.path / f"{self._run_id}.jsonl"
            self._file = path.open("a", encoding="utf-8")
        self._file.write(text)
        self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._flush(last=True)
        if self._file is not None:
            self._file.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLog:
    """Summary of the event log of one run.

    Attributes:
        run_id: Name of the run.
        started: Time of the first event, UTC.
        last_event: Time of the last event, UTC.
        videos: Number of videos that the run was to index.
        indexed: Videos finished without failure, including known ones.
        failed: Videos that failed.
        tracks: Tracks found.
        end: ``done``, ``stopped`` or ``error``; None if the log has no end.
        message: Error message of the end; empty if there is none.
    """

    run_id: str
    started: datetime
    last_event: datetime
    videos: int
    indexed: int
    failed: int
    tracks: int
    end: str | None
    message: str


def read_run_logs(catalog: StoragePath) -> list[RunLog]:
    """Return the logs of all runs of a catalog; unreadable or incomplete logs are left out.

    Args:
        catalog: Folder of the catalog.
    """
    folder = catalog.child(FOLDER)
    lines: dict[str, list[str]] = {}
    for name in sorted(folder.names()):
        try:
            content = folder.child(name).read().decode("utf-8", "replace")
        except OSError:
            continue
        lines.setdefault(name.split(".")[0], []).extend(content.splitlines())
    logs = (parse_run_log(run_id, run_lines) for run_id, run_lines in lines.items())
    return [log for log in logs if log is not None]


def parse_run_log(run_id: str, lines: Iterable[str]) -> RunLog | None:
    """Return the summary of a run's lines; None without a start event."""
    events = [event for line in lines if (event := _parsed(line)) is not None]
    start = next((event for event in events if event["event"] == "start"), None)
    if start is None:
        return None
    videos = [event for event in events if event["event"] == "video"]
    failed = sum(event.get("status") == "failed" for event in videos)
    end = next((event for event in events if event["event"] == "end"), None)
    return RunLog(
        run_id=run_id,
        started=datetime.fromisoformat(start["time"]),
        last_event=datetime.fromisoformat(events[-1]["time"]),
        videos=int(start.get("videos", 0)),
        indexed=len(videos) - failed,
        failed=failed,
        tracks=sum(int(event.get("tracks", 0)) for event in videos),
        end=str(end["how"]) if end is not None else None,
        message=str(end.get("message", "")) if end is not None else "",
    )


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        event = read_json(line)
    except ValueError:
        return None  # the incomplete last line of a killed run
    return event if isinstance(event, dict) and "event" in event and "time" in event else None
