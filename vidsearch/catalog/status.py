"""Contents of a catalog in numbers, and the videos that failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from vidsearch.catalog.meta import CatalogMeta
from vidsearch.catalog.sources.accounts import SourceStatus
from vidsearch.catalog.streams.notes import StreamNotes, notes_json, notes_of_rows
from vidsearch.text.names import native_name, portable_name
from vidsearch.text.printable import printable


@dataclass(frozen=True, slots=True)
class VideoProblem:
    """A video that failed or was partly read.

    Attributes:
        video: Path or URI.
        stage: Stage that failed, or None where the stage was not recorded.
        error: Type of the error, or None.
        message: One line.
    """

    video: str
    stage: str | None
    error: str | None
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogStatus:
    """Contents of a catalog in numbers.

    Attributes:
        uri: Path or URI of the catalog.
        pack: Name or folder of the model pack.
        model_id: Model of the catalog's vectors.
        created: Time of creation, ISO 8601, UTC.
        videos: Count by status: ``indexed``, ``partial``, ``failed``.
        tracks: Tracks that a search can find.
        faces: Faces detected in sampled frames.
        faces_too_poor: Faces among them that are too small or too blurred to be matched; a search
            does not cover these.
        people: Named persons.
        duration_s: Seconds of video that were read and can be searched.
        share_read: Share of the readable videos' total length that was read, in [0, 1].
        failures: Failed videos; none of their tracks can be found.
        partly_read: Videos of which a part could not be read.
        streams_not_indexed: Videos with streams that were not looked at.
        turned: Videos that lie on their side or upside down and were turned upright.
        turned_parts: Videos of which a part lies while the rest is upright; it was not turned.
        times_assumed: Videos that state no times.
        sources: Searched folders, globs, lists and prefixes, as the last search found them.
    """

    uri: str
    pack: str
    model_id: str
    created: str
    videos: dict[str, int]
    tracks: int
    faces: int
    faces_too_poor: int
    people: int
    duration_s: float
    share_read: float
    failures: tuple[VideoProblem, ...]
    partly_read: tuple[VideoProblem, ...]
    streams_not_indexed: tuple[StreamNotes, ...] = ()
    turned: tuple[StreamNotes, ...] = ()
    turned_parts: tuple[StreamNotes, ...] = ()
    times_assumed: tuple[StreamNotes, ...] = ()
    sources: tuple[SourceStatus, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the status as plain lists, dictionaries, numbers and text."""
        fields = asdict(self)
        for name in ("failures", "partly_read"):
            fields[name] = [
                {**problem, "video": portable_name(problem["video"])} for problem in fields[name]
            ]
        fields.update(
            notes_json(self.streams_not_indexed, self.turned, self.turned_parts, self.times_assumed)
        )
        fields["sources"] = [source.to_json() for source in self.sources]
        return fields


def summarise(
    uri: str,
    meta: CatalogMeta,
    videos: pa.Table,
    people: int,
    copies: Mapping[str, Sequence[str]] | None = None,
) -> CatalogStatus:
    """Return the status of a catalog.

    Args:
        uri: Path or URI of the catalog.
        meta: Content of its ``catalog.json``.
        videos: All rows of the table ``videos``.
        people: Number of named persons.
        copies: ``video_id`` of a failed or partly read video -> paths of its files.
    """
    paths = copies if copies is not None else {}
    rows = videos.sort_by("uri").to_pylist()
    counts = Counter(row["status"] for row in rows)
    readable = [row for row in rows if row["status"] != "failed"]
    notes = notes_of_rows([{**row, "uri": native_name(row["uri"])} for row in readable])
    duration_s = sum(_read_s(row) for row in readable)
    expected_s = sum(row["duration_s"] or 0.0 for row in readable)
    return CatalogStatus(
        uri=uri,
        pack=meta.pack,
        model_id=meta.model_id,
        created=meta.created,
        videos={name: counts[name] for name in ("indexed", "partial", "failed")},
        tracks=sum(row["tracks"] or 0 for row in rows),
        faces=sum(row["faces_seen"] or 0 for row in rows),
        faces_too_poor=sum(row.get("faces_too_poor") or 0 for row in rows),
        people=people,
        duration_s=duration_s,
        share_read=duration_s / expected_s if expected_s else 1.0,
        failures=_problems(rows, "failed", paths),
        partly_read=_problems(rows, "partial", paths),
        streams_not_indexed=tuple(note for note in notes if note.unread),
        turned=tuple(note for note in notes if note.turned),
        turned_parts=tuple(note for note in notes if note.turned_parts),
        times_assumed=tuple(note for note in notes if note.assumed_fps is not None),
    )


def _read_s(row: Mapping[str, Any]) -> float:
    """Return the seconds of a video that were read; without a record, its whole duration."""
    read_s = row.get("read_s")
    return (row["duration_s"] if read_s is None else read_s) or 0.0


def _problems(
    rows: Sequence[Mapping[str, Any]], status: str, copies: Mapping[str, Sequence[str]]
) -> tuple[VideoProblem, ...]:
    return tuple(
        problem
        for row in rows
        if row["status"] == status
        for problem in _problems_of_video(row, copies.get(row["video_id"], ()))
    )


def _problems_of_video(row: Mapping[str, Any], copies: Sequence[str]) -> Iterator[VideoProblem]:
    """Yield the problem of every file of a video that exists; the recorded file has its message."""
    recorded = native_name(row["uri"])
    message = row["failure"] if row["failure"] is not None else row["status"]
    existing = [path for path in copies if "://" in path or Path(path).exists()]
    for path in dict.fromkeys(existing or [recorded]):
        text = message
        if path != recorded:
            verb = "failed" if row["status"] == "failed" else "was read in part"
            text = (
                f"'{printable(path)}' is a copy of '{printable(recorded)}', which {verb}: {message}"
            )
        yield VideoProblem(path, row["failure_stage"], row["failure_error"], text)
