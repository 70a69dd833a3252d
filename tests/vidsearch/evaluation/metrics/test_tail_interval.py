"""Intervals from the tail equal intervals from all pairs, draw by draw."""

from __future__ import annotations

import numpy as np
import pytest

from vidsearch.errors import ConfigError
from vidsearch.evaluation.metrics import tail_interval
from vidsearch.evaluation.metrics.paired import interval, weighted_tar
from vidsearch.evaluation.metrics.tail_interval import tar_intervals

Case = tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray]]


@pytest.fixture
def case(rng: np.random.Generator) -> Case:
    """Pairs of 60 people with many ties; a few impostor pairs of one person with himself."""
    first, second = rng.integers(0, 60, 6000), rng.integers(0, 60, 6000)
    same = first == second
    same[np.flatnonzero(same)[:5]] = False
    scores = np.round(rng.normal(size=6000) + 2 * same, 2)
    return scores, same, (first, second)


@pytest.mark.parametrize("least", [50, 2_000, 10_000])
def test_equals_resampling_everything(
    case: Case, least: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail_interval, "_MIN_TAIL", least)
    scores, same, groups = case
    found = tar_intervals(scores, same, groups, (1e-3, 1e-2), resamples=80)
    for far, ends in found.items():
        expected = interval(weighted_tar(scores, same, far=far), groups, resamples=80)
        assert ends == pytest.approx(expected)
    assert found[1e-3][1] <= found[1e-2][1]


def test_nothing_to_resample() -> None:
    # One genuine pair of one person: half of the draws of two people lack him, none of one do.
    alone = np.zeros(2, int)
    ends = tar_intervals(np.array([0.9, 0.1]), np.array([True, False]), (alone, alone), (1e-3,))
    assert ends == {1e-3: (1.0, 1.0)}
    with pytest.raises(ConfigError, match="both kinds"):
        tar_intervals(np.array([0.9]), np.array([True]), (alone[:1], alone[:1]), (1e-3,))
