"""What a container promises about its video stream, and whether it was kept."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from vidsearch.video.types import ReadReport

if TYPE_CHECKING:
    import av
    import av.container

_MICROSECONDS = 1_000_000
# Sound files end a little early too: the last frames may lack what they refer to, and a length that
# is the whole file's may be that of its sound.
_SPARE_FRAMES = 2
_SPARE_S = 0.5
_SPARE_SHARE = 0.03
# Their headers state where the file ends, counted from 0 and not from its first picture or sound.
_ZERO_BASED = frozenset({"matroska", "webm", "flv", "live_flv", "kux"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedStream:
    """Length and clock of a video stream, by its container.

    Attributes:
        time_base: Seconds a tick.
        start: Container's start in seconds.
        first: Tick at which the stream starts.
        duration_s: Length of the stream from its first frame, None where unknown.
        exact: Whether ``duration_s`` is the stream's own, not the whole file's.
        frames: How many frames the index lists for showing, None without a full index.
        has_pts: False where the container stores no presentation times.
    """

    time_base: Fraction
    start: Fraction
    first: int
    duration_s: float | None
    exact: bool
    frames: int | None
    has_pts: bool

    def compare(self, decoded: int, end: Fraction | None, errors: int, damaged: int) -> ReadReport:
        """Report on ``decoded`` frames, the last of which ended at ``end`` (stream seconds)."""
        share, missing = self._by_time(end)
        if self.frames is not None and not self._fields(decoded, share):
            share = min(share, decoded / self.frames)
            missing |= self.frames - decoded > (0 if errors else _SPARE_FRAMES)
        elif errors:
            share = min(share, decoded / (decoded + errors))
            missing = True
        share = min(1.0, max(0.0, share)) if missing else 1.0
        return ReadReport(
            frames_decoded=decoded,
            expected_frames=self.frames,
            expected_duration_s=self.duration_s,
            last_time_s=0.0 if end is None else float(end - self.start),
            errors=errors,
            damaged=damaged,
            share=share,
            reason=self._reason(decoded, end, errors, share) if missing else "",
        )

    def _by_time(self, end: Fraction | None) -> tuple[float, bool]:
        if not self.duration_s:
            return 1.0, False
        read_s = 0.0 if end is None else float(end - self.first * self.time_base)
        spare_s = _SPARE_S if self.exact else max(_SPARE_S, _SPARE_SHARE * self.duration_s)
        return read_s / self.duration_s, self.duration_s - read_s > spare_s

    def _fields(self, decoded: int, share: float) -> bool:
        """Whether the index counts the two fields of interlaced frames one by one."""
        return self.frames is not None and share > 0.99 and abs(2 * decoded - self.frames) <= 2

    def _reason(self, decoded: int, end: Fraction | None, errors: int, share: float) -> str:
        parts = [f"{decoded} of {self.frames} frames" if self.frames else f"{decoded} frames"]
        if self.duration_s and end is not None:
            read_s = float(end - self.first * self.time_base)
            parts.append(f"the last at {read_s:.1f} of {self.duration_s:.1f} s")
        if errors:
            parts.append(f"{errors} damaged packets skipped")
        return f"partly read ({100 * share:.1f} %): " + ", ".join(parts)


def promise_of(container: av.container.InputContainer, stream: av.VideoStream) -> ExpectedStream:
    """Read what ``container`` says about ``stream``."""
    time_base = stream.time_base or Fraction(1, _MICROSECONDS)
    first = stream.start_time if stream.start_time is not None else 0
    start = Fraction(container.start_time or 0, _MICROSECONDS)
    # The container's start is rounded to microseconds: where it means this stream's, be exact, or
    # the first frame would lie a hair before 0.
    if abs(start - first * time_base) <= Fraction(1, _MICROSECONDS):
        start = first * time_base
    duration_s, exact = _duration(container, stream, float(first * time_base), float(start))
    return ExpectedStream(
        time_base=time_base,
        start=start,
        first=first,
        duration_s=duration_s,
        exact=exact,
        frames=_indexed_frames(container, stream),
        has_pts=container.format.name != "avi",
    )


def _duration(
    container: av.container.InputContainer, stream: av.VideoStream, first_s: float, start_s: float
) -> tuple[float | None, bool]:
    """Return the stream's length from its own first frame, and whether it is the stream's own."""
    if stream.duration is not None and stream.duration > 0:
        return float(stream.duration * (stream.time_base or Fraction(1, _MICROSECONDS))), True
    tagged = _tagged_duration(container, stream, first_s, start_s)
    if tagged is not None:
        return tagged, True
    if container.duration is None or container.duration <= 0:
        return None, False
    length_s = container.duration / _MICROSECONDS
    from_zero = bool(_ZERO_BASED & set(container.format.name.split(","))) and not (
        _writer(container).startswith("libebml")
    )
    return _own_length(length_s, first_s, 0.0 if from_zero else start_s, start_s), (
        len(container.streams) == 1
    )


def _tagged_duration(
    container: av.container.InputContainer, stream: av.VideoStream, first_s: float, start_s: float
) -> float | None:
    """Length by Matroska's tags.

    FFmpeg writes where the track ends, counted from 0; the statistics of mkvmerge and its kin hold
    the length from the track's own first frame. A file that FFmpeg copied may have both, and then
    the statistics are those of the file it was copied from.
    """
    by_ffmpeg = _writer(container).startswith("Lavf")
    statistics = any(key.startswith("_STATISTICS_WRITING_APP") for key in stream.metadata)
    for key in sorted(stream.metadata):  # "DURATION" itself before "DURATION-eng"
        if key != "DURATION" and (not key.startswith("DURATION-") or by_ffmpeg):
            continue
        tagged = _clock_seconds(stream.metadata[key])
        if tagged and statistics and not by_ffmpeg:
            return tagged
        if tagged:
            return _own_length(tagged, first_s, 0.0, start_s)
    return None


def _own_length(length_s: float, first_s: float, from_s: float, start_s: float) -> float | None:
    """Length from a stream's first frame, of one that counts from ``from_s`` on.

    One that is over before the stream begins can only count from the container's start.
    """
    own_s = length_s - (first_s - from_s)
    if own_s <= 0:
        own_s = length_s - (first_s - start_s)
    return own_s if own_s > 0 else None


def _writer(container: av.container.InputContainer) -> str:
    """Name of the library that wrote the file, empty where it does not say."""
    return next((v for key, v in container.metadata.items() if key.lower() == "encoder"), "")


def _clock_seconds(text: str) -> float | None:
    """Seconds of Matroska's ``hours:minutes:seconds.fraction``."""
    match = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", text.strip())
    if match is None:
        return None
    hours, minutes, seconds = match.groups()
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def _indexed_frames(container: av.container.InputContainer, stream: av.VideoStream) -> int | None:
    """Frames that an MP4's index lists, less those its edit list hides."""
    if "mov" not in container.format.name or not stream.frames:
        return None
    entries = stream.index_entries
    if len(entries) != stream.frames:
        return None
    return sum(1 for entry in entries if not entry.is_discard) or None
