"""Figure 8b: the part of the ROC that the highest impostor similarities decide, exactly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vidsearch.evaluation.metrics.distractors import Streamed

Floats = NDArray[np.float64]
_POINTS = 300


def tail_roc(seen: Streamed, points: int = _POINTS) -> tuple[Floats, Floats]:
    """Return FAR and TAR, both ascending, where at most as many false accepts as were kept occur.

    A point allows n false accepts: the threshold lies just above the (n + 1)-th highest impostor
    similarity, so that equal ones are all refused. From FAR 0 to the rate that the pass was made
    for; beyond it the similarities are gone.

    Args:
        seen: What the pass over all pairs left.
        points: At most so many, evenly spread over the logarithm of n.
    """
    kept = len(seen.tail)
    if not kept or not len(seen.genuine):
        return np.zeros(0), np.zeros(0)
    spread = np.geomspace(1, kept, points).astype(np.int64) - 1
    allowed = np.unique(np.append(spread, 0))
    genuine = np.sort(seen.genuine)
    refused = np.searchsorted(genuine, seen.tail[allowed], side="right")
    return allowed / seen.impostors, 1 - refused / len(genuine)
