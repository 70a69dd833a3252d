"""Remarks about streams: not indexed, turned upright, parts that lie, times that are assumed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from vidsearch.catalog.records import StreamRecord, TurnedPart
from vidsearch.text.names import portable_name

RequestedStream: TypeAlias = int | Literal["all"]
"""Index of a stream in its container, or every film of a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadStream:
    """A video stream that was not indexed.

    Attributes:
        index: Index of the stream in its container.
        codec: Name of the codec; None if it is not known.
        width: Pixels; None if it is not known.
        height: Pixels; None if it is not known.
        reason: Reason why it cannot be decoded; None if another stream was chosen.
    """

    index: int
    codec: str | None
    width: int | None
    height: int | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class StreamNotes:
    """Remarks about the streams of a video.

    Attributes:
        video: Path or URI.
        unread: Streams that were not indexed.
        turned: Index of every turned stream, and its counter-clockwise degrees.
        assumed_fps: Frames per second, if the file states no times; else None.
        turned_parts: Parts that lie while the rest of the film is upright.
    """

    video: str
    unread: tuple[UnreadStream, ...]
    turned: tuple[tuple[int, int], ...]
    assumed_fps: float | None = None
    turned_parts: tuple[TurnedPart, ...] = ()

    @property
    def is_empty(self) -> bool:
        """True if there is nothing to remark."""
        remarks = self.unread or self.turned or self.turned_parts
        return not remarks and self.assumed_fps is None

    @classmethod
    def of(
        cls,
        video: str,
        streams: Iterable[StreamRecord],
        assumed_fps: float | None = None,
        turned_parts: Iterable[TurnedPart] = (),
    ) -> StreamNotes:
        """Return the remarks about the streams of a video, possibly none."""
        records = tuple(streams)
        return cls(
            video,
            tuple(
                UnreadStream(
                    index=record.index,
                    codec=record.codec,
                    width=record.width,
                    height=record.height,
                    reason=record.failure,
                )
                for record in records
                if not record.indexed
            ),
            tuple((record.index, record.turn_deg) for record in records if record.turn_deg),
            assumed_fps,
            tuple(turned_parts),
        )


def notes_of_rows(rows: Iterable[Mapping[str, Any]]) -> tuple[StreamNotes, ...]:
    """Return the remarks about the videos of the table ``videos`` that have any.

    Args:
        rows: Rows with ``uri`` (a path or URI), ``streams``, ``assumed_fps`` and
            ``turned_parts``.
    """
    names = [name for name in StreamRecord.__dataclass_fields__ if name != "anchors"]
    notes = (
        StreamNotes.of(
            row["uri"],
            (StreamRecord(**{name: s[name] for name in names}) for s in row.get("streams") or ()),
            row.get("assumed_fps"),
            (TurnedPart(**part) for part in row.get("turned_parts") or ()),
        )
        for row in rows
    )
    return tuple(note for note in notes if not note.is_empty)


def notes_json(
    unread: Sequence[StreamNotes],
    turned: Sequence[StreamNotes],
    turned_parts: Sequence[StreamNotes],
    assumed: Sequence[StreamNotes],
) -> dict[str, Any]:
    """Return the JSON members about streams, such as ``turned`` and ``times_assumed``.

    Args:
        unread: Videos with streams that were not indexed.
        turned: Videos with streams that were turned.
        turned_parts: Videos with parts that lie.
        assumed: Videos that state no times.
    """
    return {
        "streams_not_indexed": [
            {"video": portable_name(note.video), "streams": [asdict(s) for s in note.unread]}
            for note in unread
        ],
        "turned": [
            {"video": portable_name(note.video), "stream": index, "turn_deg": degrees}
            for note in turned
            for index, degrees in note.turned
        ],
        "turned_parts": [
            {"video": portable_name(note.video), **asdict(part)}
            for note in turned_parts
            for part in note.turned_parts
        ],
        "times_assumed": [
            {"video": portable_name(note.video), "fps": note.assumed_fps} for note in assumed
        ],
    }


def has_streams(
    streams: Sequence[Mapping[str, Any]] | None, requested: RequestedStream | None
) -> bool:
    """Return True if the requested streams of a video are indexed, as far as they can be.

    Args:
        streams: Value of ``videos.streams``; None for a video of an earlier version.
        requested: Index of a stream; ``all``; None: the film, which is always indexed.
    """
    if requested is None:
        return True
    if requested == "all":
        return bool(streams) and all(s["indexed"] or s["failure"] for s in streams or ())
    return any(s["index"] == requested and s["indexed"] for s in streams or ())
