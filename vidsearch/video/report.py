"""Comparison of what was decoded with what the container of a video promises."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal, TypeAlias

# Undamaged files may end early: the last frames can lack their references, and the stated length
# can be the length of the audio.
_TOLERANCE_FRAMES = 2
_TOLERANCE_S = 0.5
_TOLERANCE_SHARE = 0.03
_FALLBACK_RATE = Fraction(25)

StampKind: TypeAlias = Literal["pts", "dts", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadReport:
    """Part of a video that was read, compared with the length stated by its container.

    Attributes:
        frames_decoded: Frames returned so far.
        expected_frames: See ``VideoInfo``.
        expected_duration_s: See ``VideoInfo.duration_s``.
        duration_s: Length of the video from its first frame: as stated, or as decoded if more was
            decoded or nothing usable is stated.
        last_time_s: End of the last frame, seconds from the container's start; 0 without frames.
        errors: Packets that could not be read or decoded, and frames without a usable time.
        damaged: Frames decoded with visible damage.
        share: Part of the expected video that was read, in [0, 1]; 1 if no length is stated.
        reason: One line that names the missing part; empty if the whole video was read.
    """

    frames_decoded: int
    expected_frames: int | None
    expected_duration_s: float | None
    duration_s: float
    last_time_s: float
    errors: int
    damaged: int
    share: float
    reason: str

    @property
    def partly_read(self) -> bool:
        """True if a part of the video is missing."""
        return bool(self.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedStream:
    """Length and clock of a video stream as stated by its container.

    Attributes:
        time_base: Seconds per tick.
        start: Start of the container in seconds.
        first: Tick at which the stream starts.
        duration_s: Length of the stream from its first frame; None if unknown.
        exact: True if ``duration_s`` belongs to the stream, False if it belongs to the whole file.
        frames: Number of displayed frames in the index; None without a full index.
        stamps: Time stamps of the container: presentation times; decoding times only; or none.
        restarts: True if a leap of the clock is a new recording, not a gap.
        rate: Frames per second; None if unknown.
    """

    time_base: Fraction
    start: Fraction
    first: int
    duration_s: float | None
    exact: bool
    frames: int | None
    stamps: StampKind = "pts"
    restarts: bool = False
    rate: Fraction | None = None

    @property
    def frame_ticks(self) -> Fraction:
        """Average duration of a frame in ticks, at least 1."""
        return max(Fraction(1), 1 / ((self.rate or _FALLBACK_RATE) * self.time_base))

    def compare(
        self, decoded: int, end: Fraction | None, errors: int, damaged: int, *, joined: bool = False
    ) -> ReadReport:
        """Return the report of a reader.

        Args:
            decoded: Frames decoded.
            end: End of the last frame in stream seconds; None without frames.
            errors: See ``ReadReport.errors``.
            damaged: See ``ReadReport.damaged``.
            joined: True if time continued after a leap, so that the stated length is wrong.
        """
        if joined and self.duration_s is not None:
            unstated = replace(self, duration_s=None)
            return unstated.compare(decoded, end, errors, damaged)
        share, missing = self._share_by_time(end)
        # The index may list the two fields of interlaced frames separately.
        field_coded = (
            self.frames is not None and share > 0.99 and abs(2 * decoded - self.frames) <= 2
        )
        if self.frames is not None and not field_coded:
            share = min(share, decoded / self.frames)
            missing |= self.frames - decoded > (0 if errors else _TOLERANCE_FRAMES)
        elif errors:
            share = min(share, decoded / (decoded + errors))
            missing = True
        share = min(1.0, max(0.0, share)) if missing else 1.0
        return ReadReport(
            frames_decoded=decoded,
            expected_frames=self.frames,
            expected_duration_s=self.duration_s,
            duration_s=self._length_s(end),
            last_time_s=0.0 if end is None else float(end - self.start),
            errors=errors,
            damaged=damaged,
            share=share,
            reason=self._reason(decoded, end, errors, share) if missing else "",
        )

    def _length_s(self, end: Fraction | None) -> float:
        decoded = Fraction(0) if end is None else end - self.first * self.time_base
        stated_s = self.duration_s or 0.0
        # Shorter by less than a frame: the last frame's duration is not known exactly.
        longer = decoded > stated_s + self.frame_ticks * self.time_base
        return float(decoded) if longer else stated_s

    def _share_by_time(self, end: Fraction | None) -> tuple[float, bool]:
        if not self.duration_s:
            return 1.0, False
        read_s = 0.0 if end is None else float(end - self.first * self.time_base)
        tolerance_s = (
            _TOLERANCE_S if self.exact else max(_TOLERANCE_S, _TOLERANCE_SHARE * self.duration_s)
        )
        return read_s / self.duration_s, self.duration_s - read_s > tolerance_s

    def _reason(self, decoded: int, end: Fraction | None, errors: int, share: float) -> str:
        parts = [f"{decoded} of {self.frames} frames" if self.frames else f"{decoded} frames"]
        if self.duration_s and end is not None:
            read_s = float(end - self.first * self.time_base)
            parts.append(f"the last at {read_s:.1f} of {self.duration_s:.1f} s")
        if errors:
            parts.append(f"{errors} damaged packets skipped")
        return f"partly read ({100 * share:.1f} %): " + ", ".join(parts)
