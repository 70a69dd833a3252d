"""Templates: the media rules against a plain loop over definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidsearch.errors import ConfigError, ShapeError
from vidsearch.evaluation.metrics.templates import media_weights, pair_similarities, pool_templates


def blocks(rows: np.ndarray, size: int) -> list[tuple[int, np.ndarray]]:
    return [(start, rows[start : start + size]) for start in range(0, len(rows), size)]


def test_hand_worked() -> None:
    # Template 3: medium 1 is a video of two frames, (4, 0) and (0, 2), mean (2, 1); medium 2 is a
    # still (1, 3). Sum (3, 4), unit (0.6, 0.8). Template 9: one image.
    raw = np.array([[4, 0], [0, 5], [1, 3], [0, 2]], np.float32)
    owner, media = np.array([3, 9, 3, 3]), np.array([1, 1, 2, 1])
    weights = media_weights(owner, media, np.ones(4, bool))
    assert weights.tolist() == [0.5, 1, 1, 0.5]
    found = pool_templates(blocks(raw, 3), owner, weights)
    assert found.ids.tolist() == [3, 9]
    assert found.unit == pytest.approx(np.array([[0.6, 0.8], [0, 1]]))
    # With detection scores 0.5, 1, 1, 1: medium 1 is (2, 0) and (0, 2), mean (1, 1); sum (2, 4).
    scored = media_weights(owner, media, np.ones(4, bool), np.array([0.5, 1, 1, 1]))
    unit = pool_templates(blocks(raw, 2), owner, scored).unit
    assert unit[0] == pytest.approx(np.array([2, 4]) / np.sqrt(20))
    # An image left out is left out of its medium's number too: (0, 2) + (1, 3) = (1, 5).
    used = np.array([False, True, True, True])
    unit = pool_templates(blocks(raw, 9), owner, media_weights(owner, media, used)).unit
    assert unit[0] == pytest.approx(np.array([1, 5]) / np.sqrt(26))


@given(st.integers(0, 10_000), st.integers(1, 40), st.integers(1, 17), st.booleans())
def test_against_a_loop_over_media(seed: int, count: int, size: int, scored: bool) -> None:
    rng = np.random.default_rng(seed)
    raw = rng.normal(size=(count, 6)).astype(np.float32)
    owner, media = rng.integers(5, 9, count), rng.integers(0, 4, count)
    used = rng.random(count) < 0.8
    scores = rng.random(count) if scored else None
    found = pool_templates(blocks(raw, size), owner, media_weights(owner, media, used, scores))
    weighted = raw.astype(np.float64) * (1 if scores is None else scores[:, None])
    for row, template in enumerate(found.ids):
        total = np.zeros(6)
        for medium in range(4):
            mine = (owner == template) & (media == medium) & used
            if mine.any():
                total += weighted[mine].mean(axis=0)
        assert found.found[row] == total.any()
        if total.any():
            assert found.unit[row] == pytest.approx(total / np.linalg.norm(total))


def test_order_of_images_and_scale_of_all_change_nothing(rng: np.random.Generator) -> None:
    raw = rng.normal(size=(30, 4)).astype(np.float32)
    owner, media = rng.integers(0, 5, 30), rng.integers(0, 3, 30)
    order = rng.permutation(30)

    def pooled(rows: np.ndarray, scale: float) -> np.ndarray:
        weights = media_weights(owner[rows], media[rows], np.ones(30, bool))
        scaled = (raw[rows] * scale).astype(np.float32)
        return pool_templates(blocks(scaled, 7), owner[rows], weights).unit

    assert pooled(order, 1) == pytest.approx(pooled(np.arange(30), 4))


def test_pairs(rng: np.random.Generator) -> None:
    raw = rng.normal(size=(9, 5)).astype(np.float32)
    owner = np.array([0, 1, 2, 3, 4, 5, 6, 6, 7])
    raw[8] = 0  # template 7 has nothing to it
    raw[1] = raw[0]
    used = np.asarray(raw.any(axis=1))
    found = pool_templates(blocks(raw, 4), owner, media_weights(owner, owner, used))
    assert found.found.tolist() == [True] * 7 + [False]
    first, second = rng.integers(0, 8, 2000), rng.integers(0, 8, 2000)
    scores = pair_similarities(found, first, second, missing=-1, threads=3)
    np.testing.assert_array_equal(
        scores, pair_similarities(found, first, second, missing=-1, threads=1)
    )
    lost = (first == 7) | (second == 7)
    assert (scores[lost] == -1).all()
    expected = (found.unit[first] * found.unit[second]).sum(axis=1)
    assert scores[~lost] == pytest.approx(expected[~lost], abs=1e-12)
    # Templates 0 and 1 are the same vector: their pairs tie to the last bit.
    for one, other in ((0, 1), (2, 3)):
        a = pair_similarities(found, np.array([one]), np.array([4]), missing=-1)
        b = pair_similarities(found, np.array([other]), np.array([4]), missing=-1)
        assert (a == b).all() == (one == 0)


def test_bad_input() -> None:
    raw = np.array([[1, 0], [np.inf, 1]], np.float32)
    with pytest.raises(ShapeError, match="finite numbers; row 11 is not"):
        pool_templates([(10, raw)], np.zeros(12, int), np.ones(12))
    found = pool_templates([(0, raw)], np.zeros(2, int), np.array([1.0, 0.0]))
    assert found.unit.tolist() == [[1, 0]]
    with pytest.raises(ShapeError, match="at least one"):
        pool_templates([], np.zeros(0, int), np.zeros(0))
    with pytest.raises(ConfigError, match="equally long"):
        pair_similarities(found, np.zeros(2, int), np.zeros(1, int), missing=-1)
