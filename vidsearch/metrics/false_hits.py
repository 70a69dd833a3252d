"""How many strangers reach a confidence by chance: a share of impostor pairs, times the archive."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from vidsearch.errors import ConfigError

LEVELS = (0.5, 0.9, 0.99)
"""Confidences that advice is given for: likely, very likely, almost certain."""
_DOUBT = 0.05


@dataclass(frozen=True, slots=True)
class ImpostorTail:
    """How impostor pairs of one archive do.

    Attributes:
        together: Pairs of tracks that show two people because both are in one frame.
        labelled: Pairs of tracks that somebody said show two people.
        reached: One per ``LEVELS``: how many of all these pairs reach that confidence.
    """

    together: int
    labelled: int
    reached: tuple[int, ...]

    @property
    def pairs(self) -> int:
        return self.together + self.labelled


@dataclass(frozen=True, slots=True)
class FalseHits:
    """False hits to expect of one search.

    Attributes:
        confidence: Counted from here on.
        expected: Their mean number.
        at_most: 95 % upper bound of that mean, for so few pairs.
    """

    confidence: float
    expected: float
    at_most: float


@dataclass(frozen=True, slots=True)
class ThresholdAdvice:
    """What the confidences of a search over so many tracks are worth.

    Attributes:
        tracks: Tracks searched.
        tail: The pairs that say so.
    """

    tracks: int
    tail: ImpostorTail

    @property
    def levels(self) -> tuple[FalseHits, ...]:
        return tuple(
            FalseHits(
                level,
                self.tracks * count / self.tail.pairs,
                self.tracks * min(upper_bound(count) / self.tail.pairs, 1.0),
            )
            for level, count in zip(LEVELS, self.tail.reached, strict=True)
        )


def impostor_tail(
    together: ArrayLike, labelled: ArrayLike, similarity_at: Sequence[float]
) -> ImpostorTail:
    """Count impostor pairs that reach each confidence.

    Args:
        together: (N,) cosines of tracks seen in one frame.
        labelled: (M,) cosines of tracks that are labelled as different people.
        similarity_at: The cosine of each of ``LEVELS``.

    Raises:
        ConfigError: A cosine is not finite.
    """
    scores = np.concatenate([np.asarray(together, np.float64), np.asarray(labelled, np.float64)])
    if not np.isfinite(scores).all():
        raise ConfigError("similarities of impostor pairs must be finite numbers")
    reached = tuple(int((scores >= bar).sum()) for bar in similarity_at)
    return ImpostorTail(len(np.asarray(together)), len(np.asarray(labelled)), reached)


def upper_bound(count: int, doubt: float = _DOUBT) -> float:
    """Return the largest mean under which a count this low is no rarer than ``doubt`` (Poisson).

    Source:
        Garwood 1936, one-sided. For a count of 0 it is the "rule of three".

    Example:
        >>> round(upper_bound(0), 3), round(upper_bound(2), 3)
        (2.996, 6.296)
    """
    low, high = float(count), float(count) + 10.0 * math.sqrt(count + 1.0)
    for _ in range(80):
        middle = (low + high) / 2
        terms = [n * math.log(middle) - math.lgamma(n + 1) - middle for n in range(count + 1)]
        top = max(terms)
        chance = math.exp(top) * sum(math.exp(term - top) for term in terms)
        low, high = (middle, high) if chance > doubt else (low, middle)
    return (low + high) / 2
