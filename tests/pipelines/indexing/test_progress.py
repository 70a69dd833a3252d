"""The progress line, for given numbers, in a terminal and elsewhere."""

from __future__ import annotations

import io

from pipelines.indexing.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_line_counts_and_foretells() -> None:
    progress = Progress(10, 1000, stream=Terminal())
    progress.step(100, tracks=3, duration_s=1800.0)
    progress.step(100, failed=True)
    # A fifth of the bytes in 60 s: 240 s are left; half an hour of video a minute is 30 an hour.
    assert progress.line(60.0) == (
        "1 done, 1 failed, 8 left | 30.0 h of video an hour | 0:04:00 left | 3 tracks"
    )


def test_nothing_is_drawn_where_there_is_no_terminal() -> None:
    stream = io.StringIO()
    with Progress(1, 1, stream=stream) as progress:
        progress.step(1)
        progress.say("hello")
    assert stream.getvalue() == ""
