"""Sentences about video streams that were not indexed or were turned upright."""

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


def stream_lines(unread: Sequence[StreamNotes], turned: Sequence[StreamNotes]) -> list[str]:
    """Return sentences with the numbers of unread streams and turned videos.

    Args:
        unread: Videos with streams that were not indexed.
        turned: Videos with streams that were turned.
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
    return lines
