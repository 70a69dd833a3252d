"""Presentation times that only rise, from whatever a container and its decoder deliver."""

from __future__ import annotations

from fractions import Fraction

_LEAP_S = 10
_BACKWARDS_S = Fraction(1, 2)


class PresentationClock:
    """Turns each frame's stamps into one tick count that rises from frame to frame.

    - A frame without a stamp follows the last one by its duration.
    - A frame that comes late (up to half a second before the last one, as decoders let them out
      around a damaged place) has no time left in which to be shown: ``tick`` returns None.
    - A leap back by more than that, which the next frame confirms, is a recording joined to
      another: time runs on from there. A leap forward that the next frame confirms is a gap.
    - A leap that the next frame does not confirm is a damaged stamp, and is ignored.

    Args:
        time_base: Seconds a tick.
        first: The first frame's tick, where it carries none.
    """

    def __init__(self, time_base: Fraction, first: int) -> None:
        self._leap = int(_LEAP_S / time_base)
        self._backwards = int(_BACKWARDS_S / time_base)
        self._first = first
        self._last: int | None = None
        self._last_duration = 0
        self._offset = 0

    def tick(self, stamp: int | None, duration: int, following: int | None) -> int | None:
        """Return when to show a frame, or None if its time has passed.

        Args:
            stamp: The frame's own, None where it has none.
            duration: How long it lasts, at least 1.
            following: Stamp of the frame after it, None at the end or where it has none.
        """
        tick = self._place(stamp, following)
        if tick is not None:
            self._last = tick
            self._last_duration = duration
        return tick

    def _place(self, stamp: int | None, following: int | None) -> int | None:
        if self._last is None:
            return stamp if stamp is not None else self._first
        expected = self._last + self._last_duration
        if stamp is None:
            return expected
        tick = stamp + self._offset
        leaps_back = tick < self._last - self._backwards
        if leaps_back or tick > expected + self._leap:
            if following is not None and self._resumes(stamp, following, expected):
                return expected
            if leaps_back:
                self._offset = expected - stamp
                return expected
        return tick if tick > self._last else None

    def _resumes(self, stamp: int, following: int, expected: int) -> bool:
        """Whether the frame after a leap lies nearer to where the time was before it."""
        return abs(following + self._offset - expected) < abs(following - stamp)
