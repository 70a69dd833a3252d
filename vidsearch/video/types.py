"""The decoding interface: what every backend promises, and how to open a video with one.

A reader belongs to the thread and the process that opened it: never share one between threads
and never carry one across a fork.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self, TypeAlias, get_args

from vidsearch.datatypes import Image
from vidsearch.errors import VideoDecodeError
from vidsearch.text.printable import printable

if TYPE_CHECKING:
    from vidsearch.video.pyav.stream_timing import ExpectedStream

Backend: TypeAlias = Literal["pyav", "decord"]
BACKENDS: tuple[str, ...] = get_args(Backend)


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoInfo:
    """What the container says, before anything but the first frame is decoded.

    Attributes:
        uri: As it was asked for.
        container: Name of the format, e.g. ``mp4``.
        codec: Name of the video codec, e.g. ``h264``.
        width: Of the upright picture with square pixels, as ``DecodedFrame.rgb`` returns it.
        height: See ``width``.
        rotation: Degrees, counter-clockwise, by which the stored picture was turned; already
            applied to ``width``, ``height`` and every frame.
        time_base: Seconds a tick of ``pts``.
        start: Container's start in seconds; times count from it.
        duration_s: Length of the video stream, None where the container does not say.
        fps: Average frame rate, None where unknown. Never used to compute a time.
        expected_frames: How many frames the container's index promises, None where it has none.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadReport:
    """How much of a video was read, compared with what its container promises.

    Attributes:
        frames_decoded: Frames handed out so far.
        expected_frames: See ``VideoInfo``.
        expected_duration_s: See ``VideoInfo.duration_s``.
        last_time_s: End of the last frame, seconds from the container's start; 0 before any.
        errors: Packets that could not be read or decoded, and frames without a usable time.
        damaged: Frames that were decoded, but with visible damage.
        share: Part of the promised video that was read, in [0, 1]; 1 where nothing is promised.
        reason: One line that says what is missing; empty where the video was read whole.
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
        return bool(self.reason)


class DecodedFrame(ABC):
    """One decoded picture that is converted only where somebody asks for its pixels.

    Attributes:
        pts: Presentation time stamp in units of ``time_base``; rises from frame to frame.
        duration: How long the container says it is shown, same units; the average frame's length
            where it does not say. At least 1.
        time_base: Seconds a tick.
        start: Container's start in seconds.
        damaged: Whether it was decoded with visible damage.
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
        return float(self.pts * self.time_base - self.start)

    @abstractmethod
    def rgb(self) -> Image:
        """Return the upright picture, (H, W, 3) uint8 RGB, converted anew at each call."""

    @abstractmethod
    def thumbnail_bgr(self, width: int, height: int) -> Image:
        """Return a (height, width, 3) uint8 BGR miniature for comparing frames.

        It is cheap, and not turned upright: for cut detection only.
        """


class VideoReader(ABC):
    """An open video. A context manager; ``close`` may be called more than once."""

    @property
    @abstractmethod
    def info(self) -> VideoInfo:
        """What the container says."""

    @property
    def promise(self) -> ExpectedStream | None:
        """Length and clock of the stream, by which slices are put together; None: not known."""
        return None

    @abstractmethod
    def decode(self) -> Iterator[DecodedFrame]:
        """Yield every frame in presentation order, once a reader.

        Damaged packets are skipped and counted in ``report``.

        Raises:
            VideoError: The storage failed, or the reader is closed or used up.
        """

    def borders(self, every_s: float) -> tuple[int, ...]:
        """Return keyframes about ``every_s`` seconds apart at which the video can be cut.

        Seeking to find them uses the reader up.

        Returns:
            Their pts, rising; the video's first frame is not among them. Empty where the file
            cannot be cut: no second keyframe, no times in the container, or a backend that
            does not seek.
        """
        del every_s
        return ()

    def decode_from(self, border: int) -> Iterator[DecodedFrame]:
        """Yield the frames from a border on, as ``decode`` does from the first.

        Raises:
            VideoDecodeError: There is no keyframe at this border.
            VideoError: See ``decode``.
        """
        raise VideoDecodeError(
            f"'{printable(self.info.uri)}' cannot be decoded from tick {border} with this "
            "backend; use pyav"
        )

    @abstractmethod
    def report(self) -> ReadReport:
        """Compare what was decoded so far with what the container promises."""

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
