"""Triplet loss: mined triplets by hand, and against loops over all faces."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from trainer.config.loss import Mining
from trainer.head.triplet import triplet_term


def at_degrees(*angles: float) -> Tensor:
    """Return unit vectors in a plane at these angles."""
    radians = np.radians(angles)
    return torch.tensor(np.stack([np.cos(radians), np.sin(radians)], axis=1))


def term(
    degrees: list[float], labels: list[int], anchors: list[int], margin_deg: float, mining: Mining
) -> tuple[float, int]:
    """Return the sum of the hinges, degrees, and the number of triplets."""
    faces = at_degrees(*degrees)
    rows = torch.tensor(anchors)
    total, count = triplet_term(
        faces[rows],
        rows,
        faces,
        torch.tensor(labels),
        margin_rad=math.radians(margin_deg),
        mining=mining,
    )
    return round(math.degrees(float(total)), 4), count


def test_hard_mining_by_hand() -> None:
    # Anchor at 0: farthest positive 30, nearest negative 40: 30 + 20 - 40 = 10.
    degrees, labels = [0.0, 10, 30, 40, 90], [1, 1, 1, 2, 2]
    assert term(degrees, labels, [0], 20, "hard") == (10, 1)
    # Anchor at 30: farthest positive 30 away, nearest negative 10 away: 30 + 20 - 10 = 40.
    assert term(degrees, labels, [2], 20, "hard") == (40, 1)


def test_semi_hard_mining_by_hand() -> None:
    # Anchor at 0 with positives at 10 and 50, negatives at 40 and 60.
    # Positive 10: the nearest farther negative is 40: 10 + 35 - 40 = 5.
    # Positive 50: the nearest farther negative is 60: 50 + 35 - 60 = 25.
    degrees, labels = [0.0, 10, 50, 40, 60], [1, 1, 1, 2, 2]
    assert term(degrees, labels, [0], 35, "semi-hard") == (30, 2)
    # No negative is farther than the positive at 50: the farthest one, at 40, is used: 50+35-40.
    assert term([0.0, 50, 20, 40], [1, 1, 2, 2], [0], 35, "semi-hard") == (45, 1)


@pytest.mark.parametrize("mining", ["hard", "semi-hard"])
@pytest.mark.parametrize(("labels", "reason"), [([1, 2, 3], "no positive"), ([1, 1, 1], "none")])
def test_without_a_triplet_the_sum_is_zero(mining: Mining, labels: list[int], reason: str) -> None:
    assert term([0.0, 10, 20], labels, [0, 1, 2], 20, mining) == (0.0, 0), reason


def slow_sum(degrees: list[float], labels: list[int], margin: float, mining: Mining) -> float:
    """Return the sum of all hinges by loops; all faces are anchors."""
    total = 0.0
    faces = range(len(degrees))
    for a in faces:
        distance = [abs(degrees[a] - degrees[n]) for n in faces]
        positives = [distance[p] for p in faces if p != a and labels[p] == labels[a]]
        negatives = [distance[n] for n in faces if labels[n] != labels[a]]
        if not positives or not negatives:
            continue
        if mining == "hard":
            pairs = [(max(positives), min(negatives))]
        else:
            pairs = [
                (p, min([n for n in negatives if n > p], default=max(negatives))) for p in positives
            ]
        total += sum(max(0.0, p + margin - n) for p, n in pairs)
    return total


@given(
    st.lists(st.integers(0, 170), min_size=2, max_size=9, unique=True),
    st.integers(0, 1000),
    st.sampled_from(["hard", "semi-hard"]),
)
def test_the_sum_of_any_batch(degrees: list[int], seed: int, mining: Mining) -> None:
    # Distances in whole degrees plus irregular parts, so that no two are equal.
    angles = [d + 0.01 * d**1.5 / 25 for d in degrees]
    labels = np.random.default_rng(seed).integers(0, 3, len(angles)).tolist()
    found, _ = term(angles, labels, list(range(len(angles))), 20, mining)
    assert found == pytest.approx(slow_sum(angles, labels, 20, mining), abs=1e-3)
