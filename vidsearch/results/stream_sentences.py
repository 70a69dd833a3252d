"""Sentences about streams that were not indexed or turned upright, and about assumed times."""

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


def stream_lines(
    unread: Sequence[StreamNotes], turned: Sequence[StreamNotes], assumed: Sequence[StreamNotes]
) -> list[str]:
    """Return sentences with the numbers of unread streams, turned videos and assumed times.

    Args:
        unread: Videos with streams that were not indexed.
        turned: Videos with streams that were turned.
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
    if assumed:
        state = "states" if len(assumed) == 1 else "state"
        videos = counted(len(assumed), "video")
        lines.append(f"{videos} {state} no times: they are computed from the numbers of frames.")
    return lines
