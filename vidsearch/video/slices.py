"""Sampling one slice of a long video, with the samples that the whole video gives there.

A slice is decoded from a keyframe cut on. Its first ``WARM_UP`` frames belong to the preceding
slice, which also decodes them. The cut detector needs them as context, and both slices hash them. A
decoder refers to at most 16 frames back, so equal hashes mean that both slices decode all later
frames alike. If all hashes agree, the slices together equal the video. If hashes differ, the whole
video is read: a stream with gradual refresh marks keyframes that cannot be decoded alone.

Grid samples do not depend on shots, but the extra samples of a short shot do. A slice in which a
shot begins reads beyond its end until the shot has its samples, and records that end
in ``settled_pts``. A shot that began before the slice gets grid samples only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final, TypeAlias

from vidsearch.datatypes import Frame
from vidsearch.read_options import Anchor
from vidsearch.video.losses.losses import NO_LOSSES, Losses
from vidsearch.video.sampling import SamplingConfig, converted_frame, timed_frames
from vidsearch.video.selection import ShotSelection, TimedFrame
from vidsearch.video.types import DecodedFrame, VideoReader

WARM_UP: Final = 32
"""Frames after a cut that both slices decode."""

FrameHash: TypeAlias = tuple[int, int, bytes]
"""Pts, duration and pixel hash of a frame."""


@dataclass(frozen=True, slots=True)
class ShotStart:
    """Start of a shot.

    Attributes:
        pts: Pts of its first frame.
        time_s: Seconds of its first frame.
        previous_end_s: End of the frame before it, earlier than ``time_s`` after a gap; None if
            that frame belongs to the slice before.
    """

    pts: int
    time_s: float
    previous_end_s: float | None = None


@dataclass(slots=True)
class SliceReading:
    """Counts and frame hashes of a slice, complete when the sampler is done.

    A slice *owns* the frames from ``WARM_UP`` after its cut until ``WARM_UP`` after the next cut.

    Attributes:
        frames_decoded: Number of owned frames.
        errors: Errors among the owned frames, as ``ReadReport`` counts them.
        losses: Losses among the owned frames.
        damaged: Number of owned frames with damage.
        end: End of the last owned frame in stream seconds; None without frames.
        last_end_s: End of the display time of the last owned frame, seconds from the container's
            start.
        shots: Shots that begin at an owned frame.
        settled_pts: Pts from which all samples come from the next slice; None at the video's end.
        opening_hashes: Hashes of the slice's own warm-up; empty in the first slice.
        opening_losses: Losses among the frames of the slice's own warm-up.
        following_hashes: Hashes of the next slice's warm-up, as decoded here.
        seekable: See ``ReadOptions.seekable``, for the frames of the slice.
        anchors: See ``ReadOptions.anchors``; they may lie beyond the slice's end.
    """

    frames_decoded: int = 0
    errors: int = 0
    losses: Losses = NO_LOSSES
    damaged: int = 0
    end: Fraction | None = None
    last_end_s: float = 0.0
    shots: list[ShotStart] = field(default_factory=list)
    settled_pts: int | None = None
    opening_hashes: list[FrameHash] = field(default_factory=list)
    opening_losses: Losses = NO_LOSSES
    following_hashes: list[FrameHash] = field(default_factory=list)
    seekable: bool | None = None
    anchors: tuple[Anchor, ...] = ()


class SliceSampler:
    """Iterates over the sampled frames of one slice, once, in time order.

    Frames carry the number of their shot within the slice. Shot 0 began before the slice; the first
    shot that begins in the slice is 1.

    Args:
        reader: Reader that has not decoded yet.
        config: Settings of the sampler.
        begin: Keyframe cut at which the slice begins; None for the first frame of the video.
        end: Keyframe cut at which the next slice begins; None for the end of the video.
    """

    def __init__(
        self,
        reader: VideoReader,
        config: SamplingConfig,
        begin: int | None = None,
        end: int | None = None,
    ) -> None:
        self._reader = reader
        self._config = config
        self._begin = begin
        self._end = end
        self._errors_before = 0
        self._losses_before = NO_LOSSES
        self._past_end = False
        self.reading = SliceReading()

    def __iter__(self) -> Iterator[Frame]:
        """Yield upright RGB frames; a shot that began before the slice gives grid samples only.

        Raises:
            VideoError: See ``VideoReader.decode_from``.
        """
        yield from self._sampled()
        read = self._reader.read_options
        self.reading.seekable, self.reading.anchors = read.seekable, read.anchors

    def _sampled(self) -> Iterator[Frame]:
        begin = self._begin
        frames = self._reader.decode() if begin is None else self._reader.decode_from(begin)
        warm_up = 0 if begin is None else WARM_UP
        shot = ShotSelection(0, self._config.min_per_shot, complete=begin is not None)
        reading = self.reading
        for number, timed in enumerate(timed_frames(frames, self._config)):
            frame = timed.frame
            if number < warm_up:
                reading.opening_hashes.append(_frame_hash(frame))
            if number == warm_up and begin is not None:
                self._errors_before = frame.errors_before
                self._losses_before = reading.opening_losses = frame.losses_before
            owned = self._owns(frame)
            starts = timed.starts_shot or (number == 0 and begin is None)
            if not owned and (starts or shot.is_complete):
                yield from _emit(shot.finish(), shot.number)
                reading.settled_pts = frame.pts
                return
            if number < warm_up:
                continue
            if owned:
                self._count(timed, starts=starts)
            if starts:
                yield from _emit(shot.finish(), shot.number)
                shot = ShotSelection(shot.number + 1, self._config.min_per_shot)
            yield from _emit(shot.add(timed), shot.number)
        yield from _emit(shot.finish(), shot.number)
        if reading.frames_decoded and not self._past_end:
            report = self._reader.report()
            reading.errors = report.errors - self._errors_before
            reading.losses = report.losses - self._losses_before

    def _owns(self, frame: DecodedFrame) -> bool:
        """Return True for an owned frame; hash it if the next slice decodes it too."""
        reading = self.reading
        if self._end is None or frame.pts < self._end:
            return True
        if len(reading.following_hashes) < WARM_UP:
            reading.following_hashes.append(_frame_hash(frame))
            return True
        if not self._past_end:
            self._past_end = True
            if reading.frames_decoded:
                reading.errors = frame.errors_before - self._errors_before
                reading.losses = frame.losses_before - self._losses_before
        return False

    def _count(self, timed: TimedFrame, *, starts: bool) -> None:
        frame, reading = timed.frame, self.reading
        if starts:
            previous_s = reading.last_end_s if reading.frames_decoded else None
            reading.shots.append(ShotStart(frame.pts, frame.time_s, previous_s))
        reading.frames_decoded += 1
        reading.damaged += frame.damaged
        reading.end = (frame.pts + frame.duration) * frame.time_base
        reading.last_end_s = timed.end_s


def _emit(chosen: list[TimedFrame], shot: int) -> Iterator[Frame]:
    for timed in chosen:
        yield converted_frame(timed, shot)


def _frame_hash(frame: DecodedFrame) -> FrameHash:
    pixels = hashlib.blake2b(frame.rgb().tobytes(), digest_size=16).digest()
    return frame.pts, frame.duration, pixels
