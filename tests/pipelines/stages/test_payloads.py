"""Slices of a video: their ends meet, and their shares are the whole."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.stages.payloads import SlicedVideo
from vidsearch.read_options import DEFAULT_READ
from vidsearch.video.discover import VideoSource
from vidsearch.video.report import ExpectedStream
from vidsearch.video.types import VideoInfo

TICK = Fraction(1, 1000)
INFO = VideoInfo(
    uri="/a.mp4",
    container="mp4",
    codec="h264",
    width=640,
    height=360,
    rotation=0,
    time_base=TICK,
    start=Fraction(0),
    duration_s=100.0,
    fps=25.0,
    expected_frames=2500,
)


def video(cuts: tuple[int, ...], first: int = 0, duration_s: float | None = 100.0) -> SlicedVideo:
    expected = ExpectedStream(
        time_base=TICK,
        start=Fraction(0),
        first=first,
        duration_s=duration_s,
        exact=True,
        frames=None,
    )
    return SlicedVideo(VideoSource("/a.mp4", 1, 1), "id", INFO, DEFAULT_READ, expected, cuts)


@given(
    st.lists(st.integers(1, 99_999), max_size=8, unique=True).map(sorted),
    st.integers(-5000, 5000),
)
def test_shares_are_the_whole_and_ends_meet(cuts: list[int], first: int) -> None:
    made = video(tuple(first + cut for cut in cuts), first)
    assert sum(map(made.share, range(made.slices))) == pytest.approx(1.0)
    ends = [made.ends_of(number) for number in range(made.slices)]
    assert ends[0][0] is None
    assert ends[-1][1] is None
    assert [end for _, end in ends[:-1]] == [begin for begin, _ in ends[1:]]


def test_a_share_by_hand() -> None:
    # The stream begins at tick 2,000 and lasts 100,000 ticks; slices begin at 27,000 and 52,000.
    made = video((27_000, 52_000), first=2000)
    assert [made.share(number) for number in range(3)] == [0.25, 0.25, 0.5]


def test_a_cut_beyond_the_stated_length_has_no_share() -> None:
    assert video((150_000,)).share(1) == 0.0
    assert 0 <= video((10,), duration_s=None).share(0) <= 1
