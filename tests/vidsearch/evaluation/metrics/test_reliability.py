from __future__ import annotations

import math

import numpy as np
import pytest

from vidsearch.errors import ConfigError
from vidsearch.evaluation.metrics.reliability import expected_calibration_error, reliability


def test_golden() -> None:
    # Ten bins. [0.1, 0.2): 0.10 and 0.14, one of two genuine: gap |0.12 - 0.5| = 0.38.
    # [0.9, 1]: 0.95, 0.97 and 1.0, all genuine: gap |0.97333 - 1| = 0.02667.
    check = reliability([0.10, 0.95, 0.14, 1.0, 0.97], [False, True, True, True, True], bins=10)
    assert check.pairs == 5
    assert check.expected_calibration_error == pytest.approx(2 / 5 * 0.38 + 3 / 5 * (0.08 / 3))
    # 0.1^2 + 0.05^2 + 0.86^2 + 0 + 0.03^2 = 0.753
    assert check.brier == pytest.approx(0.753 / 5)
    logs = math.log(0.9) + math.log(0.95) + math.log(0.14) + 0 + math.log(0.97)
    assert check.log_loss == pytest.approx(-logs / 5)
    (low, high, count, mean, share), last = check.bins
    assert (low, high, count, mean, share) == pytest.approx((0.1, 0.2, 2, 0.12, 0.5))
    assert last == pytest.approx((0.9, 1.0, 3, 2.92 / 3, 1.0))


def test_certain_and_wrong_confidences_give_a_finite_loss() -> None:
    check = reliability([0.0, 1.0], [True, False])
    assert check.expected_calibration_error == 1
    assert check.brier == 1
    assert 700 < check.log_loss < 710  # -ln of the smallest normal float64


def test_probabilities_drawn_as_stated_are_calibrated(rng: np.random.Generator) -> None:
    probability = rng.uniform(size=200_000)
    labels = rng.uniform(size=200_000) < probability
    assert expected_calibration_error(probability, labels) < 0.01
    assert expected_calibration_error(probability**2, labels) > 0.1


@pytest.mark.parametrize(
    ("confidence", "issame", "bins", "rule"),
    [
        ([], [], 15, "non-empty"),
        ([0.5], [True, False], 15, "equally long"),
        ([1.01], [True], 15, r"lie in \[0, 1\]"),
        ([np.nan], [True], 15, r"lie in \[0, 1\]"),
        ([0.5], [True], 0, "bins must be at least 1"),
    ],
)
def test_bad_input(confidence: list[float], issame: list[bool], bins: int, rule: str) -> None:
    with pytest.raises(ConfigError, match=rule):
        reliability(confidence, issame, bins=bins)
