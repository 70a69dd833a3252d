from fractions import Fraction
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from vidsearch.video.pyav.clock import PresentationClock

MS = Fraction(1, 1000)


def run(stamps: list[int | None], duration: int = 40) -> list[int | None]:
    clock = PresentationClock(MS, first=0)
    following = [*stamps[1:], None][: len(stamps)]
    return [clock.tick(s, duration, after) for s, after in zip(stamps, following, strict=True)]


def test_good_stamps_are_left_alone() -> None:
    assert run([500, 540, 600, 601]) == [500, 540, 600, 601]


def test_missing_stamps_follow_by_duration() -> None:
    assert run([None, None, 90, None]) == [0, 40, 90, 130]


def test_a_late_frame_has_no_time_left() -> None:
    assert run([0, 40, 80, 40, 80, 120]) == [0, 40, 80, None, None, 120]


def test_a_gap_stays_a_gap() -> None:
    assert run([0, 40, 60_000, 60_040]) == [0, 40, 60_000, 60_040]


def test_joined_recordings_run_on() -> None:
    # The second recording starts again at 100 and follows the last frame of the first at 9 040.
    assert run([9000, 9040, 100, 140, 180]) == [9000, 9040, 9080, 9120, 9160]


def test_a_single_damaged_stamp_is_ignored() -> None:
    assert run([0, 40, 95_000_000, 120, 160]) == [0, 40, 80, 120, 160]
    assert run([9000, 9040, 3, 9120, 9160]) == [9000, 9040, 9080, 9120, 9160]


@given(st.lists(st.none() | st.integers(-(10**9), 10**9), max_size=60), st.integers(1, 10**6))
def test_times_only_ever_rise(stamps: list[int | None], duration: int) -> None:
    ticks = [tick for tick in run(stamps, duration) if tick is not None]
    assert all(a < b for a, b in pairwise(ticks))
