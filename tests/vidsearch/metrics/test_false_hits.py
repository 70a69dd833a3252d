"""Expected false hits from impostor pairs."""

from __future__ import annotations

import math

import pytest

from vidsearch.errors import ConfigError
from vidsearch.metrics.false_hits import ThresholdAdvice, impostor_tail, upper_bound


def test_hand_worked() -> None:
    # Bars 0.5, 0.7, 0.9: of 8 pairs 3 reach the first, 1 the second, none the last.
    tail = impostor_tail([0.1, 0.2, 0.5, 0.3, 0.6], [0.0, 0.8, 0.4], [0.5, 0.7, 0.9])
    assert (tail.together, tail.labelled, tail.reached) == (5, 3, (3, 1, 0))
    lines = ThresholdAdvice(1000, tail).levels
    assert [line.confidence for line in lines] == [0.5, 0.9, 0.99]
    assert [line.expected for line in lines] == [375.0, 125.0, 0.0]
    # No pair of 8: the mean may be -ln(0.05) of 8.
    assert lines[2].at_most == pytest.approx(1000 * -math.log(0.05) / 8)
    # Three of 8: 7.754 of 8.
    assert lines[0].at_most == pytest.approx(1000 * 7.7537 / 8, rel=1e-4)


@pytest.mark.parametrize("count", [0, 1, 5, 300])
def test_upper_bound_leaves_five_percent(count: int) -> None:
    from scipy.stats import poisson

    assert poisson.cdf(count, upper_bound(count)) == pytest.approx(0.05)


def test_not_finite() -> None:
    with pytest.raises(ConfigError, match="finite"):
        impostor_tail([math.nan], [], [0.5, 0.7, 0.9])
