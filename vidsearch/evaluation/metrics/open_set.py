"""Open-set identification: TPIR at FPIR over searches for enrolled and for absent people."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from vidsearch.errors import ConfigError


@dataclass(frozen=True, slots=True)
class OpenSetPoint:
    """One threshold of an open-set search.

    Attributes:
        threshold: Lowest similarity at which the best answer is accepted; infinite if none is.
        fpir: Share of the searches for absent people with an accepted answer.
        tpir: Share of the searches for present people whose accepted answer is right.
        present: Number of searches for people who are in the archive.
        absent: Number of searches for people who are not in the archive.
    """

    threshold: float
    fpir: float
    tpir: float
    present: int
    absent: int


def tpir_at_fpir(
    scores: ArrayLike, right: ArrayLike, absent_scores: ArrayLike, *, fpir: float
) -> OpenSetPoint:
    """Return the best operating point whose false positive identification rate is within ``fpir``.

    An answer is accepted if its similarity is at least the threshold; equal similarities are
    accepted or rejected together. With fewer than ``1 / fpir`` searches for absent people no false
    alarm is allowed.

    Args:
        scores: (P,) similarity of the best answer (or of the first right answer within rank k) in
            each search for a present person; -inf for no answer.
        right: (P,) True if that answer is right.
        absent_scores: (A,) similarity of the best answer in each search for an absent person; -inf
            for no answer.
        fpir: Highest false positive identification rate, in [0, 1].

    Raises:
        ConfigError: No search of a kind, unequal lengths, a NaN, or ``fpir`` out of range.

    Source:
        Grother, Ngan, Hanaoka: NIST FRVT part 2 (FPIR, and TPIR = 1 - FNIR, at rank 1).

    Example:
        >>> point = tpir_at_fpir([0.9, 0.5, 0.8], [1, 1, 0], [0.6, 0.2], fpir=0.0)
        >>> round(point.tpir, 4), point.threshold
        (0.3333, 0.9)
    """
    mated, flags = np.asarray(scores, np.float64), np.asarray(right, bool)
    absent = np.asarray(absent_scores, np.float64)
    if not 0 <= fpir <= 1:
        raise ConfigError(f"fpir must lie in [0, 1]; got {fpir}")
    if mated.ndim != 1 or mated.shape != flags.shape or absent.ndim != 1:
        raise ConfigError("scores and right must be two equally long lists")
    if not len(mated) or not len(absent):
        raise ConfigError(
            "TPIR at FPIR needs searches for people who are in the archive and for people who are "
            f"not; got {len(mated)} and {len(absent)}"
        )
    if np.isnan(mated).any() or np.isnan(absent).any():
        raise ConfigError("similarities must be numbers; got NaN")
    allowed = int(np.floor(fpir * len(absent) * (1 + 1e-12)))
    # Only a score strictly above the highest forbidden alarm is accepted.
    descending = np.sort(absent)[::-1]
    highest_forbidden = descending[allowed] if allowed < len(descending) else -np.inf
    counts = flags & (mated > highest_forbidden)
    # The lowest equivalent threshold is the lowest score above the highest forbidden alarm.
    above = np.concatenate([mated[counts], absent[absent > highest_forbidden]])
    threshold = float(above.min()) if len(above) else float("inf")
    return OpenSetPoint(
        threshold=threshold,
        fpir=float((absent >= threshold).mean()),
        tpir=float(counts.mean()),
        present=len(mated),
        absent=len(absent),
    )
