"""Seeking in a container, and finding keyframes among the packets that follow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, pairwise
from statistics import median
from typing import Final

import av
import av.container
import av.error

from vidsearch.read_options import Anchor
from vidsearch.video.pyav.timing.clock import LEAP_S

_MARGINS_S: Final = (0.0, 2.0, 12.0, 60.0)
# If an index holds negative decoding times, a seek to 0 misses the first keyframe.
_BEFORE_START_S: Final = -10.0
_PACKETS_TO_KEYFRAME = 5000
# The tables of a transport stream alone take more bytes.
_LEAST_BYTES_PER_S = 1000
# A part of a recording may need fewer bytes than the median by this factor.
_QUIET_PART = 8


@dataclass(frozen=True, slots=True)
class CutPoint:
    """Keyframe at which a video can be cut: its pts, and the position of its packet in bytes."""

    pts: int
    pos: int


def seek_targets(time_s: float) -> tuple[float, ...]:
    """Return the times to seek to, in order, until the first decoded frame lies before ``time_s``.

    The last target is negative: it leads to the start of the video.

    Example:
        >>> seek_targets(5.0)
        (5.0, 3.0, 0.0, -10.0)
    """
    early = (max(time_s - margin_s, 0.0) for margin_s in (*_MARGINS_S, time_s))
    return (*dict.fromkeys(early), _BEFORE_START_S)


def seek(container: av.container.InputContainer, stream: av.VideoStream, tick: int) -> bool:
    """Move to a keyframe of a stream near a tick; return False if the container cannot seek.

    The keyframe lies before the tick, or after it in containers without an index.
    """
    try:
        container.seek(tick, stream=stream)
    except (av.error.FFmpegError, OSError):
        return False
    return True


def seek_byte(container: av.container.InputContainer, stream: av.VideoStream, pos: int) -> bool:
    """Move to a position in the file, bytes; return False if the container cannot seek."""
    try:
        container.seek(pos, stream=stream, unsupported_byte_offset=True)
    except (av.error.FFmpegError, OSError):
        return False
    return True


def packets_from_anchor(
    packets: Iterator[av.Packet[av.VideoStream]], anchor: Anchor
) -> Iterator[av.Packet[av.VideoStream]]:
    """Yield the packets from an anchor's packet on; nothing if it is missing."""
    reached = False
    for packet in packets:
        pos = packet.pos
        reached |= pos is not None and pos >= anchor.pos
        if not reached or not packet.is_keyframe:
            continue
        if packet.size == anchor.size and (pos is None or pos == anchor.pos):
            yield packet
            yield from packets
        return


def first_keyframe(
    packets: Iterator[av.Packet[av.VideoStream]],
) -> av.Packet[av.VideoStream] | None:
    """Return the packet of the first keyframe; None without one nearby."""
    nearby = islice(packets, _PACKETS_TO_KEYFRAME)
    return next((packet for packet in nearby if packet.is_keyframe), None)


def packets_from_keyframe(
    packets: Iterator[av.Packet[av.VideoStream]], pts: int
) -> Iterator[av.Packet[av.VideoStream]]:
    """Yield the packets from the keyframe with this pts on; nothing if it is missing."""
    for packet in packets:
        if packet.is_keyframe and packet.pts is not None and packet.pts >= pts:
            if packet.pts == pts:
                yield packet
                yield from packets
            return


def has_steady_clock(packets: Iterator[av.Packet[av.VideoStream]], time_base: Fraction) -> bool:
    """Return True if decoding time stamps rise without a leap.

    All packets are read: a time may come back in a later recording of the same file.

    Args:
        packets: Packets from the start of the file to its end.
        time_base: Seconds per tick.
    """
    leap = int(LEAP_S / time_base)
    before: int | None = None
    for packet in packets:
        if packet.dts is None:
            continue
        if before is not None and not 0 <= packet.dts - before <= leap:
            return False
        before = packet.dts
    return True


def are_of_one_clock(cuts: Sequence[CutPoint], time_base: Fraction) -> bool:
    """Return False if keyframes of a stream without a timeline show recordings that were joined.

    Between two keyframes around a leap of the clock lie far too few bytes for their distance in
    time, or the later one lies earlier in the file.

    Args:
        cuts: Keyframes in the order of their times.
        time_base: Seconds per tick.
    """
    rates = [
        (later.pos - cut.pos) / float((later.pts - cut.pts) * time_base)
        for cut, later in pairwise(cuts)
    ]
    return not rates or min(rates) > max(_LEAST_BYTES_PER_S, median(rates) / _QUIET_PART)
