"""Getting to a time in a video: containers without an index land after it as often as before."""

from __future__ import annotations

from fractions import Fraction

import av
import av.container
import av.error

_MARGINS_S = (0.0, 2.0, 12.0, 60.0)


def start_of(container: av.container.InputContainer) -> Fraction:
    """Return the container's start in seconds: what a player shows as 0:00."""
    return Fraction(container.start_time or 0, av.time_base)


def seek_before(
    container: av.container.InputContainer, stream: av.VideoStream, time_s: float
) -> None:
    """Go to where decoding gives a picture at or before a time, near it if possible.

    Raises:
        av.error.FFmpegError: The container cannot seek at all.
    """
    begin = start_of(container)
    for margin_s in _MARGINS_S:
        target_s = max(time_s - margin_s, 0.0)
        _seek(container, begin, target_s)
        first = _first_time_s(container, stream, begin)
        if target_s == 0.0 or (first is not None and first <= time_s + 1e-3):
            _seek(container, begin, target_s)
            return
    _seek(container, begin, 0.0)


def _seek(container: av.container.InputContainer, begin: Fraction, time_s: float) -> None:
    container.seek(round((float(begin) + time_s) * av.time_base))


def _first_time_s(
    container: av.container.InputContainer, stream: av.VideoStream, begin: Fraction
) -> float | None:
    try:
        for frame in container.decode(stream):
            if frame.pts is not None and frame.time_base is not None:
                return float(frame.pts * frame.time_base - begin)
    except av.error.FFmpegError:
        return None
    return None
