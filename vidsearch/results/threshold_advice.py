"""Estimated number of false hits at each confidence level, as a part of a search result."""

from __future__ import annotations

from dataclasses import dataclass

LEVELS = (0.5, 0.9, 0.99)
"""Confidences that advice is given for: likely, very likely, almost certain."""

FEWEST_TRACKS = 100
FEWEST_VIDEOS = 5
"""With less to compare with, nothing is said."""

_SHRINK = 2.0


@dataclass(frozen=True, slots=True)
class FalseHits:
    """False hits to expect of one search.

    Attributes:
        confidence: Counted from here on.
        expected: Their mean number.
        at_least: Lower end of the 95 % interval of that mean.
        at_most: Its upper end.
    """

    confidence: float
    expected: float
    at_least: float
    at_most: float


@dataclass(frozen=True, slots=True)
class CertainPairs:
    """Pairs of tracks, each in another video, that are known to show two people.

    Attributes:
        pairs: How many.
        reached: One per ``LEVELS``: how many of them reach that confidence.
        expected: One per ``LEVELS``: how many were to be expected by the estimate above.
    """

    pairs: int = 0
    reached: tuple[int, ...] = (0,) * len(LEVELS)
    expected: tuple[float, ...] = (0.0,) * len(LEVELS)

    @property
    def factors(self) -> tuple[float, ...]:
        """One per level: by how much the estimate was too low there; near 1 where pairs are few.

        As if ``_SHRINK`` pairs more had been reached as well as expected.
        """
        return tuple(
            (seen + _SHRINK) / (mean + _SHRINK)
            for seen, mean in zip(self.reached, self.expected, strict=True)
        )


@dataclass(frozen=True, slots=True)
class ThresholdAdvice:
    """What the confidences of a search over so many tracks are worth.

    Attributes:
        tracks: Tracks searched.
        compared: Tracks, a random part of them, that the query was compared with to say so.
        levels: One per ``LEVELS``; empty where there was too little to compare with.
        certain: The pairs that the estimate was corrected by.
    """

    tracks: int
    compared: int
    levels: tuple[FalseHits, ...]
    certain: CertainPairs = CertainPairs()
