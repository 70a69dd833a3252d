"""Times of the frames of one decoding, and the keyframes at which it can be repeated."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Final, TypeAlias

import av

from vidsearch.read_options import Anchor
from vidsearch.video.pyav.timing.clock import LOOK_AHEAD, PresentationClock
from vidsearch.video.pyav.timing.packet_tags import PacketTag
from vidsearch.video.pyav.timing.stamps import Stamps
from vidsearch.video.report import ExpectedStream

ANCHOR_EVERY_S: Final = 10
"""Least distance of two anchors in seconds of the video."""


PlacedFrame: TypeAlias = tuple[av.VideoFrame, int, int, int]
"""Decoded frame, its tick, its duration in ticks (at least 1), and the errors before it."""


class Timeline:
    """Gives the frames of one decoding their times.

    Attributes:
        late: Frames without a display time; they are left out.
        stated: True while every frame had the time stamp that its packet states.
        anchors: Keyframes at least ``ANCHOR_EVERY_S`` apart.
        offsets: Ticks added to the time stamps, before and after the last change.

    Args:
        expected: Clock of the stream.
        stamps: Time stamps of the frames.
        resumed: Anchor with whose frame decoding begins; None for the first frame.
    """

    def __init__(
        self, expected: ExpectedStream, stamps: Stamps, resumed: Anchor | None = None
    ) -> None:
        self._stamps = stamps
        self._time_base = expected.time_base
        self._frame_ticks = expected.frame_ticks
        self._whole_ticks = round(expected.frame_ticks)
        self._clock = PresentationClock(
            expected.time_base,
            expected.first,
            restarts=expected.restarts,
            offset=0 if resumed is None else resumed.offset,
            resumed=None if resumed is None else resumed.tick,
        )
        self._anchor_every = int(ANCHOR_EVERY_S / expected.time_base)
        self._next_anchor = expected.first + self._anchor_every
        self.late = 0
        self.stated = True
        self.anchors: list[Anchor] = []
        self.offsets = (self._clock.offset, self._clock.offset)

    @property
    def joined(self) -> bool:
        """True if time continued after a leap of the clock."""
        return self._clock.joined

    def near(self, end: Fraction, time: Fraction) -> Fraction:
        """Return the time of audio; around a join, it belongs to either recording.

        Args:
            end: End of the last frame in seconds.
            time: Time in the file, seconds.
        """
        times = [time + offset * self._time_base for offset in self.offsets]
        return min(times, key=lambda shifted: abs(shifted - end))

    def timed(
        self, frames: Iterator[av.VideoFrame], errors: Callable[[], int]
    ) -> Iterator[PlacedFrame]:
        """Yield the frames that have a display time.

        Args:
            frames: Decoded frames in display order.
            errors: Returns the number of errors so far.
        """
        stamp_of = self._stamps.of
        waiting: deque[tuple[av.VideoFrame, int]] = deque()
        ahead: deque[int | None] = deque()
        for frame in frames:
            waiting.append((frame, errors()))
            ahead.append(stamp_of(frame))
            # A frame that waits for later ones leaves the cache of the processor.
            while waiting and (len(waiting) > LOOK_AHEAD or self._clock.is_plain(ahead[0])):
                placed = self._timed_frame(*waiting.popleft(), ahead.popleft(), ahead)
                if placed is not None:
                    yield placed
        while waiting:
            placed = self._timed_frame(*waiting.popleft(), ahead.popleft(), ahead)
            if placed is not None:
                yield placed

    def _timed_frame(
        self, frame: av.VideoFrame, errors: int, stamp: int | None, ahead: deque[int | None]
    ) -> PlacedFrame | None:
        duration = self._duration(frame)
        tick = self._clock.tick(stamp, duration, ahead, keyframe=frame.key_frame)
        if tick is None:
            self.late += 1
            return None
        if tick != stamp:
            self.stated = False
            if self._clock.offset != self.offsets[1]:
                self.offsets = (self.offsets[1], self._clock.offset)
        if tick >= self._next_anchor and frame.key_frame:
            self._add_anchor(frame, tick)
        return frame, tick, round(duration), errors + self.late

    def _duration(self, frame: av.VideoFrame) -> Fraction:
        """Return the duration of a frame; the exact average where the container rounds it."""
        stated = frame.duration
        if stated == self._whole_ticks:
            return self._frame_ticks
        if stated <= 0 or abs(stated - self._frame_ticks) <= 1 or stated == self._stamps.guess:
            return self._frame_ticks
        return Fraction(stated)

    def _add_anchor(self, frame: av.VideoFrame, tick: int) -> None:
        tag = frame.opaque
        packet = tag.keyframe if isinstance(tag, PacketTag) else None
        if packet is not None:
            stamp = tick if packet.stamp is None else packet.stamp
            anchor = Anchor(tick, stamp, self._clock.offset, packet.pos, packet.size)
            self.anchors.append(anchor)
            self._next_anchor = tick + self._anchor_every
