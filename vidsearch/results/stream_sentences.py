"""Sentences about streams: not indexed, turned upright, parts that lie, assumed times."""

from __future__ import annotations

from collections.abc import Sequence

from vidsearch.catalog.streams.notes import StreamNotes, UnreadStream
from vidsearch.results.words import counted


def unread_text(stream: UnreadStream) -> str:
    """Return a stream that was not indexed as text.

    Example:
        >>> unread_text(UnreadStream(index=1, codec="h264", width=720, height=576, reason=None))
        'stream 1 (h264, 720 x 576)'
    """
    size = f", {stream.width} x {stream.height}" if stream.width and stream.height else ""
    reason = f": {stream.reason}" if stream.reason is not None else ""
    return f"stream {stream.index} ({stream.codec or 'codec unknown'}{size}){reason}"


def assumed_text(note: StreamNotes) -> str:
    """Return the rate of a video without times.

    Example:
        >>> assumed_text(StreamNotes("a.mjpeg", (), (), 25.0))
        'the file states no times; 25 frames a second are assumed'
    """
    return f"the file states no times; {note.assumed_fps:.6g} frames a second are assumed"


def turned_parts_text(note: StreamNotes) -> str:
    """Return the parts of a video that lie, as text.

    Example:
        >>> from vidsearch.catalog.records import TurnedPart
        >>> part = TurnedPart(stream=0, start_s=0, end_s=1.5, turn_deg=90)
        >>> turned_parts_text(StreamNotes("a.mp4", (), (), None, (part,)))
        'stream 0, 0.00-1.50 s by 90 degrees'
    """
    return "; ".join(
        f"stream {part.stream or 0}, {part.start_s:.2f}-{part.end_s:.2f} s by {part.turn_deg} "
        "degrees"
        for part in note.turned_parts
    )


def stream_lines(
    unread: Sequence[StreamNotes],
    turned: Sequence[StreamNotes],
    turned_parts: Sequence[StreamNotes],
    assumed: Sequence[StreamNotes],
) -> list[str]:
    """Return sentences with the numbers of videos for which there is a remark about streams.

    Args:
        unread: Videos with streams that were not indexed.
        turned: Videos with streams that were turned.
        turned_parts: Videos with parts that lie.
        assumed: Videos that state no times.
    """
    lines = []
    if unread:
        streams = counted(sum(len(note.unread) for note in unread), "further video stream")
        lines.append(
            f"Not looked at: {streams} of {counted(len(unread), 'video')}; index with "
            "--video-stream all to search every stream that can be decoded."
        )
    if turned:
        single = len(turned) == 1
        lie, were = ("lies on its side", "was") if single else ("lie on their side", "were")
        videos = counted(len(turned), "video")
        lines.append(f"{videos} {lie} or upside down and {were} turned upright.")
    if turned_parts:
        lines.append(
            f"Searched badly: parts of {counted(len(turned_parts), 'video')} in which faces lie on "
            "their side or upside down; turn these parts with a video program (counter-clockwise, "
            "by the degrees given for each) and index the new file."
        )
    if assumed:
        state = "states" if len(assumed) == 1 else "state"
        videos = counted(len(assumed), "video")
        lines.append(f"{videos} {state} no times: they are computed from the numbers of frames.")
    return lines
