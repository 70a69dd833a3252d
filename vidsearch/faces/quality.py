"""How well a face shows: what chooses the best face of a track and warns about a poor photo.

Quality is the weighted geometric mean of five factors in [0, 1]; one that is 0 makes it 0:

| factor | weight | 0 | 1 |
|---|--:|---|---|
| size | 0.30 | eyes 5 px apart or less | 40 px or more (log scale between) |
| sharpness | 0.30 | no fine detail | 0.3 of the contrast is fine detail |
| pose | 0.20 | nose beside an eye, or level with eyes or mouth | nose between and below the eyes |
| exposure | 0.10 | black, white or one grey | mid grey with contrast |
| detection score | 0.10 | 0.3 | 0.9 or more |

The norm of an embedding is not used: for the ``open`` pack it says nothing about quality.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vidsearch.datatypes import AlignedFaces, Boxes, Landmarks, Vector, check_array

MIN_INTER_OCULAR_PX = 8.0
"""Eyes closer than this: too small to match.

Photos of LFW, 150 x 150 with eyes 25 px apart, shrunk and matched with whole ones, ``open`` pack,
at the threshold of FAR 1e-3. TAR 0.98 at 20 px and more, 0.96 at 12 to 20, 0.91 at 10 to 12, 0.85
at 8 to 10, 0.72 at 7 to 8, 0.65 at 6 to 7, 0.41 at 5 to 6; no more impostors pass at any size.
"""

MIN_SHARPNESS = 0.06
"""Less fine detail than this: too blurred to match.

The same photos blurred: TAR 0.97 at a sharpness of 0.10 to 0.13, 0.95 at 0.08 to 0.10, 0.84 at
0.07 to 0.08, 0.81 at 0.06 to 0.07, 0.63 at 0.05 to 0.06, 0.45 at 0.04 to 0.05, 0.22 at most below.
"""

_WEIGHTS = np.array([0.30, 0.30, 0.20, 0.10, 0.10])
_FULL_SHARPNESS = 0.30


def face_quality(
    aligned: AlignedFaces, landmarks: Landmarks, boxes_xyxy: Boxes, scores: Vector
) -> Vector:
    """Return the quality of each face; see the module for the formula.

    Args:
        aligned: (N, S, S, 3) uint8 RGB.
        landmarks: (N, 5, 2) float32, pixels of the full picture.
        boxes_xyxy: (N, 4) float32, the same.
        scores: (N,) float32, the detector's.

    Returns:
        (N,) float32 in [0, 1].

    Raises:
        ShapeError: An input has another shape.
    """
    n = len(aligned)
    check_array("aligned", aligned, (n, None, None, 3), np.uint8)
    check_array("landmarks", landmarks, (n, 5, 2), np.float32)
    check_array("boxes_xyxy", boxes_xyxy, (n, 4), np.float32)
    check_array("scores", scores, (n,), np.float32)
    if n == 0:
        return np.zeros(0, np.float32)
    factors = np.stack(
        [
            np.log(np.maximum(inter_ocular_px(landmarks, boxes_xyxy), 1e-6) / 5) / np.log(40 / 5),
            sharpness(aligned) / _FULL_SHARPNESS,
            _pose(landmarks),
            _exposure(aligned),
            (scores - 0.3) / 0.6,
        ]
    )
    clipped = np.clip(np.nan_to_num(factors), 0.0, 1.0)
    return np.asarray(np.prod(clipped ** _WEIGHTS[:, None], axis=0), np.float32)


def too_poor(aligned: AlignedFaces, landmarks: Landmarks, boxes_xyxy: Boxes) -> NDArray[np.bool_]:
    """Return which faces are too small or too blurred to be matched with any trust.

    Args:
        aligned: (N, S, S, 3) uint8 RGB.
        landmarks: (N, 5, 2) float32, pixels of the full picture.
        boxes_xyxy: (N, 4) float32, the same.

    Returns:
        (N,) bool.
    """
    small = inter_ocular_px(landmarks, boxes_xyxy) < MIN_INTER_OCULAR_PX
    return np.asarray(small | (sharpness(aligned) < MIN_SHARPNESS))


def inter_ocular_px(landmarks: Landmarks, boxes_xyxy: Boxes) -> NDArray[np.float64]:
    """Return (N,) distances between the eyes in pixels of the full picture.

    In a profile the eyes fall together, which says nothing of size: there the box's height speaks
    (upright frontal faces have eyes 0.3 box heights apart).
    """
    between = np.linalg.norm(landmarks[:, 0] - landmarks[:, 1], axis=1).astype(np.float64)
    height = (boxes_xyxy[:, 3] - boxes_xyxy[:, 1]).astype(np.float64)
    return np.asarray(np.maximum(between, 0.3 * height))


def sharpness(aligned: AlignedFaces) -> NDArray[np.float64]:
    """Return (N,) shares of a face's contrast that are fine detail, 0.2 to 0.3 for a sharp one.

    Fine is what a Gaussian of 1/60 of the picture's side removes. A small face that was enlarged
    to the template has as little of it as a blurred one.
    """
    import cv2

    shares = np.zeros(len(aligned))
    for row, face in enumerate(aligned):
        side = face.shape[0]
        grey = cv2.cvtColor(face, cv2.COLOR_RGB2GRAY).astype(np.float32)
        inner = slice(side // 6, side - side // 6)
        fine = (grey - cv2.GaussianBlur(grey, (0, 0), side / 60))[inner, inner]
        # A few grey levels of noise on an even surface are no detail.
        shares[row] = fine.std() / (grey[inner, inner].std() + 4.0)
    return shares


def _pose(landmarks: Landmarks) -> NDArray[np.float64]:
    """Return (N,): 1 from the front, falling to 0 in profile; roll does not matter."""
    points = landmarks.astype(np.float64)
    eyes = (points[:, 0] + points[:, 1]) / 2
    mouth = (points[:, 3] + points[:, 4]) / 2
    down = mouth - eyes
    length = np.maximum(np.linalg.norm(down, axis=1), 1e-6)
    unit = down / length[:, None]
    across = np.stack([unit[:, 1], -unit[:, 0]], axis=1)
    nose = points[:, 2] - eyes
    sideways = np.abs(np.einsum("nd,nd->n", nose, across)) / length
    below = np.einsum("nd,nd->n", nose, unit) / length
    yaw = 1 - sideways / 0.6
    # From the front the nose is 0.58 of the way down; 0.2 and 0.96 are far up and far down.
    pitch = 1 - np.abs(below - 0.58) / 0.38
    return np.asarray(np.clip(yaw, 0, 1) * np.sqrt(np.clip(pitch, 0, 1)))


def _exposure(aligned: AlignedFaces) -> NDArray[np.float64]:
    """Return (N,): 1 for mid grey with contrast, falling to 0 for black, white or one grey."""
    import cv2

    side = aligned.shape[1]
    inner = slice(side // 6, side - side // 6)
    exposure = np.zeros(len(aligned))
    for row, face in enumerate(aligned):
        grey = cv2.cvtColor(face[inner, inner], cv2.COLOR_RGB2GRAY)
        mean, spread = (float(value[0, 0]) for value in cv2.meanStdDev(grey))
        exposure[row] = min(mean / 60, (255 - mean) / 40, spread / 25)
    return exposure
