"""Quality of a face, used to choose the best face of a track and to warn about a poor photo.

Quality is the weighted geometric mean of five factors in [0, 1]:

| factor | weight | 0 | 1 |
|---|--:|---|---|
| size | 0.30 | eyes 5 px apart or less | 40 px or more (log scale between) |
| sharpness | 0.30 | no fine detail | 0.3 of the contrast is fine detail |
| pose | 0.20 | nose beside an eye, or level with eyes or mouth | nose between and below the eyes |
| exposure | 0.10 | black, white or one grey | mid grey with contrast |
| detection score | 0.10 | 0.3 | 0.9 or more |

The norm of an embedding is not used: with the ``open`` pack it does not depend on quality.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vidsearch.datatypes import AlignedFaces, Boxes, Landmarks, Vector, check_array

MIN_INTER_OCULAR_PX = 8.0
"""Smallest distance between the eyes of a face that is matched.

Measured with photos of LFW, 150 x 150 with eyes 25 px apart, shrunk and matched with unshrunk ones,
``open`` pack, threshold of FAR 1e-3. TAR 0.98 at 20 px and more, 0.96 at 12 to 20, 0.91 at 10 to
12, 0.85 at 8 to 10, 0.72 at 7 to 8, 0.65 at 6 to 7, 0.41 at 5 to 6. The FAR does
not rise at any size.
"""

MIN_SHARPNESS = 0.06
"""Lowest sharpness of a face that is matched.

Measured with the same photos, blurred. TAR 0.97 at a sharpness of 0.10 to 0.13, 0.95 at 0.08 to
0.10, 0.84 at 0.07 to 0.08, 0.81 at 0.06 to 0.07, 0.63 at 0.05 to 0.06, 0.45 at 0.04 to 0.05, at
most 0.22 below.
"""

_WEIGHTS = np.array([0.30, 0.30, 0.20, 0.10, 0.10])
_FULL_SHARPNESS = 0.30


def face_quality(
    aligned: AlignedFaces, landmarks: Landmarks, boxes_xyxy: Boxes, scores: Vector
) -> Vector:
    """Return the quality of each face; the formula is in the module's docstring.

    Args:
        aligned: (N, S, S, 3) uint8 RGB.
        landmarks: (N, 5, 2) float32, pixels of the full image.
        boxes_xyxy: (N, 4) float32, pixels of the full image.
        scores: (N,) float32, scores of the detector.

    Returns:
        (N,) float32 in [0, 1].

    Raises:
        ShapeError: An input has another shape or dtype.
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
            frontality(landmarks),
            _exposure(aligned),
            (scores - 0.3) / 0.6,
        ]
    )
    clipped = np.clip(np.nan_to_num(factors), 0.0, 1.0)
    return np.asarray(np.prod(clipped ** _WEIGHTS[:, None], axis=0), np.float32)


def too_poor(aligned: AlignedFaces, landmarks: Landmarks, boxes_xyxy: Boxes) -> NDArray[np.bool_]:
    """Return True for each face that is too small or too blurred to be matched.

    Args:
        aligned: (N, S, S, 3) uint8 RGB.
        landmarks: (N, 5, 2) float32, pixels of the full image.
        boxes_xyxy: (N, 4) float32, pixels of the full image.

    Returns:
        (N,) bool.
    """
    small = inter_ocular_px(landmarks, boxes_xyxy) < MIN_INTER_OCULAR_PX
    return np.asarray(small | (sharpness(aligned) < MIN_SHARPNESS))


def inter_ocular_px(landmarks: Landmarks, boxes_xyxy: Boxes) -> NDArray[np.float64]:
    """Return the distance between the eyes, at least 0.3 box heights.

    In a profile the eyes coincide, so the height of the box gives the lower limit: the eyes of
    upright frontal faces are 0.3 box heights apart.

    Args:
        landmarks: (N, 5, 2) float32, pixels of the full image.
        boxes_xyxy: (N, 4) float32, pixels of the full image.

    Returns:
        (N,) float64, pixels of the full image.
    """
    distance = np.linalg.norm(landmarks[:, 0] - landmarks[:, 1], axis=1).astype(np.float64)
    height = (boxes_xyxy[:, 3] - boxes_xyxy[:, 1]).astype(np.float64)
    return np.asarray(np.maximum(distance, 0.3 * height))


def sharpness(aligned: AlignedFaces) -> NDArray[np.float64]:
    """Return the share of fine detail in the contrast of each face, 0.2 to 0.3 for a sharp face.

    Fine detail is the difference to the face blurred by a Gaussian of 1/60 of its side. A small
    face enlarged to the template has as little fine detail as a blurred one.

    Args:
        aligned: (N, S, S, 3) uint8 RGB.

    Returns:
        (N,) float64.
    """
    import cv2

    shares = np.zeros(len(aligned))
    for row, face in enumerate(aligned):
        side = face.shape[0]
        grey = cv2.cvtColor(face, cv2.COLOR_RGB2GRAY).astype(np.float32)
        inner = slice(side // 6, side - side // 6)
        fine = (grey - cv2.GaussianBlur(grey, (0, 0), side / 60))[inner, inner]
        # Without the constant, noise of a few grey levels on an even surface would count as detail.
        shares[row] = fine.std() / (grey[inner, inner].std() + 4.0)
    return shares


def frontality(landmarks: Landmarks) -> NDArray[np.float64]:
    """Return 1 for a frontal face, falling to 0 for a profile; roll has no influence.

    Args:
        landmarks: (N, 5, 2) float32, pixels.

    Returns:
        (N,) float64 in [0, 1].
    """
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
    # A frontal nose is at 0.58 of the way from eyes to mouth; 0.2 and 0.96 are extremes.
    pitch = 1 - np.abs(below - 0.58) / 0.38
    return np.asarray(np.clip(yaw, 0, 1) * np.sqrt(np.clip(pitch, 0, 1)))


def _exposure(aligned: AlignedFaces) -> NDArray[np.float64]:
    """Return (N,): 1 for mid grey with contrast, falling to 0 for black, white or even grey."""
    import cv2

    side = aligned.shape[1]
    inner = slice(side // 6, side - side // 6)
    exposure = np.zeros(len(aligned))
    for row, face in enumerate(aligned):
        grey = cv2.cvtColor(face[inner, inner], cv2.COLOR_RGB2GRAY)
        mean, spread = (float(value[0, 0]) for value in cv2.meanStdDev(grey))
        exposure[row] = min(mean / 60, (255 - mean) / 40, spread / 25)
    return exposure
