"""Length and clock of a video stream, read from its container.

The times of Matroska tags differ by writer. FFmpeg writes the end of the track, counted from 0.
The statistics of mkvmerge and similar programs hold the length from the track's first frame.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING

from vidsearch.video.pyav.rational import Rational, exact
from vidsearch.video.pyav.timing.demuxers import has_timeline, has_times
from vidsearch.video.report import ExpectedStream, StampKind

if TYPE_CHECKING:
    import av
    import av.container

_MICROSECONDS = 1_000_000
# AVI stores no time stamps: a frame has the time of its position. ASF stores one stamp per frame;
# writers put the decoding time there.
_DECODING_TIMES = frozenset({"avi", "asf", "asf_o"})
# FFmpeg gives the length of the file to each of its streams.
_OF_FILE = frozenset({"asf", "asf_o", "mpegts", "mpeg", "pva", "ty", "wtv", "nsv"})
# FFmpeg gives the length of the file to streams whose first packets come late.
_FILLED = frozenset({"matroska", "webm"})
_ROUNDING_S = 2e-3
_FASTEST = 1000
_LATEST_START_S = 60
# Headers of these formats state the end of the file counted from 0, not from its first frame.
_ZERO_BASED = frozenset({"matroska", "webm", "flv", "live_flv", "kux", "asf", "asf_o"})


def expected_stream(
    container: av.container.InputContainer, stream: av.VideoStream
) -> ExpectedStream:
    """Return the length and clock that ``container`` states for ``stream``."""
    time_base = _time_base(stream)
    stamps = _stamps(container)
    if stamps == "none":
        return ExpectedStream(
            time_base=time_base,
            start=Fraction(0),
            first=0,
            duration_s=None,
            exact=False,
            frames=None,
            stamps=stamps,
            rate=_stated_rate(stream.codec_context.framerate, stream.average_rate),
        )
    first = stream.start_time if stream.start_time is not None else 0
    start = _start(container, first * time_base)
    duration_s, is_exact = _duration(container, stream, float(first * time_base), float(start))
    return ExpectedStream(
        time_base=time_base,
        start=start,
        first=first,
        duration_s=duration_s,
        exact=is_exact,
        frames=_indexed_frames(container, stream),
        stamps=stamps,
        restarts=not has_timeline(container.format.name),
        rate=_stated_rate(stream.average_rate, stream.codec_context.framerate),
    )


def _time_base(stream: av.VideoStream) -> Fraction:
    stated = exact(stream.time_base)
    return Fraction(1, _MICROSECONDS) if stated is None else stated


def _stamps(container: av.container.InputContainer) -> StampKind:
    name = container.format.name
    if not has_times(name):
        return "none"
    return "dts" if name in _DECODING_TIMES else "pts"


def _stated_rate(*rates: Rational | None) -> Fraction | None:
    """Return the first credible rate; FFmpeg derives others from stamps that stand still."""
    stated = (exact(rate) for rate in rates)
    return next((rate for rate in stated if rate is not None and rate <= _FASTEST), None)


def _start(container: av.container.InputContainer, first: Fraction) -> Fraction:
    """Return the seconds from which the times of a stream count.

    Args:
        container: Open container.
        first: Start of the stream in seconds.
    """
    start = Fraction(container.start_time or 0, _MICROSECONDS)
    # Programmes of a transport stream have clocks of their own.
    if not has_timeline(container.format.name) and first - start > _LATEST_START_S:
        return first
    # The container's start is rounded to microseconds. If it equals the start of this stream, use
    # the exact value; otherwise the first frame would lie slightly before 0.
    return first if abs(start - first) <= Fraction(1, _MICROSECONDS) else start


def _duration(
    container: av.container.InputContainer, stream: av.VideoStream, first_s: float, start_s: float
) -> tuple[float | None, bool]:
    """Return the length from the stream's first frame, and True if it belongs to the stream."""
    names = set(container.format.name.split(","))
    stated_s = float((stream.duration or 0) * _time_base(stream))
    if _FILLED & names and abs(stated_s - (container.duration or 0) / _MICROSECONDS) < _ROUNDING_S:
        stated_s = 0.0
    if stated_s > 0:
        if not _OF_FILE & names:
            return stated_s, True
        from_s = 0.0 if _ZERO_BASED & names else first_s
        length = _length_from_first_frame(stated_s, first_s, from_s, first_s)
        return length, len(container.streams) == 1
    tagged = _tagged_duration(container, stream, first_s, start_s)
    if tagged is not None:
        return tagged, True
    if container.duration is None or container.duration <= 0:
        return None, False
    length_s = container.duration / _MICROSECONDS
    from_zero = bool(_ZERO_BASED & names) and not (
        _writing_library(container).startswith("libebml")
    )
    return _length_from_first_frame(length_s, first_s, 0.0 if from_zero else start_s, start_s), (
        len(container.streams) == 1
    )


def _tagged_duration(
    container: av.container.InputContainer, stream: av.VideoStream, first_s: float, start_s: float
) -> float | None:
    """Return the length by Matroska's tags, None without a usable tag.

    A file copied by FFmpeg may hold both kinds of tag. The statistics then describe the original
    file.
    """
    by_ffmpeg = _writing_library(container).startswith("Lavf")
    statistics = any(key.startswith("_STATISTICS_WRITING_APP") for key in stream.metadata)
    for key in sorted(stream.metadata):  # "DURATION" itself before "DURATION-eng"
        if key != "DURATION" and (not key.startswith("DURATION-") or by_ffmpeg):
            continue
        tagged = _clock_seconds(stream.metadata[key])
        if tagged and statistics and not by_ffmpeg:
            return tagged
        if tagged:
            return _length_from_first_frame(tagged, first_s, 0.0, start_s)
    return None


def _length_from_first_frame(
    length_s: float, first_s: float, from_s: float, start_s: float
) -> float | None:
    """Return the length counted from the stream's first frame; None if it is not positive.

    Args:
        length_s: Stated length, counted from ``from_s``.
        first_s: Time of the stream's first frame.
        from_s: Time from which ``length_s`` counts.
        start_s: Start of the container. If counting from ``from_s`` gives a negative length,
            ``length_s`` is relative to the container's start.
    """
    from_first_s = length_s - (first_s - from_s)
    if from_first_s <= 0:
        from_first_s = length_s - (first_s - start_s)
    return from_first_s if from_first_s > 0 else None


def _writing_library(container: av.container.InputContainer) -> str:
    """Return the name of the library that wrote the file, empty if the file does not state it."""
    return next((v for key, v in container.metadata.items() if key.lower() == "encoder"), "")


def _clock_seconds(text: str) -> float | None:
    """Return the seconds of Matroska's ``hours:minutes:seconds.fraction``."""
    match = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", text.strip())
    if match is None:
        return None
    hours, minutes, seconds = match.groups()
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def _indexed_frames(container: av.container.InputContainer, stream: av.VideoStream) -> int | None:
    """Return the number of frames that the index of a file states.

    Of an MP4, frames that its edit list hides do not count. The length of an MXF is a number of
    frames.
    """
    rate = exact(stream.average_rate)
    if container.format.name == "mxf" and stream.duration and rate is not None:
        return round(stream.duration * _time_base(stream) * rate)
    if "mov" not in container.format.name or not stream.frames:
        return None
    entries = stream.index_entries
    if len(entries) != stream.frames:
        return None
    return sum(1 for entry in entries if not entry.is_discard) or None
