"""Increasing presentation times from the time stamps of a container and its decoder."""

from __future__ import annotations

from fractions import Fraction

_LEAP_S = 10
_BACKWARDS_S = Fraction(1, 2)


class PresentationClock:
    """Turns the time stamps of frames into ticks that increase from frame to frame.

    - A frame without a stamp follows the last frame by that frame's duration.
    - A late frame (up to half a second before the last one, as decoders return them around damage)
      has no display time left: ``tick`` returns None.
    - A larger leap back that the next frame confirms is a join of two recordings: time continues
      from there. A leap forward that the next frame confirms is a gap.
    - A leap that the next frame does not confirm is a damaged stamp and is ignored.

    Args:
        time_base: Seconds per tick.
        first: Tick of the first frame if that frame carries no stamp.
    """

    def __init__(self, time_base: Fraction, first: int) -> None:
        self._leap = int(_LEAP_S / time_base)
        self._backwards = int(_BACKWARDS_S / time_base)
        self._first = first
        self._last: int | None = None
        self._last_duration = 0
        self._offset = 0

    def tick(self, stamp: int | None, duration: int, following: int | None) -> int | None:
        """Return the display tick of a frame, or None for a late frame.

        Args:
            stamp: Time stamp of the frame; None without a stamp.
            duration: Duration of the frame in ticks, at least 1.
            following: Time stamp of the next frame; None at the end or without a stamp.
        """
        tick = self._display_tick(stamp, following)
        if tick is not None:
            self._last = tick
            self._last_duration = duration
        return tick

    def _display_tick(self, stamp: int | None, following: int | None) -> int | None:
        if self._last is None:
            return stamp if stamp is not None else self._first
        expected = self._last + self._last_duration
        if stamp is None:
            return expected
        tick = stamp + self._offset
        leaps_back = tick < self._last - self._backwards
        if leaps_back or tick > expected + self._leap:
            if following is not None and self._is_outlier(stamp, following, expected):
                return expected
            if leaps_back:
                self._offset = expected - stamp
                return expected
        return tick if tick > self._last else None

    def _is_outlier(self, stamp: int, following: int, expected: int) -> bool:
        """Return True if the frame after a leap returns to the timeline before the leap."""
        return abs(following + self._offset - expected) < abs(following - stamp)
