"""Which face continues which tracklet: appearance and position, weighed as log-odds.

At two frames a second a box overlaps little with the one before, so position alone is weak; a
face turned away looks little like itself, so appearance alone is weak too. Both become evidence on
one scale, the log of (probability if the same person / probability if another):

- appearance: the pack's calibration, which is a probability already, tempered by how well both
  faces show: dark and blurred faces of different people look alike to any network;
- position: a two-dimensional Cauchy density around the last place, whose width grows with the
  time gone, against a face anywhere in the picture. Its tails are heavy: a jump is unlikely, not
  impossible.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from vidsearch.datatypes import Boxes, Matrix, Vector

Confidence: TypeAlias = Callable[[NDArray[np.float32]], NDArray[np.float64]]
"""Similarities -> probability that the pair is the same person."""

_MUTE_QUALITY = 0.3
_FULL_QUALITY = 0.7
"""Quality limits: appearance has no weight up to the first, full weight from the second.

Faces in the dark audience of a real clip (quality 0.29 to 0.42) have cosines of 0.96 to 0.99 to
each other, which is "certainly the same person" for faces that show well (LFW: 0.65 and more).
"""

_GROWTH_COST = 3.0
"""Log-odds that a doubling in size costs: a face hardly doubles between two samples."""

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
        elapsed_s: (T, 1) or (T, N) seconds since then.
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
    scale = _REST_SIZES + drift_sizes_per_s * np.maximum(elapsed_s, 0.0)
    same = (1 + (distance / scale) ** 2) ** -1.5 / (2 * np.pi * scale**2)
    anywhere = size**2 / max(float(picture_wh[0] * picture_wh[1]), 1.0)
    growth = _GROWTH_COST * np.abs(np.log2(new_size[None, :] / old_size[:, None]))
    return np.asarray(np.log(same) - np.log(np.minimum(anywhere, 1.0)) - growth, np.float64)


def reliability(quality: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the share of its appearance's log-odds that a face of this quality is trusted with."""
    ramp = (np.asarray(quality, np.float64) - _MUTE_QUALITY) / (_FULL_QUALITY - _MUTE_QUALITY)
    return np.clip(ramp, 0.0, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """How somebody looks: (R, D) unit vectors and the (R,) qualities of the faces behind them."""

    vectors: Matrix
    quality: Vector


def appearance_log_odds(
    known: Sequence[View], faces: View, confidence: Confidence
) -> NDArray[np.float64]:
    """Return how likely each face is each known person by its looks: the best over their views.

    Args:
        known: T people: a tracklet's centre and its last few faces.
        faces: N faces to compare.
        confidence: The pack's calibration.

    Returns:
        (T, N) float64 log-odds, tempered by the poorer face of each pair.
    """
    trusted = reliability(faces.quality)
    rows = []
    for view in known:
        odds = log_odds(confidence(view.vectors @ faces.vectors.T))
        odds = odds * np.minimum(reliability(view.quality)[:, None], trusted[None, :])
        rows.append(odds.max(axis=0))
    return np.stack(rows)
