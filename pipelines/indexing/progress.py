"""Progress of a run: one line, redrawn in a terminal and absent elsewhere."""

from __future__ import annotations

import shutil
import sys
import time
from types import TracebackType
from typing import Self, TextIO

from vidsearch.text.printable import printable

_DRAW_EVERY_S = 0.2


class Progress:
    """Counts finished videos and estimates the remaining time from bytes.

    The length of a file is unknown until it is opened, and files differ less in bit rate than in
    length.

    Args:
        videos: Number of files of the run.
        total_bytes: Size of the files.
        show: False draws nothing, even in a terminal.
        stream: Output, used only if it is a terminal; stderr by default.
    """

    def __init__(
        self, videos: int, total_bytes: int, *, show: bool = True, stream: TextIO | None = None
    ) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._show = show and self._stream.isatty()
        self._videos = videos
        self._total_bytes = max(total_bytes, 1)
        self._started = time.monotonic()
        self._drawn = -_DRAW_EVERY_S
        self._bytes = 0.0
        self._duration_s = 0.0
        self.done = self.failed = self.tracks = 0

    def step(
        self, size: float, *, tracks: int = 0, duration_s: float = 0.0, failed: bool = False
    ) -> None:
        """Count one finished file."""
        self.failed += failed
        self.done += not failed
        self.tracks += tracks
        self._bytes += size
        self._duration_s += duration_s
        self.draw()

    def advance(self, size: float) -> None:
        """Count bytes of an unfinished file; a negative size takes them back."""
        self._bytes += size
        self.draw()

    def say(self, text: str) -> None:
        """Print a line above the progress line; control characters in names are escaped."""
        if self._show:
            self._stream.write(f"\r\x1b[K{printable(text)}\n")
            self.draw(now=True)

    def draw(self, *, now: bool = False) -> None:
        """Redraw the line, unless it was drawn a moment ago."""
        moment = time.monotonic()
        if self._show and (now or moment - self._drawn >= _DRAW_EVERY_S):
            self._drawn = moment
            width = shutil.get_terminal_size().columns - 1
            self._stream.write(f"\r\x1b[K{self.line(moment - self._started)[:width]}")
            self._stream.flush()

    def line(self, elapsed_s: float) -> str:
        """Return the line at a time after the start, in seconds."""
        left = self._videos - self.done - self.failed
        speed = self._duration_s / elapsed_s if elapsed_s > 0 else 0.0
        return (
            f"{self.done} done, {self.failed} failed, {left} left | "
            f"{speed:.1f} h of video an hour | {self._eta(elapsed_s)} | {self.tracks} tracks"
        )

    def _eta(self, elapsed_s: float) -> str:
        if not self._bytes:
            return "time left unknown"
        seconds = round(elapsed_s * (self._total_bytes - self._bytes) / self._bytes)
        minutes, seconds = divmod(max(seconds, 0), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02d}:{seconds:02d} left"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._show:
            self.draw(now=True)
            self._stream.write("\n")
