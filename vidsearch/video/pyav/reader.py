"""Default video backend: PyAV, the Python binding of FFmpeg's libraries.

Additions to FFmpeg: packets that cannot be decoded are skipped and counted instead of ending the
video. Times always increase (``clock``). Frames are turned upright and get square pixels. Only
self-contained file formats are opened, so that no file can lead to another file.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import chain, pairwise
from typing import Final

import av

from vidsearch.errors import VideoDecodeError
from vidsearch.read_options import DEFAULT_READ, ReadOptions
from vidsearch.text.printable import printable
from vidsearch.video.losses.losses import Faults
from vidsearch.video.promises.containers import file_promise
from vidsearch.video.promises.promise import FilePromise
from vidsearch.video.pyav.ends import stream_ends
from vidsearch.video.pyav.frame_source import Frames, FrameSource
from vidsearch.video.pyav.frames import PyAVFrame
from vidsearch.video.pyav.geometry.pixels import FrameConverter
from vidsearch.video.pyav.info import video_info
from vidsearch.video.pyav.losses.meter import LossMeter
from vidsearch.video.pyav.open import MAX_PIXELS, OpenedStream, container_name
from vidsearch.video.pyav.seeking import (
    CutPoint,
    are_of_one_clock,
    first_keyframe,
    has_steady_clock,
    seek_targets,
)
from vidsearch.video.pyav.timing.demuxers import has_timeline, is_searchable, is_sliced
from vidsearch.video.pyav.timing.stamps import stamps_of
from vidsearch.video.pyav.timing.stream_timing import expected_stream
from vidsearch.video.pyav.timing.timeline import Timeline
from vidsearch.video.report import ExpectedStream, ReadReport, StreamEnds
from vidsearch.video.source import ByteSource
from vidsearch.video.types import DecodedFrame, VideoInfo, VideoReader

TIME_TOLERANCE_S: Final = 2.5e-3
"""Tolerance for times that were rounded to decimal seconds or to ticks of a millisecond."""

# Anchors before a time that are tried before decoding begins at the first frame.
_ANCHORS = 2


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
        opened = OpenedStream(uri, source=source, max_pixels=max_pixels, stream=options.stream)
        try:
            opened.set_up(threads, audio=audio)
            self._source = FrameSource(opened)
            self._decoded = 0
            self._end_tick: int | None = None
            self._file: FilePromise | None = None
            self._ends: StreamEnds | None = None
            self._container = opened.container.format.name
            self._expected = expected_stream(opened.container, opened.stream)
            self._stamps = stamps_of(opened.stream, self._expected)
            self._timeline = Timeline(self._expected, self._stamps)
            self._losses = LossMeter(self._expected)
            self._frames = self._source.frames()
            first = self._first_frame(opened)
            self._stamps.of(first)
            self._convert = FrameConverter(self._source.decoder, options.turn_deg)
            self._info = video_info(
                uri,
                opened,
                self._convert.geometry(first, self._convert.orientation(first)),
                self._expected,
            )
            self._first: av.VideoFrame | None = first
        except BaseException:
            opened.close()
            raise

    @property
    def info(self) -> VideoInfo:
        """Facts stated by the container."""
        return self._info

    @property
    def read_options(self) -> ReadOptions:
        """Options with which another reader gives the same frames and times.

        Seeking is stated for the frames decoded so far.
        """
        options = replace(self._options, stream=self._info.stream)
        if not self._decoded:
            return options
        if self._timeline.stated and self._stamps.stated and is_searchable(self._container):
            return replace(options, seekable=True, anchors=())
        return replace(options, seekable=False, anchors=tuple(self._timeline.anchors))

    @property
    def expected(self) -> ExpectedStream:
        """Length and clock of the stream."""
        return self._expected

    def decode(self) -> Iterator[DecodedFrame]:
        """Yield every frame; see ``VideoReader.decode``."""
        first = self._take_first()
        self._source.watch_losses(from_start=True)
        return self._timed_frames(chain([first], self._frames))

    def keyframe_cuts(self, every_s: float) -> tuple[int, ...]:
        """Return keyframes about ``every_s`` seconds apart; see ``VideoReader.keyframe_cuts``."""
        opened = self._check_open()
        expected = self._expected
        if not expected.duration_s or not is_sliced(self._container):
            return ()
        self._first = None
        cuts = [CutPoint(expected.first, 0)]
        for part in range(1, math.ceil(expected.duration_s / every_s)):
            target = expected.first + round(Fraction(part * every_s) / expected.time_base)
            packet = first_keyframe(self._source.packets()) if self._source.seek(target) else None
            opened.source.check()
            if packet is not None and packet.pts is not None and packet.pts > cuts[-1].pts:
                cuts.append(CutPoint(packet.pts, packet.pos or 0))
        if expected.restarts and not are_of_one_clock(cuts, expected.time_base):
            return ()
        return tuple(cut.pts for cut in cuts[1:])

    def decode_from(self, cut: int) -> Iterator[DecodedFrame]:
        """Yield the frames from a keyframe cut on; see ``VideoReader.decode_from``."""
        self._take_first()
        self._source.errors = 0
        self._source.watch_losses(from_start=False)
        # A container may index by decoding time, which comes before presentation time.
        for early_s in (0, 1, 10):
            earlier = cut - round(early_s / self._expected.time_base)
            if not self._source.seek(max(earlier, self._expected.first)):
                continue
            frames = self._source.frames_from_keyframe(cut)
            if frames is not None:
                return self._timed_frames(frames)
        raise VideoDecodeError(
            f"'{printable(self._uri)}' has no keyframe at tick {cut}; the file was changed or "
            "cannot be searched: read the whole video"
        )

    def decode_around(self, time_s: float) -> Iterator[DecodedFrame]:
        """Yield the frames from a keyframe at or before a time, with the times of the index.

        The keyframe lies shortly before the time if the container can be searched, or if the
        options hold an anchor there. Otherwise decoding begins at the first frame.

        Args:
            time_s: Seconds from the container's start.

        Raises:
            VideoError: See ``decode``.
        """
        first = self._take_first()
        frames = None
        if self._options.seekable is False:
            frames = self._frames_from_anchor(time_s)
        elif self._options.seekable or self._may_seek():
            frames = self._frames_from_seek(time_s)
        if frames is None and self._source.moved:
            self._source.restart()
            self._frames = self._source.frames()
            first = self._first_frame(self._check_open())
        return self._timed_frames(chain([first], self._frames) if frames is None else frames)

    @property
    def has_audio(self) -> bool:
        """True if the reader was opened with audio and the video has an audio stream."""
        return self._check_open().audio is not None

    def take_audio(self) -> list[tuple[av.AudioFrame, float]]:
        """Return the audio frames decoded since the last call, each with its time in seconds.

        Seconds count from the container's start. The list is empty unless the reader was opened
        with audio.
        """
        expected = self._expected
        end = expected.start if self._end is None else self._end
        times = [(f, self._timeline.near(end, time)) for f, time in self._source.take_audio()]
        return [(frame, float(time - expected.start)) for frame, time in times]

    @property
    def file_promise(self) -> FilePromise | None:
        """Sizes that the file states; None for a converted copy of the file."""
        opened = self._check_open()
        if opened.converted_from is not None:
            return None
        return file_promise(self._container, opened.source, self._source.last_pos)

    def last_packets(self, tick: int) -> StreamEnds | None:
        """Return the ends of all streams if they explain a difference of lengths.

        A reader that read the last packets cannot decode afterwards.

        Args:
            tick: A tick in the last part of the video.
        """
        return None if self._expected.exact else stream_ends(self._check_open(), tick)

    def report(self) -> ReadReport:
        """Return the report of the frames decoded so far; see ``VideoReader.report``.

        The sizes that the file states are compared once all frames are decoded.
        """
        errors, damaged = self._source.errors + self._timeline.late, self._source.damaged
        return self._expected.compare(
            self._decoded,
            self._end,
            Faults(errors=errors, damaged=damaged, losses=self._losses.losses),
            joined=self._timeline.joined,
            file=self._file,
            ends=self._ends,
        )

    def close(self) -> None:
        """Free the decoder and the file."""
        self._source.close()

    @property
    def _end(self) -> Fraction | None:
        """End of the last frame in stream seconds; None without frames."""
        return None if self._end_tick is None else self._end_tick * self._expected.time_base

    def _check_open(self) -> OpenedStream:
        if self._source.opened is None:
            raise VideoDecodeError(
                f"'{printable(self._uri)}' is closed; open it again to decode it"
            )
        return self._source.opened

    def _take_first(self) -> av.VideoFrame:
        self._check_open()
        if self._first is None:
            raise VideoDecodeError(f"'{printable(self._uri)}' was decoded already; open it again")
        first, self._first = self._first, None
        return first

    def _first_frame(self, opened: OpenedStream) -> av.VideoFrame:
        first = next(self._frames, None)
        opened.source.check()
        if first is None:
            raise VideoDecodeError(
                f"'{printable(self._uri)}' opened as {container_name(opened.stream)}, but none of "
                "its frames could be decoded; the file is damaged: replace it"
            )
        return first

    def _may_seek(self) -> bool:
        """Return True if the video shows the times of its packets."""
        if not is_searchable(self._container) or not self._stamps.stated:
            return False
        if has_timeline(self._container):
            return True
        return has_steady_clock(self._source.packets(), self._expected.time_base)

    def _frames_from_seek(self, time_s: float) -> Frames | None:
        """Return the frames from a keyframe before a time; None if no seek leads there.

        In a container without an index, a seek often ends at a keyframe after the time. The seek is
        therefore repeated with growing margins, at last to the start of the video.
        """
        expected = self._expected
        begin_s = float(expected.first * expected.time_base - expected.start)
        for target_s in seek_targets(time_s):
            target = round((expected.start + Fraction(target_s)) / expected.time_base)
            if not self._source.seek(target if target_s < 0 else max(target, expected.first)):
                continue
            frames = self._source.frames()
            first = next(frames, None)
            self._check_open().source.check()
            stamp = None if first is None else self._stamps.of(first)
            if first is None or stamp is None:
                continue
            first_s = float(stamp * expected.time_base - expected.start)
            if first_s <= max(time_s, begin_s) + TIME_TOLERANCE_S:
                return chain([first], frames)
        return None

    def _frames_from_anchor(self, time_s: float) -> Frames | None:
        """Return the frames from the last anchor before a time on; None without such an anchor."""
        expected = self._expected
        last = (expected.start + Fraction(time_s + TIME_TOLERANCE_S)) / expected.time_base
        before = [None, *(anchor for anchor in self._options.anchors if anchor.tick <= last)]
        for earlier, anchor in reversed(list(pairwise(before))[-_ANCHORS:]):
            assert anchor is not None
            frames = self._source.frames_from_anchor(anchor, earlier)
            first = None if frames is None else next(frames, None)
            self._check_open().source.check()
            if frames is not None and first is not None:
                self._timeline = Timeline(expected, self._stamps, anchor)
                return chain([first], frames)
        return None

    def _timed_frames(self, frames: Frames) -> Iterator[DecodedFrame]:
        expected, source, timeline = self._expected, self._source, self._timeline
        if source.decoder is not self._convert.decoder:
            self._convert = FrameConverter(source.decoder, self._options.turn_deg)
        for raw, tick, duration, errors in timeline.timed(frames, lambda: source.errors):
            if source.opened is None:
                self._check_open()
            self._decoded += 1
            damaged = source.decoder.is_damaged(raw)
            source.damaged += damaged
            self._losses.add(tick, timeline.offsets[1], source.signs, damaged=damaged)
            self._end_tick = tick + duration
            frame = PyAVFrame(raw, tick, duration, self._convert, expected)
            frame.damaged = damaged
            frame.errors_before = errors
            frame.losses_before = self._losses.losses
            yield frame
        self._check_open().source.check()
        self._look_at_end()

    def _look_at_end(self) -> None:
        """Read what the file states about its end, once all frames are decoded."""
        self._file = self.file_promise
        opened = self._check_open()
        if self._expected.needs_ends(self._end, self._file) and not self._timeline.joined:
            self._ends = stream_ends(opened, self._end_tick)
        opened.source.check()
