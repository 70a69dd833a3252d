"""Checks of the similarities and labels of face pairs."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vidsearch.errors import ConfigError

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


def checked_pairs(similarities: ArrayLike, issame: ArrayLike) -> tuple[Floats, Flags]:
    """Return similarities and labels as checked arrays.

    Args:
        similarities: (N,) similarities, higher is closer.
        issame: (N,) True for genuine pairs.

    Returns:
        (N,) float64 similarities and (N,) bool labels.

    Raises:
        ConfigError: Unequal lengths, a similarity that is not finite, or a kind of pair missing.
    """
    scores = np.asarray(similarities, np.float64)
    labels = np.asarray(issame, bool)
    if scores.ndim != 1 or scores.shape != labels.shape:
        raise ConfigError(
            "similarities and issame must be two equally long lists; "
            f"got shapes {scores.shape} and {labels.shape}"
        )
    not_finite = int((~np.isfinite(scores)).sum())
    if not_finite:
        raise ConfigError(
            f"similarities must be finite numbers; {not_finite} of {len(scores)} are not"
        )
    genuine = int(labels.sum())
    if not 0 < genuine < len(labels):
        raise ConfigError(
            "pairs must be of both kinds; "
            f"got {genuine} genuine and {len(labels) - genuine} impostor"
        )
    return scores, labels
