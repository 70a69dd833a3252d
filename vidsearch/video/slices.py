"""One slice of a long video: the samples that the whole gives there, neither more nor less.

A slice is decoded from a keyframe, its *border*, on. Its first ``WARM_UP`` frames belong to the
slice before it, which decodes them too: they teach the cut detector what came before, and both
slices take their fingerprints. If these are equal, every frame after them is decoded alike from
either side, because a decoder refers to 16 pictures back at most; so slices whose fingerprints
agree from the first to the last are the video, and where they disagree (a stream that is refreshed
bit by bit has keyframes that are none) the video has to be read whole.

Grid samples do not depend on shots. The extra samples of a short shot do: a slice in which a shot
begins reads on beyond its end until the shot has its samples, and says how far that is; for a shot
that began before the slice, it takes grid samples only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final, TypeAlias

from vidsearch.datatypes import Frame
from vidsearch.video.sampling import SamplingConfig, sampled, shown_frames
from vidsearch.video.selection import ShotSelection, ShownFrame
from vidsearch.video.types import DecodedFrame, VideoReader

WARM_UP: Final = 32
"""Frames after a border that both slices decode."""

Fingerprint: TypeAlias = tuple[int, int, bytes]
"""A frame's pts, its duration and a hash of its picture."""


@dataclass(frozen=True, slots=True)
class ShotStart:
    """Where a shot begins: its first frame's pts and seconds."""

    pts: int
    time_s: float


@dataclass(slots=True)
class SliceReading:
    """What was read of a slice, besides its samples; complete when the sampler is done.

    A slice *owns* the frames from ``WARM_UP`` after its border until ``WARM_UP`` after the next.

    Attributes:
        frames_decoded: Frames that it owns.
        errors: Errors among them, as ``ReadReport`` counts them.
        damaged: Those of its frames that are damaged.
        end: When the last of them ends, in seconds of the stream; None without any.
        last_end_s: The same in seconds from the container's start, by its own duration.
        shots: Where shots begin among them.
        settled_pts: From this frame on, samples are the next slice's; None if the video is over.
        opening: Fingerprints of its warm-up, none in the first slice.
        following: Fingerprints of the next slice's warm-up, as decoded here.
    """

    frames_decoded: int = 0
    errors: int = 0
    damaged: int = 0
    end: Fraction | None = None
    last_end_s: float = 0.0
    shots: list[ShotStart] = field(default_factory=list)
    settled_pts: int | None = None
    opening: list[Fingerprint] = field(default_factory=list)
    following: list[Fingerprint] = field(default_factory=list)


class SliceSampler:
    """Iterates over the sampled frames of one slice, once, in time order.

    Frames have the shot's number within the slice: 0 for the shot that was there before it, the
    first that begins in it is 1.

    Args:
        reader: Freshly opened.
        config: How to sample.
        begin: The slice's border; None for the video's first frame.
        end: The next slice's border; None for the video's end.
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
        self._over = False
        self.reading = SliceReading()

    def __iter__(self) -> Iterator[Frame]:
        """Yield upright RGB frames; those of a shot that began before it are grid samples only.

        Raises:
            VideoError: See ``VideoReader.decode_from``.
        """
        begin = self._begin
        frames = self._reader.decode() if begin is None else self._reader.decode_from(begin)
        warm_up = 0 if begin is None else WARM_UP
        shot = ShotSelection(0, self._config.min_per_shot, enough=begin is not None)
        reading = self.reading
        for number, shown in enumerate(shown_frames(frames, self._config)):
            frame = shown.frame
            if number < warm_up:
                reading.opening.append(_fingerprint(frame))
            if number == warm_up and begin is not None:
                self._errors_before = frame.errors_before
            owned = self._in_this_slice(frame)
            starts = shown.starts_shot or (number == 0 and begin is None)
            if not owned and (starts or shot.has_enough):
                yield from _emit(shot.finish(), shot.number)
                reading.settled_pts = frame.pts
                return
            if number < warm_up:
                continue
            if owned:
                self._count(shown, starts=starts)
            if starts:
                yield from _emit(shot.finish(), shot.number)
                shot = ShotSelection(shot.number + 1, self._config.min_per_shot)
            yield from _emit(shot.add(shown), shot.number)
        yield from _emit(shot.finish(), shot.number)
        self._count_errors_to_the_end()

    def _in_this_slice(self, frame: DecodedFrame) -> bool:
        """Tell whether a frame comes before the next slice's own; take that one's fingerprints."""
        reading = self.reading
        if self._end is None or frame.pts < self._end:
            return True
        if len(reading.following) < WARM_UP:
            reading.following.append(_fingerprint(frame))
            return True
        if not self._over:
            self._over = True
            if reading.frames_decoded:
                reading.errors = frame.errors_before - self._errors_before
        return False

    def _count(self, shown: ShownFrame, *, starts: bool) -> None:
        frame, reading = shown.frame, self.reading
        reading.frames_decoded += 1
        reading.damaged += frame.damaged
        reading.end = (frame.pts + frame.duration) * frame.time_base
        reading.last_end_s = shown.end_s
        if starts:
            reading.shots.append(ShotStart(frame.pts, frame.time_s))

    def _count_errors_to_the_end(self) -> None:
        if self.reading.frames_decoded and not self._over:
            self.reading.errors = self._reader.report().errors - self._errors_before


def _emit(chosen: list[ShownFrame], shot: int) -> Iterator[Frame]:
    for shown in chosen:
        yield sampled(shown, shot)


def _fingerprint(frame: DecodedFrame) -> Fingerprint:
    picture = hashlib.blake2b(frame.rgb().tobytes(), digest_size=16).digest()
    return frame.pts, frame.duration, picture
