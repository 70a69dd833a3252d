from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from vidsearch.errors import ConfigError
from vidsearch.models.calibration import Calibration, fit_calibration
from vidsearch.models.open_pack import OPEN


def curve(**changes: Any) -> Calibration:
    fields: dict[str, Any] = {"slope": 10.0, "intercept": -8.0, "fitted_on": "made up", "pairs": 10}
    return Calibration(**(fields | changes))


def test_confidence_golden() -> None:
    # 10 * 0.9 - 8 = 1 -> 1 / (1 + e^-1)
    assert curve().confidence(0.9) == pytest.approx(0.7310585786300049, abs=1e-15)
    assert isinstance(curve().confidence(0.9), float)
    column = curve().confidence(np.array([[0.8], [0.7]], np.float32))
    assert column.shape == (2, 1)
    assert column.dtype == np.float64
    assert column[:, 0] == pytest.approx([0.5, 0.26894142136999510], abs=1e-6)


def test_far_ends_are_finite_and_keep_their_precision() -> None:
    steep = curve(slope=1000.0, intercept=0.0)
    assert steep.confidence(-0.7) == pytest.approx(math.exp(-700), rel=1e-9)
    assert steep.confidence(-1.0) == 0.0  # e^-1000 is below any float64, and no warning
    assert steep.confidence(1.0) == 1.0


@given(st.lists(st.floats(0.5, 1.0, width=32), min_size=2, max_size=30, unique=True))
def test_ranking_by_confidence_is_ranking_by_similarity(similarities: list[float]) -> None:
    ordered = np.sort(np.array(similarities, np.float32))
    assert (np.diff(OPEN.calibration.confidence(ordered)) > 0).all()


def test_another_prior_moves_the_odds_by_bayes_rule() -> None:
    # At even odds for an even prior, the probability is the prior itself.
    assert curve().confidence(0.8, prior=0.1) == pytest.approx(0.1)
    # Odds 3:1 at prior 1/2 are 3 * (1/9) : 1 at prior 1/10.
    similarity = curve().similarity_at(0.75)
    assert curve().confidence(similarity, prior=0.1) == pytest.approx(1 / 4)
    assert curve(genuine_share=0.1).confidence(0.8, prior=0.1) == pytest.approx(0.5)
    with pytest.raises(ConfigError, match="prior must lie between 0 and 1; got 1"):
        curve().confidence(0.8, prior=1.0)


def test_similarity_at_inverts_confidence() -> None:
    assert curve().confidence(curve().similarity_at(0.99)) == pytest.approx(0.99)
    with pytest.raises(ConfigError, match="confidence must lie between"):
        curve().similarity_at(1.0)


def test_fit_golden_and_separable() -> None:
    # Two similarities, separated perfectly. Smoothed labels (2 + 1)/(2 + 2) and 1/(2 + 2) are met
    # exactly: log-odds ln 3 at 1 and -ln 3 at 0.
    fitted = fit_calibration([1, 1, 0, 0], [True, True, False, False], fitted_on="four pairs")
    assert fitted.slope == pytest.approx(2 * math.log(3), rel=1e-9)
    assert fitted.intercept == pytest.approx(-math.log(3), rel=1e-9)
    assert (fitted.pairs, fitted.genuine_share, fitted.fitted_on) == (4, 0.5, "four pairs")


def _sample(rng: np.random.Generator, count: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return similarities labelled by a given curve: slope 150, even odds at 0.91."""
    similarities = rng.uniform(0.82, 1.0, count)
    odds = 1 / (1 + np.exp(-150 * (similarities - 0.91)))
    return similarities, rng.uniform(size=count) < odds


def test_fit_recovers_the_curve_that_drew_the_labels(rng: np.random.Generator) -> None:
    fitted = fit_calibration(*_sample(rng, 200_000), fitted_on="drawn")
    assert fitted.slope == pytest.approx(150, rel=0.02)
    assert fitted.similarity_at(0.5) == pytest.approx(0.91, abs=2e-4)


def test_fit_is_where_the_likelihood_is_flat(rng: np.random.Generator) -> None:
    similarities, labels = _sample(rng, 500)
    fitted = fit_calibration(similarities, labels, fitted_on="drawn")
    genuine = labels.sum()
    targets = np.where(labels, (genuine + 1) / (genuine + 2), 1 / (500 - genuine + 2))
    residual = fitted.confidence(similarities) - targets
    assert abs(residual.mean()) < 1e-9
    assert abs((residual * similarities).mean()) < 1e-9


def test_fit_balanced_weighs_both_kinds_alike(rng: np.random.Generator) -> None:
    similarities, labels = _sample(rng, 20_000)
    drawn = labels | (rng.uniform(size=20_000) < 0.1)  # nine of ten impostors are dropped
    full = fit_calibration(similarities, labels, fitted_on="all", balance=True)
    thinned = fit_calibration(similarities[drawn], labels[drawn], fitted_on="some", balance=True)
    assert thinned.genuine_share == full.genuine_share == 0.5
    assert thinned.similarity_at(0.5) == pytest.approx(full.similarity_at(0.5), abs=2e-3)


@pytest.mark.parametrize(
    ("similarities", "issame", "rule"),
    [
        ([0.9, 0.9, 0.9], [True, False, True], "all 3 similarities are equal"),
        ([0.1, 0.9], [True, False], "genuine pairs are not more similar"),
        ([0.1, 0.9], [True, True], "pairs must be of both kinds"),
        ([0.1, math.inf], [False, True], "finite"),
    ],
)
def test_fit_refuses(similarities: list[float], issame: list[bool], rule: str) -> None:
    with pytest.raises(ConfigError, match=rule):
        fit_calibration(similarities, issame, fitted_on="bad")


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"slope": 0.0}, "slope must be positive"),
        ({"slope": math.nan}, "slope must be a finite number"),
        ({"intercept": math.inf}, "intercept must be a finite number"),
        ({"genuine_share": 1.0}, "genuine_share must lie between"),
        ({"pairs": -1}, "pairs must not be negative"),
        ({"fitted_on": ""}, "must name the labelled pairs"),
        ({"expected_calibration_error": 1.5}, r"must lie in \[0, 1\]"),
    ],
)
def test_invalid_curves_are_refused(changes: dict[str, object], rule: str) -> None:
    with pytest.raises(ConfigError, match=rule):
        curve(**changes)


def test_a_provisional_curve_says_so() -> None:
    assert curve().measured
    assert not curve(pairs=0).measured


@pytest.mark.parametrize("prior", [0.01, 0.5, 0.9])
def test_similarity_at_a_prior_inverts_confidence_at_it(prior: float) -> None:
    similarity = curve().similarity_at(0.9, prior=prior)
    assert curve().confidence(similarity, prior=prior) == pytest.approx(0.9)
    with pytest.raises(ConfigError, match="prior must lie between 0 and 1; got 1"):
        curve().similarity_at(0.9, prior=1)
