"""The event log of a run, for machines: ``<catalog>/runs/<run_id>.jsonl``, an object a line.

Every object has ``time`` (ISO 8601, UTC) and ``event``:

========  =====================================================================================
event     further fields
========  =====================================================================================
start     videos, bytes, skipped, model_id, scheduler, workers, vidsearch
cluster   dashboard
video     status (indexed, partial, known, failed), video, video_id, duration_s, tracks, faces,
          stage, error, message
retry     video, message: its worker died, another will try
sliced    video, message: it is read in so many slices
slice     video, message: a slice of it is done
unsliced  video, message: its slices do not join, it is read whole
end       how (done, stopped, error), indexed, skipped, failed, tracks, faces, duration_s,
          elapsed_s, message
========  =====================================================================================

It lies beside the tables because whoever can read the catalog wants to know what became of it, on
whichever machine. The log of a killed run has no ``end``. An object store cannot append, so there
the log comes in parts, ``<run_id>.<number>.jsonl``, each written whole.
"""

from __future__ import annotations

import json
import logging
import time
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self, TextIO

from vidsearch.storage.path import StoragePath

FOLDER = "runs"
_PART_EVERY_S = 30.0
_LOG = logging.getLogger(__name__)


class EventLog:
    """Writes the events of one run. A log that cannot be written is said once and stops nothing.

    Args:
        catalog: Folder of the catalog.
        run_id: Name of the run.
    """

    def __init__(self, catalog: StoragePath, run_id: str) -> None:
        self._folder = catalog.child(FOLDER)
        self._run_id = run_id
        self._lines: list[str] = []
        self._parts = 0
        self._written = time.monotonic()
        self._file: TextIO | None = None
        self._broken = False

    def write(self, event: str, **fields: Any) -> None:
        """Add an event; fields that are None are left out."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        kept = {name: value for name, value in fields.items() if value is not None}
        self._lines.append(json.dumps({"time": now, "event": event, **kept}) + "\n")
        _LOG.info("%s %s", event, " ".join(f"{name}={value}" for name, value in kept.items()))
        self._flush()

    def _flush(self, *, last: bool = False) -> None:
        if self._broken or not self._lines:
            return
        try:
            if self._folder.path is not None:
                self._append("".join(self._lines))
            elif last or time.monotonic() - self._written >= _PART_EVERY_S:
                part = self._folder.child(f"{self._run_id}.{self._parts:04d}.jsonl")
                part.write("".join(self._lines).encode())
                self._parts += 1
                self._written = time.monotonic()
            else:
                return
        except OSError as error:
            self._broken = True
            _LOG.warning("the run's event log cannot be written (%s); the run goes on", error)
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
