"""Film time that is missing around losses: gaps that the cadence of the film does not explain."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from vidsearch.video.losses.losses import NO_LOSSES, Losses
from vidsearch.video.report import ExpectedStream

# Frames after a sign of a loss, by the delay of decoders, in which its gap appears. A sign may also
# follow the gap: a frame that is decoded with damage.
_WINDOW: Final = 64
_BEFORE: Final = 4
_CADENCE: Final = 24
# A gap is longer than the longest interval of the frames before it by this factor.
_LONGER: Final = 1.5
# A pause teaches no more than this factor about the cadence.
_SLOWER: Final = 4


@dataclass(frozen=True, slots=True)
class Signs:
    """Signs of losses from the start of decoding to a frame.

    Attributes:
        proven: Losses that the structure of the file proves.
        possible: Errors, damaged frames and bytes outside packets: a gap near them is a loss.
    """

    proven: int = 0
    possible: int = 0


class LossMeter:
    """Sums up the gaps near signs of losses, in display order.

    A pause of a recording has no such sign and is no loss.

    Attributes:
        losses: Losses up to the last frame.

    Args:
        expected: Clock of the stream.
    """

    def __init__(self, expected: ExpectedStream) -> None:
        self._frame_ticks = round(expected.frame_ticks)
        # Without times, a damaged frame is the sign of a loss of unknown length.
        self._stamped = expected.stamps != "none"
        self._intervals = deque([0], maxlen=_CADENCE)
        self._last: int | None = None
        self._previous: int | None = None
        self._signs = Signs()
        self._window = 0
        self._counted = False
        self._offset = 0
        self._gap: tuple[int, int] | None = None
        self.losses = NO_LOSSES

    def add(self, tick: int, offset: int, signs: Signs, *, damaged: bool = False) -> None:
        """Add a frame.

        Args:
            tick: Tick of the frame.
            offset: Ticks added to its time stamp; it falls where time continues after a leap.
            signs: Signs so far.
            damaged: True if the frame was decoded with visible damage.
        """
        if not self._stamped:
            self._look_at_damage(signs, damaged=damaged)
            return
        self._window -= 1
        if signs is not self._signs and signs != self._signs:
            self._look_at(signs)
        if self._last is not None:
            interval = tick - self._last
            steady = self._previous is not None and -1 <= interval - self._previous <= 1
            if not steady or self._window > 0 or self._gap is not None:
                self._measure(interval, offset)
        self._last, self._offset = tick, offset

    def _look_at_damage(self, signs: Signs, *, damaged: bool) -> None:
        """Count a run of damaged frames after a whole one; decoding may begin with damage."""
        count = max(int(damaged and self._counted), signs.proven - self._signs.proven)
        if count > 0:
            self.losses += Losses(count=count, leaps=count)
        self._counted, self._signs = not damaged, signs

    def _look_at(self, signs: Signs) -> None:
        self._window = _WINDOW
        proven = max(0, signs.proven - self._signs.proven)
        self._counted = proven > 0
        self._signs = signs
        if proven:
            self.losses += Losses(count=proven)

    def _measure(self, interval: int, offset: int) -> None:
        usual = max(self._frame_ticks, *self._intervals)
        longer = interval > _LONGER * usual
        # Two long intervals in a row are the cadence of a slower part.
        slower = self._previous is not None and interval <= _LONGER * self._previous
        if longer and not slower:
            self._gap = (_BEFORE, interval - usual)
        if self._window <= 0 or slower or not longer:
            self._intervals.append(min(interval, _SLOWER * usual))
        self._previous = interval
        if self._window > 0 and offset < self._offset:
            self._count(Losses(leaps=1))
        if self._gap is None:
            return
        frames, ticks = self._gap
        if self._window > 0:
            self._count(Losses(ticks=Fraction(ticks)))
            self._gap = None
        else:
            self._gap = (frames - 1, ticks) if frames > 1 else None

    def _count(self, losses: Losses) -> None:
        self.losses += losses if self._counted else losses + Losses(count=1)
        self._counted = False
