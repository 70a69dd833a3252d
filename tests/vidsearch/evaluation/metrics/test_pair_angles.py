"""Drawn pairs and their angles."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from vidsearch.errors import ShapeError
from vidsearch.evaluation.metrics.pair_angles import pair_angles


def on_circle(degrees: np.ndarray) -> np.ndarray:
    radians = np.radians(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1)


def test_small_set_has_every_pair_once() -> None:
    # Differences between these angles are all different, so a pair is known by its angle.
    places = np.array([0.0, 1, 3, 7, 15, 31, 63])
    people = np.array([5, 2, 5, 2, 5, 9, 2])
    found = pair_angles(on_circle(places), people)
    genuine: list[float] = []
    impostor: list[float] = []
    for a, b in combinations(range(7), 2):
        (genuine if people[a] == people[b] else impostor).append(abs(places[a] - places[b]))
    np.testing.assert_allclose(sorted(found.genuine), sorted(genuine), atol=1e-4)
    np.testing.assert_allclose(sorted(found.impostor), sorted(impostor), atol=1e-4)
    assert found.genuine_in_set == 6


@pytest.mark.parametrize("people", [3, 40])
def test_a_large_set_is_drawn_from(rng: np.random.Generator, people: int) -> None:
    labels = rng.integers(0, people, 300)
    # Identity j lies within 0.1 degrees of 4 j: genuine angles are small, impostor ones are not.
    places = 4.0 * labels + rng.uniform(-0.1, 0.1, len(labels))
    found = pair_angles(on_circle(places), labels, most=500, seed=3)
    assert len(found.genuine) == len(found.impostor) == 500
    assert found.genuine.max() < 0.3
    assert found.impostor.min() > 3.5
    counts = np.bincount(labels)
    assert found.genuine_in_set == (counts * (counts - 1) // 2).sum()
    again = pair_angles(on_circle(places), labels, most=500, seed=3)
    np.testing.assert_array_equal(found.impostor, again.impostor)


def test_identities_of_one_photo_have_no_genuine_pair() -> None:
    found = pair_angles(on_circle(np.array([0.0, 30.0])), np.array([0, 1]))
    assert len(found.genuine) == 0
    np.testing.assert_allclose(found.impostor, [30], atol=1e-4)


def test_bad_input() -> None:
    with pytest.raises(ShapeError, match="one per embedding"):
        pair_angles(np.eye(3), np.array([0, 1]))
    with pytest.raises(ShapeError, match="need two identities"):
        pair_angles(np.eye(3), np.zeros(3, int))
