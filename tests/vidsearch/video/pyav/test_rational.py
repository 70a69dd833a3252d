"""Rational numbers of PyAV 18 (fractions or None) and 19 (32-bit rationals, 0/1 if unset)."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import pytest

from vidsearch.video.pyav.rational import Rational, exact


@dataclass(frozen=True)
class AVRational:
    numerator: int
    denominator: int


@pytest.mark.parametrize("unset", [None, AVRational(0, 1), AVRational(1, 0), AVRational(0, 0)])
def test_unset_values(unset: Rational | None) -> None:
    assert exact(unset) is None


@pytest.mark.parametrize("value", [Fraction(1001, 30000), AVRational(1001, 30000)])
def test_values_become_fractions_with_exact_arithmetic(value: Rational) -> None:
    found = exact(value)
    assert type(found) is Fraction
    assert found == Fraction(1001, 30000)
    # Beyond the 32 bits of FFmpeg's own rational numbers.
    assert (found * Fraction(1, 10**9)).denominator == 30000 * 10**9
