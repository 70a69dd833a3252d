"""Time limits of indexing tasks, from the size and the length of a video."""

from __future__ import annotations

from dataclasses import dataclass

from vidsearch.video.discover import VideoSource

START_S = 60.0
"""Seconds allowed for opening a file on a busy machine."""

LOWEST_BYTES_PER_S = 12_500.0
"""Lowest bit rate expected (100 kbit/s): limits the length of a file that states none."""

_SLOWEST_READ_BYTES_PER_S = 5e6  # hashing a file on a busy network drive
_HIGHEST_BYTES_PER_S = 1e6  # 8 Mbit/s: a stated length that implies more is too short


@dataclass(frozen=True, slots=True)
class TimeLimit:
    """Time limit of one video: by its size until it is open, then by its length.

    Attributes:
        per_video_minute_s: Seconds of work allowed for a minute of video.
        start_s: Additional seconds for opening the file.
    """

    per_video_minute_s: float
    start_s: float = START_S

    def before_open(self, source: VideoSource) -> float:
        """Return the seconds allowed for hashing and opening a file."""
        return self.start_s + source.size / _SLOWEST_READ_BYTES_PER_S

    def after_open(self, source: VideoSource, duration_s: float | None) -> float:
        """Return the seconds allowed after the file was opened.

        Args:
            source: The file.
            duration_s: Length stated by the container; None if it states none.
        """
        if duration_s is None:
            length_s = source.size / LOWEST_BYTES_PER_S
        else:
            length_s = max(duration_s, source.size / _HIGHEST_BYTES_PER_S)
        return self.start_s + self.per_video_minute_s * length_s / 60

    def after_slice_open(
        self, source: VideoSource, duration_s: float | None, share: float
    ) -> float:
        """Return the seconds allowed for a slice that is ``share`` of the video."""
        return self.start_s + (self.after_open(source, duration_s) - self.start_s) * share
