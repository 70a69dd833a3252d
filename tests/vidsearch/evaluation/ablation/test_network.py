"""The network of the ablation is deterministic and returns probabilities."""

from __future__ import annotations

import numpy as np
import pytest

from tests.vidsearch.evaluation.ablation.synthetic import synthetic_set
from vidsearch.evaluation.ablation.network import NetConfig, train_and_apply


def test_the_network_is_the_same_for_the_same_seed(rng: np.random.Generator) -> None:
    data = synthetic_set(rng)
    classes = np.array([int(name[1:]) for name in data.identities])
    one, again, other = (
        train_and_apply(
            data.spaces[0], classes, data.training, NetConfig(width=8, epochs=2, seed=seed)
        ).scores
        for seed in (0, 0, 1)
    )
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    assert np.exp(one).sum(axis=1) == pytest.approx(1.0, abs=1e-5)
