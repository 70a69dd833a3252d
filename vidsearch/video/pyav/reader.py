"""The default decoder: PyAV, that is FFmpeg's libraries.

What it adds to FFmpeg: packets that do not decode are skipped and counted instead of ending the
video; times only rise (``clock``); the picture is turned upright and its pixels are made square;
and only self-contained file formats are opened, so that no file can name another one.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from fractions import Fraction
from itertools import chain, islice

import av
import av.container
import av.error

from vidsearch.datatypes import Image
from vidsearch.errors import VideoDecodeError
from vidsearch.text.printable import printable
from vidsearch.video.pyav.clock import PresentationClock
from vidsearch.video.pyav.open import can_seek, container_name, open_container, pick_stream, set_up
from vidsearch.video.pyav.orientation import Orientation
from vidsearch.video.pyav.pixels import FrameConverter
from vidsearch.video.pyav.stream_timing import ExpectedStream, promise_of
from vidsearch.video.source import ByteSource
from vidsearch.video.types import DecodedFrame, ReadReport, VideoInfo, VideoReader

_MAX_READ_ERRORS = 1000
_FALLBACK_FPS = Fraction(25)
_PACKETS_TO_KEY = 5000


class PyAVReader(VideoReader):
    """Decodes with PyAV; see ``open_video``."""

    def __init__(self, uri: str, *, threads: int = 1) -> None:
        self._uri = uri
        self._source = ByteSource(uri)
        self._container: av.container.InputContainer | None = None
        try:
            self._container = open_container(uri, self._source)
            self._stream = pick_stream(uri, self._container)
            set_up(self._container, self._stream, threads)
            self._errors = self._late = self._damaged = self._decoded = 0
            self._end: Fraction | None = None
            self._promise: ExpectedStream = promise_of(self._container, self._stream)
            self._frames = self._raw_frames(self._packets())
            first = self._first_frame()
            self._convert = FrameConverter(first, self._stream.sample_aspect_ratio)
            self._info = self._read_info(first)
            self._first: av.VideoFrame | None = first
        except BaseException:
            self.close()
            raise

    @property
    def info(self) -> VideoInfo:
        return self._info

    @property
    def promise(self) -> ExpectedStream:
        """Length and clock of the stream, which the other backend takes from here."""
        return self._promise

    def decode(self) -> Iterator[DecodedFrame]:
        self._check_open()
        if self._first is None:
            raise VideoDecodeError(f"'{printable(self._uri)}' was decoded already; open it again")
        current, self._first = self._first, None
        return self._timed_frames(current)

    def borders(self, every_s: float) -> tuple[int, ...]:
        self._check_open()
        promise = self._promise
        container = self._stream.container.format.name
        if not promise.has_pts or not promise.duration_s or not can_seek(container):
            return ()
        self._first = None
        found = [promise.first]
        for part in range(1, math.ceil(promise.duration_s / every_s)):
            border = self._keyframe(
                promise.first + round(Fraction(part * every_s) / promise.time_base)
            )
            if border is not None and border > found[-1]:
                found.append(border)
        return tuple(found[1:])

    def decode_from(self, border: int) -> Iterator[DecodedFrame]:
        self._check_open()
        if self._first is None:
            raise VideoDecodeError(f"'{printable(self._uri)}' was decoded already; open it again")
        self._first = None
        self._errors = 0
        # A container may index by decoding time, which comes before presentation.
        for early_s in (0, 1, 10):
            packets = self._packets_at(border - round(early_s / self._promise.time_base), border)
            packet = next(packets, None)
            if packet is not None:
                self._frames = self._raw_frames(chain([packet], packets))
                return self._frames_from(border)
        raise VideoDecodeError(
            f"'{printable(self._uri)}' has no keyframe at tick {border}; it was changed, or "
            "cannot be searched: read it whole"
        )

    def report(self) -> ReadReport:
        return self._promise.compare(
            self._decoded, self._end, self._errors + self._late, self._damaged
        )

    def close(self) -> None:
        frames = getattr(self, "_frames", None)
        if frames is not None:
            frames.close()
        if self._container is not None:
            self._container.close()
            self._container = None
        self._source.close()

    def _check_open(self) -> None:
        if self._container is None:
            raise VideoDecodeError(
                f"'{printable(self._uri)}' is closed; open it again to decode it"
            )

    def _first_frame(self) -> av.VideoFrame:
        first = next(self._frames, None)
        self._source.check()
        if first is None:
            raise VideoDecodeError(
                f"'{printable(self._uri)}' opened as {container_name(self._stream)}, but none of "
                "its frames could be decoded; the file is damaged: replace it"
            )
        return first

    def _read_info(self, first: av.VideoFrame) -> VideoInfo:
        stream = self._stream
        width, height = self._convert.size
        rate = stream.average_rate
        return VideoInfo(
            uri=self._uri,
            container=container_name(stream),
            codec=stream.codec_context.name,
            width=width,
            height=height,
            rotation=Orientation.of(first).rotation,
            time_base=self._promise.time_base,
            start=self._promise.start,
            duration_s=self._promise.duration_s,
            fps=float(rate) if rate else None,
            expected_frames=self._promise.frames,
        )

    def _keyframe(self, target: int) -> int | None:
        """Return the pts of the first keyframe that a search for ``target`` comes upon."""
        if not self._seek(target):
            return None
        packets = islice(self._packets(), _PACKETS_TO_KEY)
        packet = next((packet for packet in packets if packet.is_keyframe), None)
        self._source.check()
        return None if packet is None else packet.pts

    def _seek(self, target: int) -> bool:
        assert self._container is not None
        self._frames.close()
        try:
            self._container.seek(max(target, self._promise.first), stream=self._stream)
        except (av.error.FFmpegError, OSError):
            self._source.check()
            return False
        return True

    def _packets_at(self, target: int, border: int) -> Iterator[av.Packet[av.VideoStream]]:
        """Yield the packets from the border's on; none if a search does not lead there."""
        if not self._seek(target):
            return
        packets = self._packets()
        for packet in packets:
            if packet.is_keyframe and packet.pts is not None and packet.pts >= border:
                if packet.pts == border:
                    yield packet
                    yield from packets
                return

    def _frames_from(self, border: int) -> Iterator[DecodedFrame]:
        # Frames shown before the keyframe refer to what came before it.
        for frame in self._frames:
            if frame.pts is not None and frame.pts >= border:
                yield from self._timed_frames(frame)
                return
        self._source.check()

    def _timed_frames(self, current: av.VideoFrame) -> Iterator[DecodedFrame]:
        time_base = self._promise.time_base
        rate = self._stream.average_rate or _FALLBACK_FPS
        usual = max(1, round(1 / (rate * time_base)))
        clock = PresentationClock(time_base, self._promise.first)
        stamp_of = _pts if self._promise.has_pts else _OrderStamps(self._promise.first)
        stamp = stamp_of(current)
        upcoming: av.VideoFrame | None = current
        errors_after = self._errors
        while upcoming is not None:
            errors = errors_after
            current, upcoming = upcoming, next(self._frames, None)
            errors_after = self._errors
            self._check_open()
            following = None if upcoming is None else stamp_of(upcoming)
            duration = current.duration if current.duration > 0 else usual
            pts = clock.tick(stamp, duration, following)
            stamp = following
            if pts is None:
                self._late += 1
                continue
            self._decoded += 1
            self._damaged += current.is_corrupt
            self._end = (pts + duration) * time_base
            shown = PyAVFrame(current, pts, duration, self._convert, self._promise)
            shown.damaged = bool(current.is_corrupt)
            shown.errors_before = errors + self._late
            yield shown
        self._source.check()

    def _raw_frames(
        self, packets: Iterator[av.Packet[av.VideoStream]]
    ) -> Generator[av.VideoFrame, None, None]:
        decode = self._stream.codec_context.decode
        for packet in packets:
            try:
                yield from decode(packet)
            except (av.error.FFmpegError, ValueError):
                self._errors += 1
        self._source.check()

    def _packets(self) -> Iterator[av.Packet[av.VideoStream]]:
        failed = 0
        while self._container is not None and failed < _MAX_READ_ERRORS:
            try:
                # A generator that raised is finished: take up reading where it stopped.
                for packet in self._container.demux(self._stream):
                    failed = 0
                    yield packet
            except av.error.FFmpegError:
                self._errors += 1
                failed += 1
            else:
                return


class PyAVFrame(DecodedFrame):
    """A decoder's own picture, converted on demand."""

    __slots__ = ("_convert", "_frame")

    def __init__(
        self,
        frame: av.VideoFrame,
        pts: int,
        duration: int,
        convert: FrameConverter,
        promise: ExpectedStream,
    ) -> None:
        super().__init__(pts, duration, promise.time_base, promise.start)
        self._frame = frame
        self._convert = convert

    def rgb(self) -> Image:
        return self._convert.rgb(self._frame)

    def thumbnail_bgr(self, width: int, height: int) -> Image:
        return self._convert.bgr(self._frame, width, height)


def _pts(frame: av.VideoFrame) -> int | None:
    return frame.pts


class _OrderStamps:
    """Stamps for containers without any: frames come out in order, each as a packet goes in.

    The decoder's delay makes the first one late; all are moved so that it is at the start.
    """

    def __init__(self, first: int) -> None:
        self._first = first
        self._delay: int | None = None

    def __call__(self, frame: av.VideoFrame) -> int | None:
        if frame.dts is None:
            return None
        if self._delay is None:
            self._delay = frame.dts - self._first
        return frame.dts - self._delay
