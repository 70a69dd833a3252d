"""Decoding interface: video information, read report, expected stream, frames and readers.

A reader belongs to the thread and the process that opened it. Never share a reader between threads
and never carry it across a fork.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from types import TracebackType
from typing import Literal, Self, TypeAlias, get_args

from vidsearch.datatypes import Image
from vidsearch.errors import VideoDecodeError
from vidsearch.read_options import ReadOptions
from vidsearch.text.printable import printable

Backend: TypeAlias = Literal["pyav", "decord"]
BACKENDS: tuple[str, ...] = get_args(Backend)

# Undamaged files may end early: the last frames can lack their references, and the stated length
# can be the length of the audio.
_TOLERANCE_FRAMES = 2
_TOLERANCE_S = 0.5
_TOLERANCE_SHARE = 0.03


@dataclass(frozen=True, slots=True)
class FrameGeometry:
    """Size and turn of a frame; tracks do not run from one geometry into another.

    Attributes:
        width: Width of the upright frame with square pixels.
        height: Height of the same frame.
        rotation: Counter-clockwise degrees by which the stored frame is turned.
    """

    width: int
    height: int
    rotation: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamInfo:
    """A video stream as its container states it.

    Attributes:
        index: Index of the stream in the container.
        codec: Name of the codec; None if it is not known.
        width: Width of the upright frame; None if it is not known.
        height: Height of the upright frame; None if it is not known.
        failure: Reason why the stream cannot be decoded, in a few words; None if it can.
    """

    index: int
    codec: str | None
    width: int | None
    height: int | None
    failure: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoInfo:
    """Facts stated by the container, and the size of the first frame.

    Attributes:
        uri: Path or URI passed to the reader.
        container: Name of the format, e.g. ``mp4``.
        codec: Name of the video codec, e.g. ``h264``.
        width: Width of the first upright frame with square pixels; later frames may have another.
        height: Height of the same frame.
        rotation: Counter-clockwise degrees by which the first stored frame was turned; already
            applied to ``width``, ``height`` and every frame.
        time_base: Seconds per tick of ``pts``.
        start: Start of the container in seconds; times count from it.
        duration_s: Length of the video stream; None if the container does not state it.
        fps: Average frame rate; None if unknown. Never used to compute a time.
        expected_frames: Number of frames in the container's index; None without an index.
        stream: Index of the decoded stream in the container.
        other_streams: Video streams of the container that are not decoded, without cover images.
    """

    uri: str
    container: str
    codec: str
    width: int
    height: int
    rotation: int
    time_base: Fraction
    start: Fraction
    duration_s: float | None
    fps: float | None
    expected_frames: int | None
    stream: int = 0
    other_streams: tuple[StreamInfo, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadReport:
    """Part of a video that was read, compared with the length stated by its container.

    Attributes:
        frames_decoded: Frames returned so far.
        expected_frames: See ``VideoInfo``.
        expected_duration_s: See ``VideoInfo.duration_s``.
        last_time_s: End of the last frame, seconds from the container's start; 0 without frames.
        errors: Packets that could not be read or decoded, and frames without a usable time.
        damaged: Frames decoded with visible damage.
        share: Part of the expected video that was read, in [0, 1]; 1 if no length is stated.
        reason: One line that names the missing part; empty if the whole video was read.
    """

    frames_decoded: int
    expected_frames: int | None
    expected_duration_s: float | None
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
        has_pts: False if the container stores no presentation times.
    """

    time_base: Fraction
    start: Fraction
    first: int
    duration_s: float | None
    exact: bool
    frames: int | None
    has_pts: bool

    def compare(self, decoded: int, end: Fraction | None, errors: int, damaged: int) -> ReadReport:
        """Return the report of a reader.

        Args:
            decoded: Frames decoded.
            end: End of the last frame in stream seconds; None without frames.
            errors: See ``ReadReport.errors``.
            damaged: See ``ReadReport.damaged``.
        """
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
            last_time_s=0.0 if end is None else float(end - self.start),
            errors=errors,
            damaged=damaged,
            share=share,
            reason=self._reason(decoded, end, errors, share) if missing else "",
        )

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


class DecodedFrame(ABC):
    """Decoded frame, converted to pixels on request.

    Attributes:
        pts: Presentation time stamp in units of ``time_base``; increases from frame to frame.
        duration: Display time stated by the container, in the same units; the average frame
            duration if the container states none. At least 1.
        time_base: Seconds per tick.
        start: Start of the container in seconds.
        damaged: True if the frame was decoded with visible damage.
        errors_before: Errors, as ``ReadReport`` counts them, since decoding began.
    """

    __slots__ = ("damaged", "duration", "errors_before", "pts", "start", "time_base")

    def __init__(self, pts: int, duration: int, time_base: Fraction, start: Fraction) -> None:
        self.pts = pts
        self.duration = duration
        self.time_base = time_base
        self.start = start
        self.damaged = False
        self.errors_before = 0

    @property
    def time_s(self) -> float:
        """Seconds from the container's start."""
        return float(self.pts * self.time_base - self.start)

    @property
    @abstractmethod
    def geometry(self) -> FrameGeometry:
        """Size of the upright frame, as ``rgb`` returns it, and its turn."""

    @abstractmethod
    def rgb(self) -> Image:
        """Return the upright frame, (H, W, 3) uint8 RGB, converted anew at each call."""

    @abstractmethod
    def thumbnail_bgr(self, width: int, height: int) -> Image:
        """Return a thumbnail, (height, width, 3) uint8 BGR, to compare frames in cut detection.

        The thumbnail is not turned upright.
        """


class VideoReader(ABC):
    """Open video and context manager; ``close`` may be called more than once."""

    @property
    @abstractmethod
    def info(self) -> VideoInfo:
        """Facts stated by the container."""

    @property
    def read_options(self) -> ReadOptions:
        """Options with which another reader gives the same frames and times; final at the end."""
        return ReadOptions(stream=self.info.stream)

    @property
    def expected(self) -> ExpectedStream | None:
        """Length and clock of the stream, needed to join slices; None if unknown."""
        return None

    @abstractmethod
    def decode(self) -> Iterator[DecodedFrame]:
        """Yield every frame in presentation order; a reader decodes once.

        Damaged packets are skipped and counted in ``report``.

        Raises:
            VideoError: The storage failed, or the reader is closed or has decoded already.
        """

    def keyframe_cuts(self, every_s: float) -> tuple[int, ...]:
        """Return keyframes about ``every_s`` seconds apart at which the video can be cut.

        A reader that was searched for keyframes cannot decode afterwards.

        Returns:
            Pts of the keyframes in increasing order, without the first frame of the video. Empty if
            the file has no second keyframe or no times, or if the backend does not seek.
        """
        del every_s
        return ()

    def decode_from(self, cut: int) -> Iterator[DecodedFrame]:
        """Yield the frames from a keyframe cut on, as ``decode`` does from the first frame.

        Raises:
            VideoDecodeError: There is no keyframe at this tick.
            VideoError: See ``decode``.
        """
        raise VideoDecodeError(
            f"'{printable(self.info.uri)}' cannot be decoded from tick {cut} with this "
            "backend; use pyav"
        )

    @abstractmethod
    def report(self) -> ReadReport:
        """Return a report that compares the frames decoded so far with the stated length."""

    @abstractmethod
    def close(self) -> None:
        """Free the decoder and the file."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
