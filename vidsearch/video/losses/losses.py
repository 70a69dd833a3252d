"""Count of the losses in the middle of a video."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final


@dataclass(frozen=True, slots=True)
class Losses:
    """Places in the middle of a video at which frames are missing or damaged.

    Attributes:
        count: Number of places.
        ticks: Time that is missing there.
        leaps: Places at which the missing time is not known.
    """

    count: int = 0
    ticks: Fraction = Fraction(0)
    leaps: int = 0

    def __add__(self, other: Losses) -> Losses:
        """Return the losses of two parts of a video."""
        return Losses(self.count + other.count, self.ticks + other.ticks, self.leaps + other.leaps)

    def __sub__(self, other: Losses) -> Losses:
        """Return the losses since another moment."""
        return Losses(self.count - other.count, self.ticks - other.ticks, self.leaps - other.leaps)


NO_LOSSES: Final = Losses()
"""Losses of an intact video."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """Faults met while a video was decoded.

    Attributes:
        errors: Packets that could not be read or decoded, and frames without a usable time.
        damaged: Frames decoded with visible damage.
        losses: Losses in the middle of the video.
    """

    errors: int = 0
    damaged: int = 0
    losses: Losses = NO_LOSSES


NO_FAULTS: Final = Faults()
"""Faults of an intact video."""
