"""Selection of a shot's samples, on frames that are only a number."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidsearch.datatypes import Image
from vidsearch.video.selection import ShotSelection, TimedFrame, TimeGrid
from vidsearch.video.types import DecodedFrame, FrameGeometry


class Tick(DecodedFrame):
    @property
    def geometry(self) -> FrameGeometry:
        return FrameGeometry(1, 1)

    def rgb(self) -> Image:
        return np.zeros((1, 1, 3), np.uint8)

    def thumbnail_bgr(self, width: int, height: int) -> Image:
        return np.zeros((height, width, 3), np.uint8)


def tick(pts: int, base: Fraction = Fraction(1, 30), start: Fraction = Fraction(0)) -> Tick:
    return Tick(pts, 1, base, start)


def select(grid: list[bool], minimum: int = 3) -> tuple[list[int], int]:
    """Return the positions chosen in a shot, and the largest number of frames held."""
    shot = ShotSelection(0, minimum)
    chosen: list[int] = []
    most = 0
    for pts, on_grid in enumerate(grid):
        chosen += [s.frame.pts for s in shot.add(TimedFrame(tick(pts), 1, on_grid))]
        most = max(most, shot.frames_held)
    return chosen + [s.frame.pts for s in shot.finish()], most


@pytest.mark.parametrize(
    ("frames", "chosen"),
    [
        (1, [0]),
        (2, [0, 1]),
        (3, [0, 1, 2]),
        # No frame on the grid: the frames nearest to the middles of the three thirds of 0..9.
        (9, [2, 4, 7]),
    ],
)
def test_a_shot_between_grid_points_gives_its_own(frames: int, chosen: list[int]) -> None:
    got, _ = select([False] * frames)
    assert len(got) == min(3, frames)
    assert all(abs(a - b) <= 1 for a, b in zip(got, chosen, strict=True))


def test_grid_samples_are_always_chosen() -> None:
    got, _ = select([n == 1 for n in range(20)])
    assert 1 in got
    assert len(got) == 3
    assert min(np.diff([*got, 20])) >= 3  # spread over the shot


def test_enough_grid_samples_mean_no_others() -> None:
    assert select([n % 15 == 0 for n in range(100)])[0] == list(range(0, 100, 15))


@given(st.lists(st.booleans(), min_size=1, max_size=400), st.integers(1, 6))
def test_no_shot_gets_too_few_and_memory_stays_bounded(grid: list[bool], minimum: int) -> None:
    chosen, most = select(grid, minimum)
    on_grid = [n for n, on in enumerate(grid) if on]
    assert chosen == sorted(set(chosen))
    assert set(on_grid) <= set(chosen)
    assert len(chosen) == max(len(on_grid), min(minimum, len(grid)))
    assert most <= 3 * minimum + 2


@given(st.integers(50, 500))
def test_extra_samples_are_spread(frames: int) -> None:
    got, _ = select([False] * frames)
    gaps = np.diff([0, *got, frames])
    assert gaps[1:-1].min() >= frames / 8


@pytest.mark.parametrize(
    ("fps", "base", "pts", "taken"),
    [
        (2.0, Fraction(1, 30), range(46), [0, 15, 30, 45]),
        # 23.976 fps: first at or after 0, 0.5, 1.0, 1.5 s is 0, 12 (0.5005), 24, 36.
        (2.0, Fraction(1001, 24000), range(40), [0, 12, 24, 36]),
        (2.0, Fraction(1), range(3), [0, 1, 2]),
        (0.1, Fraction(1), range(31), [0, 10, 20, 30]),
        (2.0, Fraction(1, 1000), [0, 499, 500, 501, 4000, 4001, 4500], [0, 500, 4000, 4500]),
        (2.0, Fraction(1, 30), [7, 8, 20], [7, 20]),
    ],
)
def test_the_grid_is_absolute_and_exact(
    fps: float, base: Fraction, pts: list[int], taken: list[int]
) -> None:
    grid = TimeGrid(fps)
    assert [p for p in pts if grid.is_grid_sample(tick(p, base))] == taken


def test_the_grid_counts_from_the_containers_start() -> None:
    grid = TimeGrid(2.0)
    base, start = Fraction(1, 90_000), Fraction(126_000, 90_000)
    pts = [126_000 + 9000 * n for n in range(11)]
    taken = [n for n, p in enumerate(pts) if grid.is_grid_sample(tick(p, base, start))]
    assert taken == [0, 5, 10]
