"""Comparison of what was decoded with what the container of a video promises."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, TypeAlias

from vidsearch.video.losses.losses import NO_FAULTS, NO_LOSSES, Faults, Losses
from vidsearch.video.promises.promise import FilePromise

# Undamaged files may end early: the last frames can lack their references, and the stated length
# can be the length of the audio.
_TOLERANCE_FRAMES = 2
_TOLERANCE_S = 0.5
_TOLERANCE_SHARE = 0.03
# A file that is cut off has lost more than rounding, in frames.
_TOLERANCE_CUT = 1.5
# Audio that goes on for this time after the last frame: the film was shorter than its audio.
_AUDIO_GOES_ON_S = 1.0
_FALLBACK_RATE = Fraction(25)
_NEARLY_ALL = 0.9995

StampKind: TypeAlias = Literal["pts", "dts", "none"]

Gap: TypeAlias = Literal["frames", "time", "damage", "cut", "outside", "lost"]
"""Reason for which a video is partly read: frames of the index are missing; the video ends before
its stated length; packets were damaged; the file ends before its stated end; a part of the file
lies outside its index; a part in the middle is missing or unreadable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadReport:
    """Part of a video that was read, compared with the length stated by its container.

    Attributes:
        frames_decoded: Frames returned so far.
        expected_frames: See ``VideoInfo``.
        expected_duration_s: Length that the container states; None without a usable one.
        duration_s: Length of the video from its first frame: as stated, or as decoded if more was
            decoded or nothing usable is stated.
        read_s: End of the last frame, seconds from the first frame; 0 without frames.
        last_time_s: End of the last frame, seconds from the container's start; 0 without frames.
        errors: Packets that could not be read or decoded, and frames without a usable time.
        damaged: Frames decoded with visible damage.
        share: Part of the expected video that was read, in [0, 1]; 1 if no length is stated.
        gaps: Reasons for which the video is partly read.
        file: Sizes that the file states; None if they were not read.
        losses: Losses in the middle of the video.
        lost_s: Time that is missing there, seconds.
    """

    frames_decoded: int
    expected_frames: int | None
    expected_duration_s: float | None
    duration_s: float
    read_s: float
    last_time_s: float
    errors: int
    damaged: int
    share: float
    gaps: frozenset[Gap]
    file: FilePromise | None = None
    losses: Losses = NO_LOSSES
    lost_s: float = 0.0

    @property
    def partly_read(self) -> bool:
        """True if a part of the video is missing."""
        return bool(self.gaps)

    @property
    def reason(self) -> str:
        """One line that names the missing part; empty if the whole video was read."""
        if not self.gaps:
            return ""
        frames = f"{self.frames_decoded} of {self.expected_frames} frames"
        parts = [frames if self.expected_frames else f"{self.frames_decoded} frames"]
        if self.expected_duration_s and 0 < self.read_s <= self.expected_duration_s:
            parts.append(f"the last at {self.read_s:.1f} of {self.expected_duration_s:.1f} s")
        if self.errors:
            parts.append(f"{self.errors} damaged packets skipped")
        if "lost" in self.gaps:
            parts.append(self._lost_text())
        return f"partly read ({self._share_text()}): " + ", ".join([*parts, *self._file_text()])

    def _share_text(self) -> str:
        if self.file is not None and "outside" in self.gaps:
            inside = 1 - self.file.outside_bytes / self.file.file_bytes
            if inside <= self.share:
                return f"{100 * inside:.1f} % of the bytes"
        measured = "cut" in self.gaps and self.file is not None and self.file.measured
        if measured or ("lost" in self.gaps and self.losses.leaps):
            return "share unknown"
        return f"{100 * self.share:.1f} %" if self.share < _NEARLY_ALL else "more than 99.9 %"

    def _lost_text(self) -> str:
        count = self.losses.count
        where = "one place" if count == 1 else f"{count} places"
        length = (
            f"{self.lost_s:.1f} s are missing" if self.lost_s else "frames are damaged or missing"
        )
        return f"{length} at {where} inside the file"

    def _file_text(self) -> list[str]:
        file = self.file
        if file is None:
            return []
        parts = []
        if "cut" in self.gaps:
            stated = f": {file.file_bytes} of {file.stated_bytes} bytes are there"
            parts.append(f"the end of the file is missing{stated if file.stated_bytes else ''}")
        if "outside" in self.gaps:
            parts.append(
                f"{file.outside_bytes} of {file.file_bytes} bytes lie outside the index of the "
                "file, as in damaged files and in files joined byte by byte: join them with a "
                "video program instead"
            )
        return parts


@dataclass(frozen=True, slots=True)
class StreamEnds:
    """Ends of the last packets in a file, in stream seconds; None without packets.

    Attributes:
        video: End of the decoded stream.
        others: End of the other streams.
    """

    video: Fraction | None
    others: Fraction | None


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
    def frame_rate(self) -> Fraction:
        """Frames per second; 25 if the rate is unknown."""
        return self.rate or _FALLBACK_RATE

    @property
    def frame_ticks(self) -> Fraction:
        """Average duration of a frame in ticks, at least 1."""
        return max(Fraction(1), 1 / (self.frame_rate * self.time_base))

    def compare(
        self,
        decoded: int,
        end: Fraction | None,
        faults: Faults = NO_FAULTS,
        *,
        joined: bool = False,
        file: FilePromise | None = None,
        ends: StreamEnds | None = None,
    ) -> ReadReport:
        """Return the report of a reader.

        Args:
            decoded: Frames decoded.
            end: End of the last frame in stream seconds; None without frames.
            faults: Errors, damaged frames and losses.
            joined: True if time continued after a leap, so that the stated length is wrong.
            file: Sizes that the file states; None if they were not read.
            ends: Ends of the streams, if ``needs_ends``.
        """
        errors, damaged, losses = faults.errors, faults.damaged, faults.losses
        stated_s = None if joined else self._stated_s(file)
        read_s = self._read_s(end)
        by_time = min(1.0, read_s / stated_s) if stated_s else 1.0
        frames = self._counted_frames(decoded, by_time)
        gaps: set[Gap] = set()
        if self._is_short(stated_s, read_s) and self._misses_pictures(stated_s, read_s, ends):
            gaps.add("time")
        if frames is not None and frames - decoded > (0 if errors else _TOLERANCE_FRAMES):
            gaps.add("frames")
        if frames is None and errors:
            gaps.add("damage")
        if self._is_cut(decoded, frames, stated_s, read_s, file, ends):
            gaps.add("cut")
        lost_s = float(losses.ticks * self.time_base)
        if frames is None and losses.count:
            gaps.add("lost")
        share = self._share(gaps, decoded, errors, frames, by_time) if gaps else 1.0
        if "lost" in gaps:
            length_s = self._length_s(stated_s, read_s)
            whole = 1 - damaged / decoded if decoded and not lost_s else 1.0
            share = min(share, whole, max(0.0, 1 - lost_s / length_s) if length_s else 1.0)
        if "cut" in gaps and not stated_s and frames is None and file is not None:
            share = min(share, 1.0 if file.share is None else file.share)
        if file is not None and file.outside_bytes:
            gaps.add("outside")
        return ReadReport(
            frames_decoded=decoded,
            expected_frames=self.frames,
            expected_duration_s=stated_s,
            duration_s=self._length_s(stated_s, read_s),
            read_s=read_s,
            last_time_s=0.0 if end is None else float(end - self.start),
            errors=errors,
            damaged=damaged,
            share=share,
            gaps=frozenset(gaps),
            file=file,
            losses=losses,
            lost_s=lost_s,
        )

    def _share(
        self, gaps: set[Gap], decoded: int, errors: int, frames: int | None, by_time: float
    ) -> float:
        """Return the least of the shares by time, by frames, and by packets without errors."""
        shares = [1.0]
        if gaps & {"time", "cut"} or frames is not None:
            shares.append(by_time)
        if frames is not None:
            shares.append(decoded / frames)
        elif errors:
            shares.append(decoded / (decoded + errors))
        return max(0.0, min(shares))

    def needs_ends(self, end: Fraction | None, file: FilePromise | None) -> bool:
        """Return True if the ends of all streams tell whether the film or its audio is longer.

        Args:
            end: See ``compare``.
            file: See ``compare``.
        """
        cut = file is not None and file.cut
        return not self.exact and (cut or self._is_short(self._stated_s(file), self._read_s(end)))

    def _stated_s(self, file: FilePromise | None) -> float | None:
        """Return the stated length; FFmpeg shortens that of some files that are cut off."""
        if file is not None and file.cut and file.measured:
            return None
        if file is not None and file.cut and file.duration_s is not None:
            return max(file.duration_s, self.duration_s or 0.0)
        return self.duration_s or None

    def _read_s(self, end: Fraction | None) -> float:
        return 0.0 if end is None else float(end - self.first * self.time_base)

    def _length_s(self, stated_s: float | None, read_s: float) -> float:
        # Longer by less than a frame: the last frame's duration is not known exactly.
        if stated_s is None or read_s > stated_s + float(self.frame_ticks * self.time_base):
            return read_s
        return stated_s

    def _counted_frames(self, decoded: int, by_time: float) -> int | None:
        """Return the frames in the index; it may list the fields of a frame separately."""
        fields = self.frames is not None and by_time > 0.99 and abs(2 * decoded - self.frames) <= 2
        return None if fields else self.frames

    def _is_short(self, stated_s: float | None, read_s: float) -> bool:
        if stated_s is None:
            return False
        share_s = 0.0 if self.exact else _TOLERANCE_SHARE * stated_s
        return stated_s - read_s > max(_TOLERANCE_S, share_s)

    def _misses_pictures(
        self, stated_s: float | None, read_s: float, ends: StreamEnds | None
    ) -> bool:
        """Return True if the missing time is not only longer audio."""
        if ends is None or stated_s is None:
            return True
        if self._is_short(self._read_s(ends.video), read_s):
            return True
        # The length of a stream format is measured, not stated.
        last_s = max(self._read_s(ends.video), self._read_s(ends.others))
        return (
            not self.restarts
            and not _goes_on(ends, self, read_s)
            and self._is_short(stated_s, last_s)
        )

    def _is_cut(
        self,
        decoded: int,
        frames: int | None,
        stated_s: float | None,
        read_s: float,
        file: FilePromise | None,
        ends: StreamEnds | None,
    ) -> bool:
        """Return True if the file lacks its end, and frames with it."""
        if file is None or not file.cut:
            return False
        if frames is not None:
            return decoded < frames
        if stated_s is not None:
            lost = (stated_s - read_s) / float(self.frame_ticks * self.time_base)
            if lost <= _TOLERANCE_CUT or self.exact:
                return lost > _TOLERANCE_CUT
        return ends is None or not _goes_on(ends, self, read_s)


def _goes_on(ends: StreamEnds, expected: ExpectedStream, read_s: float) -> bool:
    """Return True if other streams go on after the last frame."""
    if ends.others is None:
        return False
    others_s = float(ends.others - expected.first * expected.time_base)
    return others_s - read_s >= _AUDIO_GOES_ON_S
