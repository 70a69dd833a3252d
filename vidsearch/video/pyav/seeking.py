"""Seeking in a container, and finding keyframes among the packets that follow."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

import av
import av.container
import av.error

_MARGINS_S: Final = (0.0, 2.0, 12.0, 60.0)
# If an index holds negative decoding times, a seek to 0 misses the first keyframe.
_BEFORE_START_S: Final = -10.0
_PACKETS_TO_KEYFRAME = 5000


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


def first_keyframe(packets: Iterator[av.Packet[av.VideoStream]]) -> int | None:
    """Return the pts of the first keyframe; None without a nearby keyframe or its pts."""
    nearby = islice(packets, _PACKETS_TO_KEYFRAME)
    packet = next((packet for packet in nearby if packet.is_keyframe), None)
    return None if packet is None else packet.pts


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
