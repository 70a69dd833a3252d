"""Log-odds of appearance and position, against the formulas in plain numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from vidsearch.faces.track.association import (
    Appearance,
    appearance_log_odds,
    log_odds,
    position_log_odds,
    reliability,
)


def box(x: float, y: float, side: float) -> list[float]:
    return [x - side / 2, y - side / 2, x + side / 2, y + side / 2]


def position(old: list[float], new: list[float], elapsed_s: float, drift: float = 1.0) -> float:
    found = position_log_odds(
        np.array([old], np.float32),
        np.array([[elapsed_s]]),
        np.array([new], np.float32),
        (1000, 500),
        drift,
    )
    assert found.shape == (1, 1)
    return float(found[0, 0])


def test_log_odds_are_finite_and_inverse_of_the_logistic_curve() -> None:
    assert log_odds(np.array([0.5, 0.75])) == pytest.approx([0.0, math.log(3)])
    ends = log_odds(np.array([0.0, 1.0]))
    assert ends == pytest.approx([-math.log(1e12), math.log(1e12)], rel=1e-4)


def test_a_still_face_by_hand() -> None:
    # Distance 0 and scale 1/4: density 1 / (2 pi / 16) = 8 / pi a face area.
    # A face of 50 x 50 in 1000 x 500 pixels: 2500 / 500000 = 1/200.
    assert position(box(100, 100, 50), box(100, 100, 50), 0.0) == pytest.approx(
        math.log(8 / math.pi * 200), rel=1e-6
    )


def test_a_moved_and_grown_face_by_hand() -> None:
    # Sides 40 and 80: their geometric mean is sqrt(3200), size doubles once (3.0 of log-odds).
    # Distance 30 pixels; after 0.5 s at drift 2 the scale is 0.25 + 1.
    distance, scale = 30 / math.sqrt(3200), 1.25
    same = (1 + (distance / scale) ** 2) ** -1.5 / (2 * math.pi * scale**2)
    expected = math.log(same) - math.log(3200 / 500_000) - 3.0
    found = position(box(200, 200, 40), box(230, 200, 80), 0.5, drift=2.0)
    assert found == pytest.approx(expected, rel=1e-6)


@given(st.floats(10, 200), st.floats(10, 200), st.floats(0, 300), st.floats(0, 5))
def test_growing_costs_as_much_as_shrinking(a: float, b: float, move: float, gap_s: float) -> None:
    small, large = box(400, 200, a), box(400 + move, 200, b)
    assert position(small, large, gap_s) == pytest.approx(position(large, small, gap_s), abs=1e-3)


@given(st.floats(0, 300), st.floats(1, 300), st.floats(0, 5))
def test_a_nearer_face_is_never_less_likely(near: float, further: float, gap_s: float) -> None:
    start = box(300, 250, 60)
    at_near = position(start, box(300 + near, 250, 60), gap_s)
    assert at_near >= position(start, box(300 + near + further, 250, 60), gap_s)


def test_time_running_backwards_counts_as_no_time() -> None:
    start, end = box(100, 100, 50), box(120, 100, 50)
    assert position(start, end, -1.0) == position(start, end, 0.0)


def test_a_box_without_area_is_finite() -> None:
    assert math.isfinite(position([10, 10, 10, 10], [12, 10, 12, 10], 0.1))


def test_weight_of_appearance_between_the_limits() -> None:
    weights = reliability(np.array([0.0, 0.3, 0.4, 0.5, 0.7, 1.0]))
    assert weights == pytest.approx([0, 0, 0.25, 0.5, 1, 1])


def test_the_poorer_face_of_a_pair_weighs_it() -> None:
    # Probability 3/4 for every pair: log 3. Qualities 0.4 and 0.5 weigh 1/4 and 1/2.
    def three_quarters(similarity: NDArray[np.float32]) -> NDArray[np.float64]:
        return np.full(similarity.shape, 0.75)

    faces = Appearance(np.eye(2, dtype=np.float32), np.array([0.4, 1.0], np.float32))
    tracklet = Appearance(np.eye(2, dtype=np.float32)[:1], np.array([0.5], np.float32))
    found = appearance_log_odds([tracklet], faces, three_quarters)
    assert found == pytest.approx(np.log(3) * np.array([[0.25, 0.5]]))


def test_the_most_similar_vector_of_a_tracklet_decides() -> None:
    faces = Appearance(np.array([[1, 0]], np.float32), np.ones(1, np.float32))
    turned = Appearance(np.array([[0, 1], [1, 0]], np.float32), np.ones(2, np.float32))
    away = Appearance(np.array([[0, 1]], np.float32), np.ones(1, np.float32))

    def from_one_to_nine_tenths(cosine: NDArray[np.float32]) -> NDArray[np.float64]:
        return 0.1 + 0.8 * cosine.astype(np.float64)

    found = appearance_log_odds([turned, away], faces, from_one_to_nine_tenths)
    assert found == pytest.approx(np.array([[math.log(9)], [-math.log(9)]]), rel=1e-5)
