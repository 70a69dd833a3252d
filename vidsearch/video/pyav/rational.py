"""Rational numbers of PyAV as exact fractions.

Before version 19 PyAV gives a ``Fraction``, or None for an unset value. Version 19 gives an
``AVRational``, whose arithmetic rounds to 32 bits, and 0/1 or n/0 for an unset value.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Protocol


class Rational(Protocol):
    """Rational number of any version of PyAV."""

    @property
    def numerator(self) -> int:
        """Number above the line."""

    @property
    def denominator(self) -> int:
        """Number below the line; 0 in unset values of PyAV 19."""


def exact(value: Rational | None) -> Fraction | None:
    """Return a value as a fraction; None if it is unset: None, 0, or a denominator of 0.

    Example:
        >>> exact(Fraction(1, 25)), exact(Fraction(0)), exact(None)
        (Fraction(1, 25), None, None)
    """
    if value is None or not value.numerator or not value.denominator:
        return None
    return Fraction(value.numerator, value.denominator)
