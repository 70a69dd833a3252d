"""Ends of all streams of a file, from their last packets."""

from __future__ import annotations

from fractions import Fraction

import av
import av.error
import av.stream

from vidsearch.video.pyav.open import OpenedStream
from vidsearch.video.pyav.rational import exact
from vidsearch.video.pyav.seeking import seek
from vidsearch.video.pyav.timing.demuxers import demuxed
from vidsearch.video.report import StreamEnds


def stream_ends(opened: OpenedStream, tick: int | None) -> StreamEnds:
    """Return the ends of the decoded stream and of the others; nothing can be decoded afterwards.

    Args:
        opened: Container and streams.
        tick: End of the decoded stream in ticks; None if no frame was decoded.
    """
    ends = StreamEnds(None, None)
    if tick is not None:
        opened.reopen()
        if seek(opened.container, opened.stream, tick):
            ends = _packet_ends(opened)
    if ends.video is None and ends.others is None:
        # Some containers cannot be searched, or not so near to the end.
        opened.reopen()
        ends = _packet_ends(opened)
    return ends


def _packet_ends(opened: OpenedStream) -> StreamEnds:
    streams = [*opened.container.streams.video, *opened.container.streams.audio]
    for stream in streams:
        stream.discard = av.stream.Discard.default
    ends: dict[bool, Fraction] = {}
    try:
        for packet in demuxed(opened.container, streams):
            time_base = exact(packet.stream.time_base)
            stamp = packet.dts if packet.pts is None else packet.pts
            if stamp is None or time_base is None:
                continue
            decoded = packet.stream.index == opened.stream.index
            end = (stamp + (packet.duration or 0)) * time_base
            ends[decoded] = max(end, ends.get(decoded, end))
    except av.error.FFmpegError:
        pass  # the packets before the damage count
    return StreamEnds(ends.get(True), ends.get(False))
