"""From one template to another without the frame: the stored aligned face, warped again."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vidsearch.datatypes import Image, Landmarks, check_array
from vidsearch.faces.geometry.align import AlignmentTemplate, similarity_transform


def realign(
    aligned: Image, landmarks: Landmarks, stored: AlignmentTemplate, wanted: AlignmentTemplate
) -> Image:
    """Return the face as aligning the frame itself to ``wanted`` would have shown it, nearly.

    Both alignments are similarities of the frame, fitted to the same landmarks, so the one is
    undone and the other applied; how far a face's landmarks are from either template cancels
    nothing and is taken into account. What is lost: detail finer than the stored picture (where
    ``wanted`` is the larger), a second interpolation, and what lay outside the stored picture,
    where its border is repeated.

    Args:
        aligned: (S, S, 3) uint8 RGB with S the size of ``stored``.
        landmarks: (5, 2) float32, pixels of the frame that ``aligned`` was warped from.
        stored: Template of ``aligned``.
        wanted: Template to return.

    Returns:
        (W, W, 3) uint8 RGB with W the size of ``wanted``; a copy where the templates are the same.

    Raises:
        ShapeError: ``aligned`` has another size, or the landmarks are unusable.
    """
    check_array("aligned", aligned, (stored.size, stored.size, 3), np.uint8)
    if (stored.size, stored.points) == (wanted.size, wanted.points):
        return aligned.copy()
    import cv2

    there, back = (_square(similarity_transform(landmarks, t)) for t in (wanted, stored))
    matrix = (there @ np.linalg.inv(back))[:2]
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    source = aligned
    if scale < 1:  # average first, as a warp from the frame would have done
        source = np.asarray(
            cv2.GaussianBlur(aligned, (0, 0), 0.5 * (1 / scale**2 - 1) ** 0.5 + 1e-3), np.uint8
        )
    warped = cv2.warpAffine(
        source,
        matrix,
        (wanted.size, wanted.size),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(warped, np.uint8)


def _square(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.vstack([matrix, [0.0, 0.0, 1.0]])
