"""Which face continues which tracklet: appearance and position, weighed as log-odds.

At two frames a second a box overlaps little with the one before, so position alone is weak; a
face turned away looks little like itself, so appearance alone is weak too. Both become evidence on
one scale, the log of (probability if the same person / probability if another):

- appearance: the pack's calibration, which is a probability already;
- position: a two-dimensional Cauchy density around the last place, whose width grows with the
  time gone, against a face anywhere in the picture. Its tails are heavy: a jump is unlikely, not
  impossible.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from vidsearch.datatypes import Boxes, Matrix

Confidence: TypeAlias = Callable[[NDArray[np.float32]], NDArray[np.float64]]
"""Similarities -> probability that the pair is the same person."""

_REST_SIZES = 0.25
"""A still face's box jitters by about a quarter of its size between two detections."""


def log_odds(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return log(p / (1 - p)), finite for p of 0 and 1."""
    p = np.clip(probability, 1e-12, 1 - 1e-12)
    return np.asarray(np.log(p) - np.log1p(-p), np.float64)


def _centres_and_sizes(boxes: Boxes) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    box = boxes.astype(np.float64)
    sides = np.maximum(box[:, 2:] - box[:, :2], 1.0)
    return (box[:, :2] + box[:, 2:]) / 2, np.sqrt(sides[:, 0] * sides[:, 1])


def position_log_odds(
    last: Boxes,
    elapsed_s: NDArray[np.float64],
    now: Boxes,
    picture_wh: tuple[int, int],
    drift_sizes_per_s: float,
) -> NDArray[np.float64]:
    """Return how much more likely each new box is where it is if it continues each old one.

    Args:
        last: (T, 4) xyxy, the last box of each tracklet.
        elapsed_s: (T,) seconds since then.
        now: (N, 4) xyxy, boxes of this frame.
        picture_wh: Pixels; a face of someone else may be anywhere in it.
        drift_sizes_per_s: See ``TrackingConfig``.

    Returns:
        (T, N) float64.
    """
    old_centre, old_size = _centres_and_sizes(last)
    new_centre, new_size = _centres_and_sizes(now)
    size = np.sqrt(old_size[:, None] * new_size[None, :])
    distance = np.linalg.norm(old_centre[:, None] - new_centre[None], axis=2) / size
    scale = (_REST_SIZES + drift_sizes_per_s * np.maximum(elapsed_s, 0.0))[:, None]
    same = (1 + (distance / scale) ** 2) ** -1.5 / (2 * np.pi * scale**2)
    anywhere = size**2 / max(float(picture_wh[0] * picture_wh[1]), 1.0)
    # A face does not double its size between two samples as a rule: one factor of two costs 1.
    growth = np.abs(np.log2(new_size[None, :] / old_size[:, None]))
    return np.asarray(np.log(same) - np.log(np.minimum(anywhere, 1.0)) - growth, np.float64)


def appearance_confidence(
    recent: list[Matrix], embeddings: Matrix, confidence: Confidence
) -> NDArray[np.float64]:
    """Return how likely each face is each tracklet's person: the best over its recent views.

    Args:
        recent: T matrices (R, D) of unit vectors: a tracklet's centre and its last few faces.
        embeddings: (N, D) unit vectors of this frame's faces.
        confidence: The pack's calibration.

    Returns:
        (T, N) float64 in [0, 1].
    """
    best = np.stack([(views @ embeddings.T).max(axis=0) for views in recent])
    return confidence(best.astype(np.float32))
