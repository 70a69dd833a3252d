"""Stored aligned faces -> embeddings of another model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidsearch.datatypes import Image, Matrix
from vidsearch.errors import ShapeError
from vidsearch.faces.embed.base import Embedder
from vidsearch.faces.geometry.align import AlignmentTemplate
from vidsearch.faces.geometry.realign import realign


@dataclass(frozen=True, slots=True, eq=False)
class StoredFaces:
    """Aligned faces as a catalog stores them.

    Attributes:
        jpegs: N JPEG images.
        landmarks: (N, 5, 2) float32, pixels of the frame.
        points: (N, 5, 2) float32, landmarks in pixels of the stored image.
    """

    jpegs: tuple[bytes, ...]
    landmarks: NDArray[np.float32]
    points: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.jpegs)


def run(faces: StoredFaces, embedder: Embedder) -> Matrix:
    """Return (N, D) raw embeddings; the row of a damaged image is NaN."""
    embeddings = np.full((len(faces), embedder.dim), np.nan, np.float32)
    aligned = [
        _aligned(jpeg, landmarks, points, embedder.template)
        for jpeg, landmarks, points in zip(faces.jpegs, faces.landmarks, faces.points, strict=True)
    ]
    good = [row for row, face in enumerate(aligned) if face is not None]
    if good:
        embeddings[good] = embedder.embed(np.stack([f for f in aligned if f is not None]))
    return embeddings


def _aligned(
    jpeg: bytes,
    landmarks: NDArray[np.float32],
    points: NDArray[np.float32],
    template: AlignmentTemplate,
) -> Image | None:
    image = decode_stored_face(jpeg)
    if image is None:
        return None
    try:
        stored = stored_alignment(points, len(image), template)
        return realign(image, landmarks, stored, template)
    except ShapeError:
        return None  # the landmarks are degenerate


def decode_stored_face(jpeg: bytes) -> Image | None:
    """Return a stored face as (S, S, 3) uint8 RGB; None if the JPEG is damaged."""
    import cv2

    decoded = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR) if jpeg else None
    if decoded is None or decoded.shape[0] != decoded.shape[1]:
        return None
    return np.ascontiguousarray(decoded[..., ::-1])


def stored_alignment(
    points: NDArray[np.float32], size: int, template: AlignmentTemplate
) -> AlignmentTemplate:
    """Return the alignment of a stored face; ``template`` itself if the two are equal.

    Args:
        points: (5, 2) landmarks in pixels of the stored image.
        size: Side of the stored image, pixels.
        template: Alignment of the new model.
    """
    if size == template.size and np.allclose(points, template.array, atol=1e-3):
        return template
    return AlignmentTemplate("stored", size, tuple((float(x), float(y)) for x, y in points))
