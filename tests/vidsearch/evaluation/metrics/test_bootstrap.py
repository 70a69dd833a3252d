"""Intervals over identities."""

from __future__ import annotations

import numpy as np
import pytest

from vidsearch.errors import ConfigError
from vidsearch.evaluation.metrics.bootstrap import bootstrap_mean


def test_interval_of_independent_values_is_the_textbook_one(rng: np.random.Generator) -> None:
    values = rng.normal(size=400)
    found = bootstrap_mean(values, samples=4000)
    half = 1.96 * values.std() / 20
    assert found.mean == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - half, abs=0.012)
    assert found.high == pytest.approx(values.mean() + half, abs=0.012)


def test_queries_of_one_identity_do_not_make_the_interval_narrower(
    rng: np.random.Generator,
) -> None:
    values = rng.random(30)
    repeated, people = np.repeat(values, 10), np.repeat(np.arange(30), 10).tolist()
    once, grouped = bootstrap_mean(values), bootstrap_mean(repeated, people)
    assert (grouped.low, grouped.high) == pytest.approx((once.low, once.high))
    assert (grouped.queries, grouped.identities) == (300, 30)
    naive = bootstrap_mean(repeated)
    assert naive.high - naive.low < (grouped.high - grouped.low) / 2


def test_same_seed_same_interval_and_one_identity_has_no_width() -> None:
    values = [0.1, 0.9, 0.4]
    assert bootstrap_mean(values, seed=3) == bootstrap_mean(values, seed=3)
    alone = bootstrap_mean(values, ["a"] * 3)
    assert alone.low == pytest.approx(alone.mean)
    assert alone.high == pytest.approx(alone.mean)


@pytest.mark.parametrize(
    ("values", "identities", "message"),
    [
        ([], None, "non-empty"),
        ([0.1, float("nan")], None, "finite"),
        ([0.1, 0.2], ["a"], "one identity"),
    ],
)
def test_bad_input(values: list[float], identities: list[str] | None, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        bootstrap_mean(values, identities)
