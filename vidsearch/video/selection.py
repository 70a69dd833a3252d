"""Selection of frames within one shot: grid samples, and extra samples in short shots."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from vidsearch.video.types import DecodedFrame


@dataclass(slots=True)
class TimedFrame:
    """Decoded frame, not yet converted to pixels, with its display time.

    Attributes:
        frame: Decoded frame.
        duration: Ticks until the next frame; for the last frame, its duration in the container.
        on_grid: True for a grid sample.
        starts_shot: True if a cut lies right before the frame.
    """

    frame: DecodedFrame
    duration: int
    on_grid: bool
    starts_shot: bool = False

    @property
    def end_s(self) -> float:
        """End of the display time in seconds."""
        frame = self.frame
        return float((frame.pts + self.duration) * frame.time_base - frame.start)


class TimeGrid:
    """Marks the frames that are the first at or after a multiple of 1 / fps seconds.

    All arithmetic is exact, so the grid does not depend on the time base.

    Args:
        fps: Grid samples per second of video time.
    """

    def __init__(self, fps: float) -> None:
        self._fps = Fraction(str(fps))  # 0.1 means a tenth, not the nearest float
        self._cell: int | None = None
        self._scale = self._shift = 0
        self._divisor = 1

    def is_grid_sample(self, frame: DecodedFrame) -> bool:
        """Return True if the next frame is a grid sample."""
        if self._cell is None:
            self._set_scale(frame.time_base * self._fps, frame.start * self._fps)
        cell = (frame.pts * self._scale - self._shift) // self._divisor
        new = self._cell is None or cell > self._cell
        self._cell = cell
        return new

    def is_long(self, timed: TimedFrame) -> bool:
        """Return True if a frame is displayed for at least 1 / fps seconds."""
        return timed.duration * self._scale >= self._divisor

    def _set_scale(self, tick: Fraction, start: Fraction) -> None:
        """Express pts * tick - start over one divisor: integers are ten times as fast."""
        self._divisor = tick.denominator * start.denominator
        self._scale = tick.numerator * start.denominator
        self._shift = start.numerator * tick.denominator


class ShotSelection:
    """Collects the samples of one shot, in bounded memory.

    Args:
        number: Number of the shot, from 0.
        minimum: Fewest samples of a shot that has this many frames.
        complete: True if the shot already has its minimum of samples.
    """

    def __init__(self, number: int, minimum: int, *, complete: bool = False) -> None:
        self.number = number
        self._minimum = minimum
        self._capacity = 2 * minimum + 2
        self._grid: list[TimedFrame] = []
        self._spare: list[TimedFrame] = []
        self._stride = 1
        self._off_grid = 0
        self._first: TimedFrame | None = None
        self._last: TimedFrame | None = None
        self._complete = complete

    @property
    def start_s(self) -> float:
        """Start of the shot in seconds; 0 without frames."""
        return 0.0 if self._first is None else self._first.frame.time_s

    @property
    def is_complete(self) -> bool:
        """True if the shot has its minimum of samples; later samples are grid samples only."""
        return self._complete

    @property
    def is_empty(self) -> bool:
        """True if the shot has no frame yet."""
        return self._first is None

    @property
    def frames_held(self) -> int:
        """Number of frames not returned yet."""
        return len(self._grid) + len(self._spare)

    def add(self, timed: TimedFrame) -> list[TimedFrame]:
        """Add the next frame of the shot; return the samples that are final now, in order."""
        if self._first is None:
            self._first = timed
        self._last = timed
        if self._complete:
            return [timed] if timed.on_grid else []
        if not timed.on_grid:
            self._hold_spare(timed)
            return []
        self._grid.append(timed)
        if len(self._grid) < self._minimum:
            return []
        settled, self._grid = self._grid, []
        self._spare.clear()
        self._complete = True
        return settled

    def finish(self) -> list[TimedFrame]:
        """Return the remaining samples, filled up to the minimum with other frames of the shot."""
        if self._complete or self._first is None or self._last is None:
            return []
        start = self._first.frame.pts
        end = self._last.frame.pts + self._last.duration
        chosen, spare = list(self._grid), list(self._spare)
        while len(chosen) < self._minimum and spare:
            taken = [timed.frame.pts for timed in chosen]
            best = max(spare, key=lambda timed: _distance(timed.frame.pts, taken, start, end))
            spare.remove(best)
            chosen.append(best)
        return sorted(chosen, key=lambda timed: timed.frame.pts)

    def _hold_spare(self, timed: TimedFrame) -> None:
        if self._off_grid % self._stride == 0:
            self._spare.append(timed)
            if len(self._spare) > self._capacity:
                del self._spare[1::2]
                self._stride *= 2
        self._off_grid += 1


def _distance(pts: int, taken: list[int], start: int, end: int) -> int:
    """Return the ticks to the nearest sample, or to the frame mirrored at an end of the shot."""
    return min(2 * (pts - start), 2 * (end - pts), *(abs(pts - other) for other in taken))
