from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidsearch.video.pyav.timing.clock import LOOK_AHEAD, PresentationClock

MS = Fraction(1, 1000)
HOUR = 3_600_000


def run(
    stamps: Sequence[int | None], duration: Fraction | int = 40, *, restarts: bool = False
) -> list[int | None]:
    clock = PresentationClock(MS, first=0, restarts=restarts)
    return [
        clock.tick(stamp, Fraction(duration), stamps[number + 1 : number + 1 + LOOK_AHEAD])
        for number, stamp in enumerate(stamps)
    ]


def line(first: int, count: int, step: int = 40) -> list[int | None]:
    return [first + number * step for number in range(count)]


def test_good_stamps_are_left_alone() -> None:
    assert run([500, 540, 600, 601]) == [500, 540, 600, 601]


def test_missing_stamps_follow_by_duration() -> None:
    assert run([None, None, 90, None]) == [0, 40, 90, 130]


def test_estimated_times_do_not_accumulate_rounding_errors() -> None:
    assert run([None] * 300, Fraction(1001, 30))[-1] == round(299 * Fraction(1001, 30))


def test_a_late_frame_has_no_time_left() -> None:
    assert run([0, 40, 80, 40, 80, 120]) == [0, 40, 80, None, None, 120]


def test_a_gap_stays_a_gap() -> None:
    assert run([0, 40, 60_000, 60_040]) == [0, 40, 60_000, 60_040]
    assert run([0, 40, 60_000]) == [0, 40, 60_000]


def test_a_leap_in_a_stream_without_a_timeline_is_a_new_recording() -> None:
    assert run([*line(0, 3), *line(10 * HOUR, 3)], restarts=True) == line(0, 6)
    assert run([*line(0, 3), 10 * HOUR], restarts=True) == line(0, 4)


def test_a_gap_of_ten_seconds_is_no_new_recording() -> None:
    stamps = [0, 40, 10_080, 10_120, 10_160]
    assert run(stamps, restarts=True) == stamps
    assert run([0, 40, *line(10_081, 3)], restarts=True) == line(0, 5)


@pytest.mark.parametrize("restarts", [False, True])
def test_joined_recordings_run_on(restarts: bool) -> None:
    # The second recording starts again at 100 and follows the last frame of the first at 9 040.
    stamps = [9000, 9040, 100, 140, 180]
    assert run(stamps, restarts=restarts) == [9000, 9040, 9080, 9120, 9160]


def test_a_small_step_back_that_lasts_is_a_join() -> None:
    assert run([*line(0, 10), *line(200, 10)]) == line(0, 20)


def test_recordings_that_overlap_lose_nothing() -> None:
    stamps = [*line(0, 10), *line(320, 10)]
    clock = PresentationClock(MS, first=0)
    ticks = [
        clock.tick(stamp, Fraction(40), stamps[number + 1 : number + 4], keyframe=number in {0, 10})
        for number, stamp in enumerate(stamps)
    ]
    assert ticks == line(0, 20)


def test_an_insertion_with_its_own_clock_takes_its_time() -> None:
    stamps = [*line(0, 5), *line(HOUR, 5), *line(400, 5)]
    assert run(stamps, restarts=True) == line(0, 15)


def test_a_single_damaged_stamp_is_ignored() -> None:
    assert run([0, 40, 95_000_000, 120, 160]) == [0, 40, 80, 120, 160]
    assert run([9000, 9040, 3, 9120, 9160]) == [9000, 9040, 9080, 9120, 9160]
    assert run([0, 40, 95_000_000, 95_000_001, 160, 200, 240]) == line(0, 7)
    # Frames that a decoder returns around damage, one second late, between the frames of this time.
    assert run([0, 1000, 40, 1040, 80, 1080, 1120]) == [0, 1000, None, 1040, None, 1080, 1120]


def test_stamps_that_stand_still_are_spaced_by_the_durations() -> None:
    assert run([0] * 8) == line(0, 8)
    assert run([*range(8)]) == line(0, 8)  # one tick each, as programs write them
    stopped = [*line(0, 5), *[160] * 5, *line(200, 5)]
    assert run(stopped) == line(0, 15)


def test_stamps_that_stand_still_for_a_moment_are_spaced_up_to_the_next_stamp() -> None:
    assert run([0, 0, 80, 80, 160, 160]) == line(0, 6)
    assert run([0, 0, 0, 60, 100]) == [0, 20, 40, 60, 100]
    assert run([n // 12 * 480 for n in range(48)]) == line(0, 48)


def test_two_frames_one_tick_apart_are_left_alone() -> None:
    assert run([0, 1, 100, 101, 200]) == [0, 1, 100, 101, 200]
    assert run([*range(8)], 1) == [*range(8)]


def test_a_resumed_clock_continues() -> None:
    clock = PresentationClock(MS, first=0, offset=500, resumed=700)
    ticks = [clock.tick(stamp, Fraction(40)) for stamp in (200, 240, 280)]
    assert ticks == [700, 740, 780]


@given(
    st.lists(st.none() | st.integers(-(10**9), 10**9), max_size=60),
    st.integers(1, 10**6),
    st.booleans(),
)
def test_times_only_ever_rise(stamps: list[int | None], duration: int, restarts: bool) -> None:
    ticks = [tick for tick in run(stamps, duration, restarts=restarts) if tick is not None]
    assert all(a < b for a, b in pairwise(ticks))


@given(st.lists(st.none() | st.integers(0, 99), max_size=60))
def test_times_of_repeated_stamps_only_ever_rise(stamps: list[int | None]) -> None:
    ticks = [tick for tick in run(stamps) if tick is not None]
    assert all(a < b for a, b in pairwise(ticks))
