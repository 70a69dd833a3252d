"""Increasing presentation times from the time stamps of a container and its decoder."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Final

LOOK_AHEAD: Final = 3
"""Frames after a frame whose time stamps confirm or refute its own."""

LEAP_S: Final = 10
"""Largest gap in a stream without a timeline, seconds."""

_BACKWARDS_S = Fraction(1, 2)
# Longest step between frames of a steady cadence, in durations of a frame.
_CADENCE: Final = Fraction(3, 2)
# Programs that write the same stamp for several frames must often let it rise by one tick. One tick
# is a credible distance of two frames if a frame lasts only a few ticks.
_FINE_TICKS = 8


class PresentationClock:
    """Turns the time stamps of frames into ticks that increase from frame to frame.

    - A frame without a stamp follows the last frame by that frame's duration.
    - A late frame (up to half a second before the last one, as decoders return them around damage)
      has no display time left: ``tick`` returns None.
    - A larger leap back that the next frames confirm is a join of two recordings: time continues
      from there. So does a smaller step back after which three frames later before the last one,
      or at a keyframe after which the stamps run on: recordings that overlap.
    - A leap forward by more than 10 s that the next frames confirm is a join too where ``restarts``
      is set, in other streams a gap.
    - A leap that the next frames do not confirm is a damaged stamp. The frame follows the last one
      if there is time before the next frame, else it is late.
    - While the stamps stand still, frames follow by their durations, at most up to the next stamp.

    Attributes:
        offset: Ticks added to the stamps of the frames that follow.
        joined: True if time continued after a leap.

    Args:
        time_base: Seconds per tick.
        first: Tick of the first frame if that frame carries no stamp.
        restarts: True if the container has no timeline of its own, so that a leap is a new
            recording.
        offset: See the attribute of this name.
        resumed: Tick of the first frame whatever its stamp, to continue an earlier decoding.
    """

    def __init__(
        self,
        time_base: Fraction,
        first: int,
        *,
        restarts: bool = False,
        offset: int = 0,
        resumed: int | None = None,
    ) -> None:
        self._leap = int(LEAP_S / time_base)
        self._backwards = int(_BACKWARDS_S / time_base)
        self._first = first
        self._restarts = restarts
        self._resumed = resumed
        self._last: int | None = None
        self._begin: int | Fraction = first
        self._duration = Fraction(0)
        self._stamp: int | None = None
        self._estimated = self._late = False
        self.offset = offset
        self.joined = False

    def tick(
        self,
        stamp: int | None,
        duration: Fraction,
        ahead: Sequence[int | None] = (),
        *,
        keyframe: bool = False,
    ) -> int | None:
        """Return the display tick of a frame, or None for a late frame.

        Args:
            stamp: Time stamp of the frame; None without a stamp.
            duration: Duration of the frame in ticks, at least 1.
            ahead: Time stamps of the ``LOOK_AHEAD`` next frames, fewer at the end.
            keyframe: True if a recording can begin with the frame.
        """
        time: int | Fraction | None = None
        if self._last is None:
            time = self._first_time(stamp)
        elif stamp is not None and self.is_plain(stamp):
            # Nearly all frames: a step forward that is no leap.
            tick = self._last = self._begin = stamp + self.offset
            self._stamp, self._duration = stamp, duration
            self._estimated = self._late = False
            return tick
        if time is None:
            stamps = [later for later in ahead if later is not None]
            if keyframe and stamp is not None and self._overlaps(stamp, duration, stamps):
                time = self._continued(stamp)
            else:
                time = self._time(stamp, duration, stamps)
        self._late = time is None
        if time is None:
            return None
        tick = round(time)
        if self._last is not None and tick <= self._last:
            tick = time = self._last + 1
        self._last = tick
        self._begin, self._duration = time, duration
        return tick

    def is_plain(self, stamp: int | None) -> bool:
        """Return True if ``tick`` does not need the stamps of the next frames."""
        if self._last is None or stamp is None:
            return False
        return 1 < stamp + self.offset - self._last <= self._leap

    @property
    def _next(self) -> Fraction:
        """Time at which the last frame ends."""
        return self._begin + self._duration

    def _time(
        self, stamp: int | None, duration: Fraction, ahead: Sequence[int]
    ) -> int | Fraction | None:
        assert self._last is not None
        if stamp is None:
            self._estimated = True
            return self._next
        following = self._after_outlier(stamp, ahead)
        if following is not None:
            return self._next if following > self._next - self.offset else None
        tick = stamp + self.offset
        if self._leaps_back(stamp, ahead) or (self._restarts and self._leaps_forward(stamp)):
            return self._continued(stamp)
        if self._stands_still(stamp, duration, ahead):
            self._stamp = stamp
            self._estimated = True
            return self._spread(ahead)
        if tick <= self._last:
            # Estimated times may be ahead of the stamps that follow.
            return self._continued(stamp) if self._estimated else None
        return self._accepted(stamp)

    def _accepted(self, stamp: int) -> int:
        self._stamp = stamp
        self._estimated = False
        return stamp + self.offset

    def _first_time(self, stamp: int | None) -> int:
        self._stamp = stamp
        if self._resumed is not None:
            return self._resumed
        return self._first if stamp is None else stamp + self.offset

    def _continued(self, stamp: int) -> Fraction:
        """Let time continue from the last frame at a frame with this stamp."""
        self.offset = round(self._next) - stamp
        self.joined = True
        self._stamp = stamp
        self._estimated = False
        return self._next

    def _overlaps(self, stamp: int, duration: Fraction, ahead: Sequence[int]) -> bool:
        """Return True if stamps do not rise here but then run on from frame to frame."""
        if self._stamp is None or self._estimated or stamp > self._stamp or not ahead:
            return False
        steps = [later - earlier for earlier, later in pairwise([stamp, *ahead])]
        return all(0 < step <= _CADENCE * duration for step in steps)

    def _leaps_back(self, stamp: int, ahead: Sequence[int]) -> bool:
        assert self._last is not None
        last = self._last - self.offset
        if stamp < last - self._backwards:
            return True
        if stamp > last or self._late or len(ahead) < LOOK_AHEAD:
            return False
        run = [stamp, *ahead]
        return run[-1] <= last and all(a < b for a, b in pairwise(run))

    def _leaps_forward(self, stamp: int) -> bool:
        return stamp + self.offset > self._next + self._leap

    def _after_outlier(self, stamp: int, ahead: Sequence[int]) -> int | None:
        """Return the stamp of the first frame on the timeline before a leap, if most are on it."""
        if not self._leaps_forward(stamp) and not self._leaps_back(stamp, ahead):
            return None
        before = self._next - self.offset
        returned = [later for later in ahead if abs(later - before) < abs(later - stamp)]
        return returned[0] if 2 * len(returned) > len(ahead) else None

    def _stands_still(self, stamp: int, duration: Fraction, ahead: Sequence[int]) -> bool:
        if self._stamp is None or self._late:
            return False
        if stamp == self._stamp:
            return True
        crawls = stamp == self._stamp + 1 and duration >= _FINE_TICKS
        return crawls and (
            self._estimated
            or (len(ahead) >= 2 and 0 <= ahead[0] - stamp <= 1 and 0 <= ahead[1] - ahead[0] <= 1)
        )

    def _spread(self, ahead: Sequence[int]) -> Fraction:
        """Return the time of a frame while the stamps stand still."""
        assert self._last is not None
        assert self._stamp is not None
        previous = self._stamp
        for number, following in enumerate(ahead, 2):
            if following - previous > 1:
                room = Fraction(following + self.offset - self._last, number)
                return min(self._next, self._last + room) if room >= 1 else self._next
            previous = following
        return self._next
