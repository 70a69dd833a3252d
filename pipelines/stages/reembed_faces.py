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
    """Faces as a catalog keeps them.

    Attributes:
        jpegs: N pictures.
        landmarks: (N, 5, 2) float32, pixels of the frame.
        points: (N, 5, 2) float32, where these lie in the pictures.
    """

    jpegs: tuple[bytes, ...]
    landmarks: NDArray[np.float32]
    points: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.jpegs)


def run(faces: StoredFaces, embedder: Embedder) -> Matrix:
    """Return (N, D) raw embeddings; a row of NaN where a picture is damaged."""
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
    wanted: AlignmentTemplate,
) -> Image | None:
    image = picture(jpeg)
    if image is None:
        return None
    try:
        return realign(image, landmarks, alignment(points, len(image), wanted), wanted)
    except ShapeError:
        return None  # landmarks that no face has


def picture(jpeg: bytes) -> Image | None:
    """Return a stored face; None where it is damaged."""
    import cv2

    decoded = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR) if jpeg else None
    if decoded is None or decoded.shape[0] != decoded.shape[1]:
        return None
    return np.ascontiguousarray(decoded[..., ::-1])


def alignment(
    points: NDArray[np.float32], size: int, known: AlignmentTemplate
) -> AlignmentTemplate:
    """Return how a stored face is aligned; ``known`` itself where it is that one."""
    if size == known.size and np.allclose(points, known.array, atol=1e-3):
        return known
    return AlignmentTemplate("stored", size, tuple((float(x), float(y)) for x, y in points))
