"""1:N identification: ranks by hand and against sorting all similarities."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidsearch.errors import ConfigError, ShapeError
from vidsearch.evaluation.metrics.identification import search


def plane(*degrees: float) -> np.ndarray:
    angles = np.radians(np.array(degrees))
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def test_hand_worked() -> None:
    # Gallery at 0, 40 and 90 degrees: subjects 7, 8, 9.
    gallery, enrolled = plane(0, 40, 90), np.array([7, 8, 9])
    # 10 degrees is nearest 7. 30 is nearest 8, then 7: as 7 it has rank 2. 65 lies between 8 and 9,
    # both 25 degrees off: as 8 the tie counts against it. Subject 5 is not enrolled.
    probes, subjects = plane(10, 30, 65, 80), np.array([7, 7, 8, 5])
    found = search(probes, subjects, gallery, enrolled)
    assert found.mated.tolist() == [True, True, True, False]
    assert found.ranks.tolist() == [1, 2, 2, np.inf]
    assert found.mate[:3] == pytest.approx(np.cos(np.radians([10, 30, 25])), abs=1e-6)
    assert found.best[3] == pytest.approx(np.cos(np.radians(10)), abs=1e-6)
    assert found.rank_k(1) == pytest.approx(1 / 3)
    assert found.rank_k(2) == 1


@given(st.integers(0, 10_000), st.integers(1, 30), st.integers(1, 12))
def test_against_sorting(seed: int, count: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    # Products of +-1/4 in 16 dimensions are exact and tie often.
    probes = rng.choice([-0.25, 0.25], (count, 16))
    gallery = rng.choice([-0.25, 0.25], (size, 16))
    enrolled = rng.permutation(20)[:size]
    subjects = rng.integers(0, 20, count)
    found = search(probes, subjects, gallery, enrolled)
    for row in range(count):
        similarities = probes[row] @ gallery.T
        mine = enrolled == subjects[row]
        others = similarities[~mine]
        assert found.mated[row] == mine.any()
        assert found.best[row] == similarities.max()
        assert found.best_other[row] == (others.max() if len(others) else -np.inf)
        if mine.any():
            assert found.ranks[row] == 1 + (others >= similarities[mine][0]).sum()
            assert found.mate[row] == similarities[mine][0]
    order, turned = rng.permutation(size), rng.permutation(count)
    again = search(probes[turned], subjects[turned], gallery[order], enrolled[order])
    np.testing.assert_array_equal(again.ranks, found.ranks[turned])
    np.testing.assert_array_equal(again.best, found.best[turned])


def test_more_enrolled_never_help() -> None:
    rng = np.random.default_rng(1)
    probes, gallery = rng.normal(size=(40, 3)), rng.normal(size=(40, 3))
    subjects = np.arange(40) % 10
    few = search(probes, subjects, gallery[:10], np.arange(10))
    many = search(probes, subjects, gallery, np.arange(40))
    assert (many.ranks >= few.ranks).all()
    assert many.rank_k(1) < few.rank_k(1)


def test_missing_templates_are_never_found() -> None:
    gallery = plane(0, 90)
    found = search(
        plane(5, 5, 85),
        np.array([1, 1, 2]),
        gallery,
        np.array([1, 2]),
        (np.array([True, False, True]), np.array([True, False])),
    )
    assert found.ranks.tolist() == [1, np.inf, np.inf]
    assert found.best[1] == -np.inf
    assert found.best[2] == pytest.approx(np.cos(np.radians(85)), abs=1e-6)
    assert found.rank_k(1) == pytest.approx(1 / 3)


def test_bad_input() -> None:
    eye, numbers = np.eye(2), np.arange(2)
    with pytest.raises(ConfigError, match="got 0 and 2"):
        search(eye[:0], numbers[:0], eye, numbers)
    with pytest.raises(ConfigError, match="subject 4 has 2 templates in one gallery"):
        search(eye, numbers, eye, np.array([4, 4]))
    with pytest.raises(ShapeError, match="of one model"):
        search(eye, numbers, np.eye(3), np.arange(3))
    with pytest.raises(ShapeError, match="one subject"):
        search(eye, numbers[:1], eye, numbers)
    broken = eye.copy()
    broken[1, 0] = np.nan
    with pytest.raises(ShapeError, match="gallery templates must be finite; row 1"):
        search(eye, numbers, broken, numbers)
    with pytest.raises(ConfigError, match="k must be at least 1"):
        search(eye, numbers, eye, numbers).rank_k(0)
