"""Decoding interface: video information, frames and readers.

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
from vidsearch.video.losses.losses import NO_LOSSES
from vidsearch.video.promises.promise import FilePromise
from vidsearch.video.report import ExpectedStream, ReadReport, StreamEnds

Backend: TypeAlias = Literal["pyav", "decord"]
BACKENDS: tuple[str, ...] = get_args(Backend)


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
        assumed_fps: Frames per second from which the times are computed, if the file states no
            times; else None.
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
    assumed_fps: float | None = None


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
        losses_before: Losses since decoding began.
    """

    __slots__ = (
        *("damaged", "duration", "errors_before", "losses_before", "pts", "start", "time_base"),
    )

    def __init__(self, pts: int, duration: int, time_base: Fraction, start: Fraction) -> None:
        self.pts = pts
        self.duration = duration
        self.time_base = time_base
        self.start = start
        self.damaged = False
        self.errors_before = 0
        self.losses_before = NO_LOSSES

    @property
    def time_s(self) -> float:
        """Seconds from the container's start."""
        return float(self.pts * self.time_base - self.start)

    @property
    @abstractmethod
    def geometry(self) -> FrameGeometry:
        """Size of the upright frame, as ``rgb`` returns it, and its turn."""

    @property
    def end_s(self) -> float:
        """End of the display time, seconds from the container's start."""
        return float((self.pts + self.duration) * self.time_base - self.start)

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

    @property
    def file_promise(self) -> FilePromise | None:
        """Sizes that the file states; None if the backend does not read them."""
        return None

    def last_packets(self, tick: int) -> StreamEnds | None:
        """Return the ends of all streams if they explain a difference of lengths, else None.

        A reader that read the last packets cannot decode afterwards.

        Args:
            tick: A tick in the last part of the video.
        """
        del tick
        return None

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
