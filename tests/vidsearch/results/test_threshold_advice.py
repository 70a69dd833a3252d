"""Correction of the estimate by known impostor pairs."""

from __future__ import annotations

import pytest

from vidsearch.results.threshold_advice import KnownImpostorPairs


def test_factors_by_hand() -> None:
    # Two pairs are added to both counts: (4 + 2) / (1 + 2), (0 + 2) / (2 + 2), (0 + 2) / (0 + 2).
    pairs = KnownImpostorPairs(900, (4, 0, 0), (1.0, 2.0, 0.0))
    assert pairs.factors == (2.0, 0.5, 1.0)


def test_many_pairs_outweigh_the_prior() -> None:
    pairs = KnownImpostorPairs(10**6, (3000, 600, 300), (1000.0, 600.0, 900.0))
    assert pairs.factors == pytest.approx((3.0, 1.0, 1 / 3), rel=0.02)


def test_levels_of_both_counts_must_agree() -> None:
    with pytest.raises(ValueError, match="longer"):
        _ = KnownImpostorPairs(1, (1, 2), (1.0, 2.0, 3.0)).factors
