"""Frame sampling: a fixed grid in time, and extra samples in short shots.

A frame is a *grid sample* if it is the first one displayed at or after a multiple of 1 / fps
seconds from the container's start, or if it is displayed for at least 1 / fps seconds: a frozen
picture may fill minutes of a screen recording. The grid is absolute, so slices of a video and the
whole video give the same samples. A shot with too few grid samples gets extra samples, spread
evenly, so that a brief appearance is not missed. Long shots get no extra samples.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from vidsearch.datatypes import Frame, TimeSpan
from vidsearch.errors import ConfigError
from vidsearch.video.compare.pauses import PauseDetector
from vidsearch.video.selection import ShotSelection, TimedFrame, TimeGrid
from vidsearch.video.shots import ShotConfig, ShotDetector
from vidsearch.video.types import DecodedFrame, FrameGeometry, VideoReader


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingConfig:
    """Density of the samples.

    Attributes:
        fps: Grid samples per second of video time.
        min_per_shot: Fewest samples of a shot; a shot with fewer frames gives all its frames.
        shots: Settings of the cut detector.
    """

    fps: float = 2.0
    min_per_shot: int = 3
    shots: ShotConfig = field(default_factory=ShotConfig)

    def __post_init__(self) -> None:
        if not (math.isfinite(self.fps) and 0 < self.fps <= 1000):
            raise ConfigError(f"fps must be above 0 and at most 1000; got {self.fps}")
        if not 1 <= self.min_per_shot <= 16:
            raise ConfigError(f"min_per_shot must be from 1 to 16; got {self.min_per_shot}")


class FrameSampler:
    """Iterates over the sampled frames of one video, once, in time order.

    Frames are returned slightly late: when a shot has ``min_per_shot`` samples, or ends. At most
    about ``3 * min_per_shot`` unconverted frames are held in memory.

    Example:
        ::

            with open_video(path) as reader:
                sampler = FrameSampler(reader, SamplingConfig(fps=2.0))
                for frame in sampler:
                    ...
            print(len(sampler.shots), reader.report())
    """

    def __init__(self, reader: VideoReader, config: SamplingConfig | None = None) -> None:
        self._reader = reader
        self._config = config if config is not None else SamplingConfig()
        self._spans: list[TimeSpan] = []
        self._sampled = 0

    @property
    def shots(self) -> tuple[TimeSpan, ...]:
        """Spans of the shots finished so far: half-open, without gaps, first frame to last."""
        return tuple(self._spans)

    @property
    def frames_sampled(self) -> int:
        """Number of frames yielded so far."""
        return self._sampled

    def __iter__(self) -> Iterator[Frame]:
        """Yield upright RGB frames with shot number and display duration.

        Raises:
            VideoError: See ``VideoReader.decode``.
        """
        shot = ShotSelection(0, self._config.min_per_shot)
        last: TimedFrame | None = None
        for timed in timed_frames(self._reader.decode(), self._config):
            if timed.starts_shot and last is not None and not shot.is_empty:
                yield from self._emit(shot.finish(), shot.number)
                self._spans.append(TimeSpan(shot.start_s, last.end_s))
                shot = ShotSelection(shot.number + 1, self._config.min_per_shot)
            yield from self._emit(shot.add(timed), shot.number)
            last = timed
        if last is not None:
            yield from self._emit(shot.finish(), shot.number)
            self._spans.append(TimeSpan(shot.start_s, last.end_s))

    def _emit(self, chosen: list[TimedFrame], shot: int) -> Iterator[Frame]:
        for timed in chosen:
            self._sampled += 1
            yield converted_frame(timed, shot)


def timed_frames(frames: Iterable[DecodedFrame], config: SamplingConfig) -> Iterator[TimedFrame]:
    """Yield every decoded frame with its duration, grid mark and shot start.

    A shot starts at every cut, after every pause and wherever the geometry of the frames
    changes.
    """
    detector, pauses = ShotDetector(config.shots), PauseDetector(config.shots.min_step)
    waiting: deque[TimedFrame] = deque()
    cuts: set[int] = set()
    grid = TimeGrid(config.fps)
    number = start = 0
    last_geometry: FrameGeometry | None = None
    for number, frame in enumerate(frames):
        geometry = frame.geometry
        thumbnail = frame.thumbnail_bgr(*detector.thumbnail_wh)
        last_duration = pauses.push(frame, thumbnail)
        if last_duration is not None or (last_geometry is not None and geometry != last_geometry):
            # The frames on both sides do not compare: a shot ends, and the detector starts anew.
            cuts.update(start + cut for cut in detector.finish())
            cuts.add(number)
            detector, start = ShotDetector(config.shots), number
        last_geometry = geometry
        interval_s = 0.0
        if last_duration is not None:
            waiting[-1].duration = last_duration
        elif waiting:
            waiting[-1].duration = frame.pts - waiting[-1].frame.pts
            interval_s = waiting[-1].duration * float(frame.time_base)
        waiting.append(TimedFrame(frame, frame.duration, grid.is_grid_sample(frame)))
        cuts.update(start + cut for cut in detector.push(thumbnail, interval_s))
        while len(waiting) > detector.delay + 1:
            yield _pop_oldest(waiting, number - len(waiting) + 1, cuts, grid)
    cuts.update(start + cut for cut in detector.finish())
    while waiting:
        yield _pop_oldest(waiting, number - len(waiting) + 1, cuts, grid)


def converted_frame(timed: TimedFrame, shot: int) -> Frame:
    """Return a chosen frame with its pixels."""
    frame = timed.frame
    return Frame(
        image=frame.rgb(),
        pts=frame.pts,
        time_base=frame.time_base,
        start=frame.start,
        shot=shot,
        duration=timed.duration,
    )


def _pop_oldest(
    waiting: deque[TimedFrame], number: int, cuts: set[int], grid: TimeGrid
) -> TimedFrame:
    timed = waiting.popleft()
    timed.starts_shot = number in cuts
    timed.on_grid |= grid.is_long(timed)
    cuts.discard(number)
    return timed
