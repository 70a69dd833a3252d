"""Choosing among one shot's frames: grid samples, and extra ones where they are too few."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from vidsearch.video.types import DecodedFrame


@dataclass(slots=True)
class ShownFrame:
    """A decoded frame, still unconverted, and what the sampler knows about it.

    Attributes:
        duration: Ticks until the next frame; for the last one, what the container says.
        on_grid: Whether it is a grid sample.
        starts_shot: Whether a cut lies right before it.
    """

    frame: DecodedFrame
    duration: int
    on_grid: bool
    starts_shot: bool = False

    @property
    def end_s(self) -> float:
        frame = self.frame
        return float((frame.pts + self.duration) * frame.time_base - frame.start)


class TimeGrid:
    """Tells which frames are the first at or after a multiple of 1 / fps seconds.

    All arithmetic is exact, so a frame at 1.5 s is at 1.5 s whatever its time base.
    """

    def __init__(self, fps: float) -> None:
        self._fps = Fraction(str(fps))  # 0.1 means a tenth, not the float next to it
        self._cell: int | None = None
        self._scale = self._shift = 0
        self._divisor = 1

    def takes(self, frame: DecodedFrame) -> bool:
        if self._cell is None:
            self._set_scale(frame.time_base * self._fps, frame.start * self._fps)
        cell = (frame.pts * self._scale - self._shift) // self._divisor
        new = self._cell is None or cell > self._cell
        self._cell = cell
        return new

    def _set_scale(self, tick: Fraction, start: Fraction) -> None:
        """Bring pts * tick - start to one divisor: whole numbers are ten times as fast."""
        self._divisor = tick.denominator * start.denominator
        self._scale = tick.numerator * start.denominator
        self._shift = start.numerator * tick.denominator


class ShotSelection:
    """Collects one shot's samples, holding back no more frames than it takes to choose.

    Args:
        number: The shot's, from 0.
        minimum: Fewest samples, where the shot has so many frames.
        enough: Whether it has so many already.
    """

    def __init__(self, number: int, minimum: int, *, enough: bool = False) -> None:
        self.number = number
        self._minimum = minimum
        self._room = 2 * minimum + 2
        self._grid: list[ShownFrame] = []
        self._spare: list[ShownFrame] = []
        self._stride = 1
        self._off_grid = 0
        self._first: ShownFrame | None = None
        self._last: ShownFrame | None = None
        self._enough = enough

    @property
    def start_s(self) -> float:
        return 0.0 if self._first is None else self._first.frame.time_s

    @property
    def has_enough(self) -> bool:
        """Whether nothing but grid samples is taken from here on."""
        return self._enough

    @property
    def is_empty(self) -> bool:
        return self._first is None

    def add(self, shown: ShownFrame) -> list[ShownFrame]:
        """Take the shot's next frame; return the samples that are settled by it, in order."""
        if self._first is None:
            self._first = shown
        self._last = shown
        if self._enough:
            return [shown] if shown.on_grid else []
        if not shown.on_grid:
            self._keep_spare(shown)
            return []
        self._grid.append(shown)
        if len(self._grid) < self._minimum:
            return []
        settled, self._grid = self._grid, []
        self._spare.clear()
        self._enough = True
        return settled

    def finish(self) -> list[ShownFrame]:
        """Return the samples still held back, filled up from the shot's other frames."""
        if self._enough or self._first is None or self._last is None:
            return []
        start = self._first.frame.pts
        end = self._last.frame.pts + self._last.duration
        chosen, spare = list(self._grid), list(self._spare)
        while len(chosen) < self._minimum and spare:
            taken = [shown.frame.pts for shown in chosen]
            best = max(spare, key=lambda shown: _room_around(shown.frame.pts, taken, start, end))
            spare.remove(best)
            chosen.append(best)
        return sorted(chosen, key=lambda shown: shown.frame.pts)

    def _keep_spare(self, shown: ShownFrame) -> None:
        if self._off_grid % self._stride == 0:
            self._spare.append(shown)
            if len(self._spare) > self._room:
                del self._spare[1::2]
                self._stride *= 2
        self._off_grid += 1


def _room_around(pts: int, taken: list[int], start: int, end: int) -> int:
    """Distance to the nearest sample; a shot's border counts as a sample on its other side."""
    return min(2 * (pts - start), 2 * (end - pts), *(abs(pts - other) for other in taken))
