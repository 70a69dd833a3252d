"""Fit of stored aligned faces to the alignment of another model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vidsearch.faces.geometry.align import AlignmentTemplate, similarity_transform


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFaceFit:
    """Scale and coverage of stored faces in the input of a new model.

    Attributes:
        size: Side of a stored image with its margin, pixels.
        model_size: Side of the input of the new model, pixels.
        scale: Enlargement from the stored image to the input; above 1, detail is missing that the
            video would have.
        outside: Share of the input that lies outside the stored image, where the border is
            repeated.
    """

    size: int
    model_size: int
    scale: float
    outside: float


def stored_face_fit(stored: AlignmentTemplate, model: AlignmentTemplate) -> StoredFaceFit:
    """Return the fit of faces stored in one alignment to another.

    Args:
        stored: Alignment of the stored images.
        model: Alignment of the new model.
    """
    matrix = similarity_transform(stored.array, model)
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    rows, columns = np.mgrid[0 : model.size, 0 : model.size]
    inverse = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))
    points = inverse @ np.stack([columns.ravel(), rows.ravel(), np.ones(rows.size)])
    inside = ((points[:2] >= -0.5) & (points[:2] <= stored.size - 0.5)).all(axis=0)
    return StoredFaceFit(
        size=stored.size,
        model_size=model.size,
        scale=scale,
        outside=float(1 - inside.mean()),
    )
