"""Estimated false hits of a search at each confidence level, as part of a search result."""

from __future__ import annotations

from dataclasses import dataclass

LEVELS = (0.5, 0.9, 0.99)
"""Confidences of the estimate: likely, very likely, almost certain."""

FEWEST_TRACKS = 100
FEWEST_VIDEOS = 5
"""With fewer tracks of other people, or fewer videos, no estimate is made."""

_PRIOR_PAIRS = 2.0
"""Pairs added to both counts of ``KnownImpostorPairs.factors``, so that few pairs change little."""


@dataclass(frozen=True, slots=True)
class FalseHits:
    """False hits expected in one search.

    Attributes:
        confidence: Hits with at least this confidence are counted.
        expected: Mean number of false hits.
        at_least: Lower end of the 95 % interval of the mean.
        at_most: Upper end of the 95 % interval of the mean.
    """

    confidence: float
    expected: float
    at_least: float
    at_most: float


@dataclass(frozen=True, slots=True)
class KnownImpostorPairs:
    """Pairs of tracks, in two videos, that are known to show two people.

    Attributes:
        pairs: Number of pairs.
        reached: One per level: number of pairs that reach its confidence.
        expected: One per level: number of pairs that reach it according to the estimate.
    """

    pairs: int = 0
    reached: tuple[int, ...] = (0,) * len(LEVELS)
    expected: tuple[float, ...] = (0.0,) * len(LEVELS)

    @property
    def factors(self) -> tuple[float, ...]:
        """Correction of the estimate, one per level: near 1 where pairs are few."""
        return tuple(
            (reached + _PRIOR_PAIRS) / (expected + _PRIOR_PAIRS)
            for reached, expected in zip(self.reached, self.expected, strict=True)
        )


@dataclass(frozen=True, slots=True)
class FalseHitEstimate:
    """Estimate of the false hits of a search at each confidence level.

    Attributes:
        tracks: Tracks searched.
        compared: Tracks, a random sample of them, that the estimate is made from.
        levels: One per ``LEVELS``; empty where the sample is too small.
        impostor_pairs: Pairs that corrected the estimate.
    """

    tracks: int
    compared: int
    levels: tuple[FalseHits, ...]
    impostor_pairs: KnownImpostorPairs = KnownImpostorPairs()
