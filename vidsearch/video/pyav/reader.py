"""Default video backend: PyAV, the Python binding of FFmpeg's libraries.

Additions to FFmpeg: packets that cannot be decoded are skipped and counted instead of ending the
video. Times always increase (``clock``). Frames are turned upright and get square pixels. Only
self-contained file formats are opened, so that no file can lead to another file.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import chain
from typing import cast

import av
import av.error

from vidsearch.errors import VideoDecodeError
from vidsearch.read_options import DEFAULT_READ, ReadOptions
from vidsearch.text.printable import printable
from vidsearch.video.pyav.clock import PresentationClock
from vidsearch.video.pyav.frames import DtsStamps, PyAVFrame, presentation_stamp
from vidsearch.video.pyav.geometry.pixel_aspect import AspectDecoder
from vidsearch.video.pyav.geometry.pixels import FrameConverter
from vidsearch.video.pyav.info import video_info
from vidsearch.video.pyav.open import MAX_PIXELS, OpenedStream, can_seek, container_name
from vidsearch.video.pyav.rational import exact
from vidsearch.video.pyav.seeking import (
    first_keyframe,
    packets_from_keyframe,
    seek,
    seek_targets,
)
from vidsearch.video.pyav.stream_timing import expected_stream
from vidsearch.video.source import ByteSource
from vidsearch.video.types import DecodedFrame, ExpectedStream, ReadReport, VideoInfo, VideoReader

_MAX_READ_ERRORS = 1000
_FALLBACK_FPS = Fraction(25)
# Tolerance for times that were rounded to decimal seconds.
_TIME_TOLERANCE_S = 1e-3


class PyAVReader(VideoReader):
    """Decodes a video with PyAV; see ``open_video``.

    Args:
        uri: Path, or a URI known to fsspec.
        threads: Decoder threads.
        audio: Decode the first audio stream too; see ``take_audio``.
        source: Bytes of the file; None to open ``uri``.
        max_pixels: Largest frame that is decoded, in pixels.
        options: Stream, turn and seeking.
    """

    def __init__(
        self,
        uri: str,
        *,
        threads: int = 1,
        audio: bool = False,
        source: ByteSource | None = None,
        max_pixels: int = MAX_PIXELS,
        options: ReadOptions = DEFAULT_READ,
    ) -> None:
        self._uri = uri
        self._options = options
        self._opened: OpenedStream | None = None
        self._frames: Generator[av.VideoFrame, None, None] | None = None
        opened = OpenedStream(uri, source=source, max_pixels=max_pixels, stream=options.stream)
        try:
            opened.set_up(threads, audio=audio)
            self._opened = opened
            self._source, self._stream = opened.source, opened.stream
            self._audio_frames: list[tuple[av.AudioFrame, float]] = []
            self._errors = self._late = self._damaged = self._decoded = 0
            self._end: Fraction | None = None
            self._expected = expected_stream(opened.container, self._stream)
            self._stamp_of = (
                presentation_stamp if self._expected.has_pts else DtsStamps(self._expected.first)
            )
            self._decoder = AspectDecoder(self._stream)
            self._frames = self._raw_frames(self._packets())
            first = self._first_frame()
            self._stamp_of(first)
            self._convert = FrameConverter(self._decoder, options.turn_deg)
            self._info = video_info(
                uri,
                opened,
                self._convert.geometry(first, self._convert.orientation(first)),
                self._expected,
            )
            self._first: av.VideoFrame | None = first
        except BaseException:
            self.close()
            opened.close()
            raise

    @property
    def info(self) -> VideoInfo:
        """Facts stated by the container."""
        return self._info

    @property
    def read_options(self) -> ReadOptions:
        """Options with which another reader gives the same frames and times."""
        return replace(self._options, stream=self._info.stream)

    @property
    def expected(self) -> ExpectedStream:
        """Length and clock of the stream."""
        return self._expected

    def decode(self) -> Iterator[DecodedFrame]:
        """Yield every frame; see ``VideoReader.decode``."""
        return self._timed_frames(self._take_first())

    def keyframe_cuts(self, every_s: float) -> tuple[int, ...]:
        """Return keyframes about ``every_s`` seconds apart; see ``VideoReader.keyframe_cuts``."""
        opened = self._check_open()
        expected = self._expected
        container = opened.container.format.name
        if not expected.has_pts or not expected.duration_s or not can_seek(container):
            return ()
        self._first = None
        cuts = [expected.first]
        for part in range(1, math.ceil(expected.duration_s / every_s)):
            target = expected.first + round(Fraction(part * every_s) / expected.time_base)
            cut = first_keyframe(self._packets()) if self._seek(target) else None
            self._source.check()
            if cut is not None and cut > cuts[-1]:
                cuts.append(cut)
        return tuple(cuts[1:])

    def decode_from(self, cut: int) -> Iterator[DecodedFrame]:
        """Yield the frames from a keyframe cut on; see ``VideoReader.decode_from``."""
        self._take_first()
        self._errors = 0
        # A container may index by decoding time, which comes before presentation time.
        for early_s in (0, 1, 10):
            earlier = cut - round(early_s / self._expected.time_base)
            if not self._seek(max(earlier, self._expected.first)):
                continue
            packets = packets_from_keyframe(self._packets(), cut)
            packet = next(packets, None)
            if packet is not None:
                self._frames = self._raw_frames(chain([packet], packets))
                return self._frames_from(cut)
        raise VideoDecodeError(
            f"'{printable(self._uri)}' has no keyframe at tick {cut}; the file was changed or "
            "cannot be searched: read the whole video"
        )

    def decode_around(self, time_s: float) -> Iterator[DecodedFrame]:
        """Yield the frames from a keyframe at or shortly before a time.

        In a container without an index, a seek often ends at a keyframe after the time. The seek is
        therefore repeated with growing margins, at last to the start of the video. If all seeks end
        after the time, decoding starts at the earliest frame reached.

        Args:
            time_s: Seconds from the container's start.

        Raises:
            VideoDecodeError: The container cannot be searched.
            VideoError: See ``decode``.
        """
        self._take_first()
        expected = self._expected
        begin_s = float(expected.first * expected.time_base - expected.start)
        reached: list[tuple[float, float]] = []
        for target_s in seek_targets(time_s):
            first = self._first_frame_after_seek(target_s)
            stamp = None if first is None else self._stamp_of(first)
            if first is None or stamp is None:
                continue
            first_s = float(stamp * expected.time_base - expected.start)
            if first_s <= max(time_s, begin_s) + _TIME_TOLERANCE_S:
                return self._timed_frames(first)
            reached.append((first_s, target_s))
        first = self._first_frame_after_seek(min(reached)[1]) if reached else None
        return iter(()) if first is None else self._timed_frames(first)

    @property
    def has_audio(self) -> bool:
        """True if the reader was opened with audio and the video has an audio stream."""
        return self._check_open().audio is not None

    def take_audio(self) -> list[tuple[av.AudioFrame, float]]:
        """Return the audio frames decoded since the last call, each with its time in seconds.

        Seconds count from the container's start. The list is empty unless the reader was opened
        with audio.
        """
        frames, self._audio_frames = self._audio_frames, []
        return frames

    def report(self) -> ReadReport:
        """Return the report of the frames decoded so far; see ``VideoReader.report``."""
        return self._expected.compare(
            self._decoded, self._end, self._errors + self._late, self._damaged
        )

    def close(self) -> None:
        """Free the decoder and the file."""
        if self._frames is not None:
            self._frames.close()
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def _check_open(self) -> OpenedStream:
        if self._opened is None:
            raise VideoDecodeError(
                f"'{printable(self._uri)}' is closed; open it again to decode it"
            )
        return self._opened

    def _take_first(self) -> av.VideoFrame:
        self._check_open()
        if self._first is None:
            raise VideoDecodeError(f"'{printable(self._uri)}' was decoded already; open it again")
        first, self._first = self._first, None
        return first

    def _first_frame(self) -> av.VideoFrame:
        assert self._frames is not None
        first = next(self._frames, None)
        self._source.check()
        if first is None:
            raise VideoDecodeError(
                f"'{printable(self._uri)}' opened as {container_name(self._stream)}, but none of "
                "its frames could be decoded; the file is damaged: replace it"
            )
        return first

    def _first_frame_after_seek(self, target_s: float) -> av.VideoFrame | None:
        target = round((self._expected.start + Fraction(target_s)) / self._expected.time_base)
        if not self._seek(target if target_s < 0 else max(target, self._expected.first)):
            if target_s < 0:  # before the start, where some containers cannot seek
                return None
            raise VideoDecodeError(
                f"'{printable(self._uri)}' cannot be read at {target_s:.1f} s; its container "
                "cannot be searched"
            )
        self._frames = self._raw_frames(self._packets())
        first = next(self._frames, None)
        self._source.check()
        return first

    def _seek(self, target: int) -> bool:
        """Move to a keyframe near a tick; return False if the container cannot be searched."""
        assert self._frames is not None
        self._frames.close()
        self._audio_frames = []
        opened = self._check_open()
        if seek(opened.container, self._stream, target):
            return True
        self._source.check()
        return False

    def _frames_from(self, cut: int) -> Iterator[DecodedFrame]:
        # Frames displayed before the keyframe may refer to frames that were not decoded.
        assert self._frames is not None
        for frame in self._frames:
            if frame.pts is not None and frame.pts >= cut:
                yield from self._timed_frames(frame)
                return
        self._source.check()

    def _timed_frames(self, current: av.VideoFrame) -> Iterator[DecodedFrame]:
        assert self._frames is not None
        time_base = self._expected.time_base
        stated = exact(self._stream.average_rate)
        rate = stated if stated is not None else _FALLBACK_FPS
        average_duration = max(1, round(1 / (rate * time_base)))
        clock = PresentationClock(time_base, self._expected.first)
        stamp = self._stamp_of(current)
        upcoming: av.VideoFrame | None = current
        errors_after = self._errors
        while upcoming is not None:
            errors = errors_after
            current, upcoming = upcoming, next(self._frames, None)
            errors_after = self._errors
            self._check_open()
            following = None if upcoming is None else self._stamp_of(upcoming)
            duration = current.duration if current.duration > 0 else average_duration
            pts = clock.tick(stamp, duration, following)
            stamp = following
            if pts is None:
                self._late += 1
                continue
            self._decoded += 1
            self._damaged += current.is_corrupt
            self._end = (pts + duration) * time_base
            frame = PyAVFrame(current, pts, duration, self._convert, self._expected)
            frame.damaged = bool(current.is_corrupt)
            frame.errors_before = errors + self._late
            yield frame
        self._source.check()

    def _raw_frames(
        self, packets: Iterator[av.Packet[av.VideoStream]]
    ) -> Generator[av.VideoFrame, None, None]:
        decode = self._decoder.decode
        for packet in packets:
            try:
                yield from decode(packet)
            except (av.error.FFmpegError, ValueError):
                self._errors += 1
        self._source.check()

    def _packets(self) -> Iterator[av.Packet[av.VideoStream]]:
        """Yield the packets of the video stream; decode the packets of the audio stream."""
        failed = 0
        while self._opened is not None and failed < _MAX_READ_ERRORS:
            streams, audio = self._opened.streams, self._opened.audio
            try:
                # A generator that raised is finished: continue reading with a new generator.
                for packet in self._opened.container.demux(streams):
                    failed = 0
                    if audio is not None and packet.stream is audio:
                        self._decode_audio(cast("av.Packet[av.AudioStream]", packet))
                    else:
                        yield cast("av.Packet[av.VideoStream]", packet)
            except av.error.FFmpegError:
                self._errors += 1
                failed += 1
            else:
                return

    def _decode_audio(self, packet: av.Packet[av.AudioStream]) -> None:
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            return
        for frame in frames:
            time_base = exact(frame.time_base)
            if frame.pts is not None and time_base is not None:
                time_s = float(frame.pts * time_base - self._expected.start)
                self._audio_frames.append((frame, time_s))
