"""Realignment of a stored aligned face to another template, without the frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vidsearch.datatypes import Image, Landmarks, check_array
from vidsearch.faces.geometry.align import AlignmentTemplate, similarity_transform


def realign(
    aligned: Image, landmarks: Landmarks, stored: AlignmentTemplate, target: AlignmentTemplate
) -> Image:
    """Return an approximation of the face that is aligned from the frame to ``target``.

    Both alignments are similarities of the frame fitted to the same landmarks. The stored one is
    inverted and the target one applied, so the residuals of both fits are taken into account.
    Losses: detail finer than the stored image (if ``target`` is larger), a second interpolation,
    and pixels outside the stored image, where its border is repeated.

    Args:
        aligned: (S, S, 3) uint8 RGB with S the size of ``stored``.
        landmarks: (5, 2) float32, pixels of the frame that ``aligned`` was warped from.
        stored: Template of ``aligned``.
        target: Template of the result.

    Returns:
        (W, W, 3) uint8 RGB with W the size of ``target``; a copy if the templates are equal.

    Raises:
        ShapeError: ``aligned`` has another size, or the landmarks are invalid.
    """
    check_array("aligned", aligned, (stored.size, stored.size, 3), np.uint8)
    if (stored.size, stored.points) == (target.size, target.points):
        return aligned.copy()
    import cv2

    forward, backward = (_homogeneous(similarity_transform(landmarks, t)) for t in (target, stored))
    matrix = (forward @ np.linalg.inv(backward))[:2]
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    source = aligned
    if scale < 1:  # average first, as the warp from the frame does
        source = np.asarray(
            cv2.GaussianBlur(aligned, (0, 0), 0.5 * (1 / scale**2 - 1) ** 0.5 + 1e-3), np.uint8
        )
    warped = cv2.warpAffine(
        source,
        matrix,
        (target.size, target.size),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(warped, np.uint8)


def _homogeneous(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.vstack([matrix, [0.0, 0.0, 1.0]])
