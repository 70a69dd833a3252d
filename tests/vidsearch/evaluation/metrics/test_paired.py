"""The paired bootstrap: weights are repetitions, and known differences are found."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidsearch.errors import ConfigError
from vidsearch.evaluation.metrics.paired import (
    compare,
    weighted_equal_error_rate,
    weighted_mean,
    weighted_tar,
)
from vidsearch.evaluation.metrics.verification import equal_error_rate, tar_at_far

rows = st.lists(
    st.tuples(st.integers(0, 8), st.booleans(), st.integers(0, 3)), min_size=4, max_size=40
)


@given(rows)
def test_a_weight_is_a_repetition(drawn: list[tuple[int, bool, int]]) -> None:
    scores = np.array([score for score, _, _ in drawn], float)
    genuine = np.array([same for _, same, _ in drawn])
    weights = np.array([weight for _, _, weight in drawn])
    if not 0 < genuine.sum() < len(genuine):
        return
    repeated, labels = np.repeat(scores, weights), np.repeat(genuine, weights)
    tar = weighted_tar(scores, genuine, far=0.1)(weights.astype(float))
    error = weighted_equal_error_rate(scores, genuine)(weights.astype(float))
    if not 0 < labels.sum() < len(labels):
        assert np.isnan([tar, error]).all()
        return
    assert tar == pytest.approx(tar_at_far(repeated, labels, far=0.1).tar)
    assert error == pytest.approx(equal_error_rate(repeated, labels))
    assert weighted_mean(scores)(weights.astype(float)) == pytest.approx(repeated.mean())


def test_values_that_are_missing_never_count() -> None:
    mean = weighted_mean([1.0, np.nan, 3.0])
    assert mean(np.array([1.0, 5.0, 1.0])) == 2
    assert np.isnan(mean(np.array([0.0, 1.0, 0.0])))


def test_a_real_difference_and_none(rng: np.random.Generator) -> None:
    a = rng.normal(size=400)
    noise = rng.normal(scale=0.1, size=400)
    groups = [np.arange(400)]
    better = compare(weighted_mean(a), weighted_mean(a + 0.1 + noise), groups, resamples=400)
    assert better.low > 0
    assert better.b_above > 0.99
    assert better.difference == pytest.approx(0.1, abs=0.02)
    same = compare(weighted_mean(a), weighted_mean(a), groups, resamples=400)
    assert (same.low, same.high, same.b_above) == (0, 0, 0.5)


def test_interval_agrees_with_theory(rng: np.random.Generator) -> None:
    # For rows drawn one by one the standard error of a mean is s / sqrt(n).
    gain = rng.normal(size=300)
    found = compare(
        weighted_mean(np.zeros(300)), weighted_mean(gain), [np.arange(300)], resamples=4000
    )
    half = 1.96 * gain.std() / np.sqrt(300)
    assert found.high - found.difference == pytest.approx(half, rel=0.1)
    assert found.difference - found.low == pytest.approx(half, rel=0.1)


def test_whole_people_are_drawn(rng: np.random.Generator) -> None:
    # Ten people of thirty equal rows are no more evidence than ten rows.
    per_person = rng.normal(size=10)
    rows = np.repeat(per_person, 30)
    people = np.repeat(np.arange(10), 30)
    clustered = compare(weighted_mean(rows * 0), weighted_mean(rows), [people], resamples=2000)
    alone = compare(
        weighted_mean(per_person * 0), weighted_mean(per_person), [np.arange(10)], resamples=2000
    )
    assert clustered.high - clustered.low == pytest.approx(alone.high - alone.low, rel=1e-9)


def test_a_pair_needs_both_people() -> None:
    seen: list[np.ndarray] = []

    def watch(weights: np.ndarray) -> float:
        seen.append(weights)
        return 0.0

    # Rows: (0, 0), (0, 1), (1, 1): weights k0, k0 * k1, k1.
    compare(watch, lambda _: 0.0, [np.array([0, 0, 1]), np.array([0, 1, 1])], resamples=20)
    drawn = np.array(seen[1:])
    np.testing.assert_array_equal(drawn[:, 1], drawn[:, 0] * drawn[:, 2])
    assert (drawn[:, 0] + drawn[:, 2] == 2).all()


def test_nothing_to_compare() -> None:
    with pytest.raises(ConfigError, match="no rows"):
        compare(weighted_mean([]), weighted_mean([]), [np.array([], int)])
    empty = weighted_mean([np.nan])
    with pytest.raises(ConfigError, match="none of 5 resamples"):
        compare(empty, empty, [np.array([0])], resamples=5)
