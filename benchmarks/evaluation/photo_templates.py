"""Photos to templates with a pack, as a search does it: detect, align, embed, L2-normalise.

In a photo with several faces the face nearest the centre is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vidsearch.datatypes import Matrix
from vidsearch.evaluation.photo_embeddings import EmbeddingOptions, embed_photos
from vidsearch.faces.template import normalise

NO_FACE_SIMILARITY = -1.0
"""Score of a pair with a photo that is missing or shows no face: it is never accepted."""


@dataclass(frozen=True, slots=True, eq=False)
class PhotoTemplates:
    """Templates of photos, one row per photo.

    Attributes:
        vectors: (N, D) float32, unit length; zeros without a face.
        found: (N,) True if a face was found.
        missing: (N,) True if the file does not exist.
    """

    vectors: Matrix
    found: NDArray[np.bool_]
    missing: NDArray[np.bool_]

    def similarities(self, first: Sequence[int], second: Sequence[int]) -> NDArray[np.float64]:
        """Return the cosine of each pair of rows; ``NO_FACE_SIMILARITY`` if one has no face."""
        left, right = np.asarray(first, np.intp), np.asarray(second, np.intp)
        vectors = self.vectors.astype(np.float64)
        cosines = np.einsum("nd,nd->n", vectors[left], vectors[right])
        return np.where(self.found[left] & self.found[right], cosines, NO_FACE_SIMILARITY)


def photo_templates(
    photos: Sequence[Path], *, model: str, device: str = "cpu", processes: int = 1
) -> PhotoTemplates:
    """Return the template of the central face of every photo."""
    options = EmbeddingOptions(model=model, device=device, processes=processes)
    embedded = embed_photos(photos, options)
    return PhotoTemplates(normalise(embedded.raw), embedded.found, embedded.missing)
