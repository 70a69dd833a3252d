"""Association of faces with tracklets: appearance and position as log-odds.

At two frames per second consecutive boxes overlap little, so position alone is weak evidence. A
face turned away has a different embedding, so appearance alone is weak too. Both are expressed on
one scale, the log of (probability if the same person / probability if another person):

- appearance: the probability of the pack's calibration, weighted by the quality of both faces,
  because networks give similar embeddings to dark and blurred faces of different people;
- position: a two-dimensional Cauchy density around the last box, whose width grows with the elapsed
  time, against a face anywhere in the frame. With its heavy tails, a jump remains possible.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from vidsearch.datatypes import Boxes, Matrix, Vector

SimilarityCalibration: TypeAlias = Callable[[NDArray[np.float32]], NDArray[np.float64]]
"""Function from similarities, any shape, to probabilities that the pair is the same person."""

_NO_WEIGHT_QUALITY = 0.3
_FULL_WEIGHT_QUALITY = 0.7
"""Quality limits: appearance has no weight up to the first and full weight from the second.

Faces in the dark audience of a real clip (quality 0.29 to 0.42) have cosines of 0.96 to 0.99 to
each other. For faces of good quality, such a cosine certainly means the same person (LFW: 0.65 and
more).
"""

_GROWTH_COST = 3.0
"""Log-odds subtracted per doubling in size, which is rare between two samples."""

_JITTER_SIZES = 0.25
"""Jitter of the box of a still face between two detections, in face sizes."""


def log_odds(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return log(p / (1 - p)), finite for p of 0 and 1; any shape, float64."""
    p = np.clip(probability, 1e-12, 1 - 1e-12)
    return np.asarray(np.log(p) - np.log1p(-p), np.float64)


def _centres_and_sizes(boxes: Boxes) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    box = boxes.astype(np.float64)
    sides = np.maximum(box[:, 2:] - box[:, :2], 1.0)
    return (box[:, :2] + box[:, 2:]) / 2, np.sqrt(sides[:, 0] * sides[:, 1])


def position_log_odds(
    last_boxes: Boxes,
    elapsed_s: NDArray[np.float64],
    new_boxes: Boxes,
    frame_wh: tuple[int, int],
    drift_sizes_per_s: float,
) -> NDArray[np.float64]:
    """Return the log-odds of each new box as the continuation of each old box.

    Args:
        last_boxes: (T, 4) xyxy, the last box of each tracklet.
        elapsed_s: (T, 1) or (T, N) seconds since the last box.
        new_boxes: (N, 4) xyxy, boxes of this frame.
        frame_wh: Width and height of the frame in pixels; another person's face may be anywhere.
        drift_sizes_per_s: See ``TrackingConfig``.

    Returns:
        (T, N) float64.
    """
    old_centre, old_size = _centres_and_sizes(last_boxes)
    new_centre, new_size = _centres_and_sizes(new_boxes)
    size = np.sqrt(old_size[:, None] * new_size[None, :])
    distance = np.linalg.norm(old_centre[:, None] - new_centre[None], axis=2) / size
    scale = _JITTER_SIZES + drift_sizes_per_s * np.maximum(elapsed_s, 0.0)
    same = (1 + (distance / scale) ** 2) ** -1.5 / (2 * np.pi * scale**2)
    anywhere = size**2 / max(float(frame_wh[0] * frame_wh[1]), 1.0)
    growth = _GROWTH_COST * np.abs(np.log2(new_size[None, :] / old_size[:, None]))
    return np.asarray(np.log(same) - np.log(np.minimum(anywhere, 1.0)) - growth, np.float64)


def reliability(quality: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the weight of appearance, in [0, 1], for qualities of any shape."""
    ramp = (np.asarray(quality, np.float64) - _NO_WEIGHT_QUALITY) / (
        _FULL_WEIGHT_QUALITY - _NO_WEIGHT_QUALITY
    )
    return np.clip(ramp, 0.0, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Appearance:
    """Unit vectors of one person or frame, with the quality of the faces behind them.

    Attributes:
        vectors: (R, D) float32, unit length.
        quality: (R,) float32 in [0, 1].
    """

    vectors: Matrix
    quality: Vector


def appearance_log_odds(
    tracklets: Sequence[Appearance],
    faces: Appearance,
    confidence: SimilarityCalibration,
    *,
    full_weight: bool = False,
) -> NDArray[np.float64]:
    """Return the log-odds of each face as the person of each tracklet, by appearance.

    Args:
        tracklets: Centre and last few faces of each of T tracklets.
        faces: N faces to compare.
        confidence: Calibration of the pack.
        full_weight: Give full weight to every pair whose weight is above 0.

    Returns:
        (T, N) float64: the largest value over the vectors of a tracklet, weighted by the lower
        quality of each pair.
    """
    face_weight = _weight(faces.quality, full=full_weight)
    rows = []
    for tracklet in tracklets:
        odds = log_odds(confidence(tracklet.vectors @ faces.vectors.T))
        weight = _weight(tracklet.quality, full=full_weight)
        odds = odds * np.minimum(weight[:, None], face_weight[None, :])
        rows.append(odds.max(axis=0))
    return np.stack(rows)


def is_another_person(
    tracklets: Sequence[Appearance],
    faces: Appearance,
    confidence: SimilarityCalibration,
    veto_confidence: float,
) -> NDArray[np.bool_]:
    """Return True for each face that is not the person of a tracklet, by appearance alone.

    Use it between frames that lie far apart: another person may have taken the place. Every face
    whose quality gives it a weight has full weight.

    Args:
        tracklets: See ``appearance_log_odds``.
        faces: N faces to compare.
        confidence: Calibration of the pack.
        veto_confidence: See ``TrackingConfig``.

    Returns:
        (T, N) bool.
    """
    odds = appearance_log_odds(tracklets, faces, confidence, full_weight=True)
    return np.asarray(odds < log_odds(np.array(veto_confidence)))


def _weight(quality: NDArray[np.floating], *, full: bool) -> NDArray[np.float64]:
    weight = reliability(quality)
    return np.ceil(weight) if full else weight
