"""Pauses of a recording: intervals between frames in which nothing was recorded.

Matroska, FLV, transport and program streams state when a frame is shown, not for how long. A long
interval is a pause if the frames before it came at a much faster cadence. A picture that is new
right before the interval is no pause: slides and screen recordings show it until the next one.
"""

from __future__ import annotations

from collections import deque
from statistics import median_low
from typing import Final

from vidsearch.datatypes import Image
from vidsearch.video.compare.thumbnails import Thumbnail
from vidsearch.video.types import DecodedFrame

PAUSE_S: Final = 5
"""Longest time for which a frame among steady ones is shown without question, seconds."""

GAP_S: Final = 300
"""Longest time for which a frame without a stated duration may be shown, seconds."""

_FASTER: Final = 10
_CADENCE: Final = 8
_FEWEST: Final = 2


class PauseDetector:
    """Finds pauses between frames in display order.

    Args:
        min_step: See ``ShotConfig``: the difference of a new picture.
    """

    def __init__(self, min_step: float) -> None:
        self._min_step = min_step
        self._last: DecodedFrame | None = None
        self._thumbnails: deque[Image] = deque(maxlen=2)
        self._intervals: deque[int] = deque(maxlen=_CADENCE)

    def push(self, frame: DecodedFrame, thumbnail: Image) -> int | None:
        """Add the next frame; return the duration of the frame before a pause, else None.

        Args:
            frame: The frame.
            thumbnail: Its thumbnail, (H, W, 3) uint8.
        """
        duration = None if self._last is None else self._pause(self._last, frame)
        if self._last is not None and duration is None:
            self._intervals.append(frame.pts - self._last.pts)
        self._last = frame
        self._thumbnails.append(thumbnail)
        return duration

    def _pause(self, frame: DecodedFrame, following: DecodedFrame) -> int | None:
        interval = following.pts - frame.pts
        # A frame that is shown for long, as in a slide show, states its own duration.
        if interval <= _FASTER * frame.duration or interval * frame.time_base <= PAUSE_S:
            return None
        duration = median_low(self._intervals) if self._intervals else frame.duration
        if interval * frame.time_base > GAP_S:
            return duration
        usual = max(self._intervals, default=interval)
        steady = len(self._intervals) >= _FEWEST and interval > _FASTER * usual
        return duration if steady and not self._shows_new_picture() else None

    def _shows_new_picture(self) -> bool:
        before, last = (Thumbnail(thumbnail, 0.0) for thumbnail in self._thumbnails)
        return before.difference(last) >= self._min_step
