"""Angle statistics against hand-worked cases and an independent formula."""

from __future__ import annotations

import math

import numpy as np
import pytest

from vidsearch.errors import ShapeError
from vidsearch.evaluation.metrics.angles import (
    angle_statistics,
    degrees_between,
    smallest_angles,
    unit_rows,
)


def circle(*degrees: float) -> np.ndarray:
    radians = np.radians(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1)


def test_hand_worked() -> None:
    # Centres at 0, 90 and 210 degrees; weights 10 off the first, on the second, 20 off the third.
    embeddings = circle(-20, 20, 90, 200, 220)
    labels = np.array([0, 0, 1, 2, 2])
    found = angle_statistics(embeddings, labels, circle(10, 90, 230))
    assert found.intra == pytest.approx((20 + 20 + 0 + 10 + 10) / 5, abs=1e-4)
    assert found.inter == pytest.approx((90 + 90 + 120) / 3, abs=1e-4)
    assert found.w_ec == pytest.approx((10 + 0 + 20) / 3, abs=1e-4)
    # Weights at 10, 90, 230: 80 and 80; from 230 the nearer is 90 (140 degrees; 10 is also 140).
    assert found.w_inter == pytest.approx((80 + 80 + 140) / 3, abs=1e-4)
    assert (found.embeddings, found.identities) == (5, 3)


def test_vector_lengths_have_no_influence(rng: np.random.Generator) -> None:
    points, labels = rng.normal(size=(60, 8)), rng.integers(0, 5, 60)
    scaled = points * rng.uniform(0.1, 9, (60, 1))
    a, b = angle_statistics(points, labels), angle_statistics(scaled, labels)
    assert a.intra == pytest.approx(b.intra, abs=1e-3)
    assert a.inter == pytest.approx(b.inter, abs=1e-3)


def test_a_class_without_photos_counts_for_w_inter_only() -> None:
    embeddings, labels = circle(0, 90), np.array([0, 2])
    found = angle_statistics(embeddings, labels, circle(0, 30, 90))
    assert found.w_ec == pytest.approx(0, abs=1e-4)
    assert found.w_inter == pytest.approx((30 + 30 + 60) / 3, abs=1e-4)


def test_the_nearest_sub_centre_represents_the_class() -> None:
    embeddings, labels = circle(0, 90), np.array([0, 2])
    # Class 0: second sub-centre, 5 off; class 1 is not seen: its first; class 2: first, 10 off.
    weights = np.stack([circle(40, 5), circle(45, 170), circle(100, 150)])
    found = angle_statistics(embeddings, labels, weights)
    assert found.w_ec == pytest.approx((5 + 10) / 2, abs=1e-4)
    # Weights at 5, 45 and 100.
    assert found.w_inter == pytest.approx((40 + 40 + 55) / 3, abs=1e-4)


@pytest.mark.parametrize("block", [1, 3, 7, 64])
def test_blocks_agree_with_all_at_once(rng: np.random.Generator, block: int) -> None:
    unit = unit_rows("points", rng.normal(size=(23, 5)))
    cosines = np.clip(unit.astype(np.float64) @ unit.T.astype(np.float64), -1, 1)
    np.fill_diagonal(cosines, -1)
    expected = [math.degrees(math.acos(row.max())) for row in cosines]
    np.testing.assert_allclose(smallest_angles(unit, block), expected, atol=1e-3)


def test_tiny_angles_keep_their_precision() -> None:
    tiny = circle(0, 1e-4)
    assert degrees_between(tiny[:1], tiny[1:])[0] == pytest.approx(1e-4, rel=1e-6)
    assert degrees_between(tiny[:1], -tiny[:1])[0] == pytest.approx(180)


@pytest.mark.parametrize(
    ("embeddings", "labels", "weights", "message"),
    [
        (circle(0, 90), [0, 0], None, "need two of them; got 1"),
        (circle(0, 90), [0], None, "one per embedding"),
        (np.array([[1, np.nan], [0, 1]]), [0, 1], None, "embeddings must be finite.*row 0"),
        (np.array([[1, 0], [0, 0]]), [0, 1], None, "not zero; row 1"),
        (circle(0, 180, 90), [0, 0, 1], None, "centres of identities"),
        (circle(0, 90), [0, 2], circle(0, 90), "rows of the 2 weights; got 0 to 2"),
        (circle(0, 90), [0, 1], np.eye(3), "weights have 3 numbers per row, embeddings 2"),
        (np.zeros((0, 2)), [], None, "table of vectors"),
    ],
)
def test_bad_input(
    embeddings: np.ndarray, labels: list[int], weights: np.ndarray | None, message: str
) -> None:
    if message == "centres of identities":
        embeddings = np.array([[1.0, 0], [-1, 0], [0, 1]])
    with pytest.raises(ShapeError, match=message):
        angle_statistics(embeddings, np.array(labels, int), weights)
