"""TPIR at FPIR."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidsearch.errors import ConfigError
from vidsearch.evaluation.metrics.open_set import tpir_at_fpir

SCORES = st.lists(st.integers(0, 8).map(lambda n: n / 8), min_size=1, max_size=20)


def test_hand_worked() -> None:
    scores, right = [0.9, 0.8, 0.7, 0.3], [1, 0, 1, 1]
    absent = [0.75, 0.5, 0.2, 0.1]
    # No alarm: the bar is 0.75; above it are 0.9 (right) and 0.8 (wrong).
    assert tpir_at_fpir(scores, right, absent, fpir=0.0).tpir == 0.25
    # One of four may alarm: the bar is 0.5; 0.7 counts as well.
    point = tpir_at_fpir(scores, right, absent, fpir=0.25)
    assert (point.tpir, point.fpir, point.threshold) == (0.5, 0.25, 0.7)
    # All may: everything right counts.
    assert tpir_at_fpir(scores, right, absent, fpir=1.0).tpir == 0.75


def test_equal_similarities_are_accepted_together() -> None:
    point = tpir_at_fpir([0.5], [1], [0.5, 0.4], fpir=0.0)
    assert (point.tpir, point.threshold) == (0.0, math.inf)


def test_no_answer_never_counts() -> None:
    point = tpir_at_fpir([-math.inf], [0], [-math.inf], fpir=0.0)
    assert (point.tpir, point.fpir) == (0.0, 0.0)


@given(SCORES, SCORES, st.data())
def test_equals_trying_every_threshold(
    scores: list[float], absent: list[float], data: st.DataObject
) -> None:
    right = data.draw(st.lists(st.booleans(), min_size=len(scores), max_size=len(scores)))
    fpir = data.draw(st.sampled_from([0.0, 0.1, 0.5, 1.0]))
    point = tpir_at_fpir(scores, right, absent, fpir=fpir)
    best = 0.0
    for threshold in {*scores, *absent, math.inf}:
        if np.mean(np.array(absent) >= threshold) <= fpir:
            best = max(best, float(np.mean((np.array(scores) >= threshold) & np.array(right))))
    assert point.tpir == pytest.approx(best)
    assert point.fpir <= fpir


@given(SCORES, SCORES, st.data())
def test_tpir_never_falls_with_fpir_and_order_changes_nothing(
    scores: list[float], absent: list[float], data: st.DataObject
) -> None:
    right = data.draw(st.lists(st.booleans(), min_size=len(scores), max_size=len(scores)))
    points = [tpir_at_fpir(scores, right, absent, fpir=fpir) for fpir in (0, 0.1, 0.3, 0.7, 1)]
    found = [point.tpir for point in points]
    assert found == sorted(found)
    order = data.draw(st.permutations(range(len(scores))))
    turned = tpir_at_fpir(
        [scores[row] for row in order], [right[row] for row in order], absent[::-1], fpir=0.3
    )
    assert turned == points[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], [], [0.1]), "people who are"),
        (([0.1], [1], []), "people who are"),
        (([math.nan], [1], [0.1]), "NaN"),
        (([0.1], [1, 1], [0.1]), "equally long"),
    ],
)
def test_bad_input(arguments: tuple[list[float], list[int], list[float]], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        tpir_at_fpir(*arguments, fpir=0.1)


def test_fpir_out_of_range() -> None:
    with pytest.raises(ConfigError, match="fpir must lie"):
        tpir_at_fpir([0.1], [1], [0.1], fpir=1.5)
