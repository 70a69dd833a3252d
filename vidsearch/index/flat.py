"""Exact reference index: every similarity is computed in NumPy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vidsearch.datatypes import Matrix
from vidsearch.errors import ShapeError
from vidsearch.index.base import (
    Neighbours,
    VectorIndex,
    check_search,
    check_vectors,
    exact_top_k,
)


class FlatIndex(VectorIndex):
    """Compares a query with every vector.

    Args:
        ids: N distinct ids.
        vectors: (N, D) float32, unit length.

    Raises:
        ShapeError: The vectors are not (N, D), not finite or not of unit length.

    Example:
        >>> index = FlatIndex(["b", "a"], np.array([[1, 0], [0, 1]], np.float32))
        >>> index.search(np.array([[0.6, 0.8]], np.float32), k=5)[0].ids
        ('a', 'b')
    """

    kind = "flat"

    def __init__(self, ids: Sequence[str], vectors: Matrix) -> None:
        if vectors.ndim != 2 or len(ids) != len(vectors):
            raise ShapeError(f"vectors must be ({len(ids)}, D); got {vectors.shape}")
        self.dim = vectors.shape[1]
        check_vectors("vectors", vectors, self.dim)
        self._ids = ids
        self._vectors = vectors

    def __len__(self) -> int:
        return len(self._vectors)

    def vectors(self, rows: NDArray[np.int64]) -> Matrix:
        """Return the vectors of (R,) rows, (R, D) float32; see ``VectorIndex.vectors``."""
        return self._vectors[rows]

    def search(
        self, queries: Matrix, k: int, masked: NDArray[np.bool_] | None = None
    ) -> list[Neighbours]:
        """Return the ``k`` best vectors of (Q, D) queries; see ``VectorIndex.search``."""
        check_search(self, queries, k, masked)
        rows = np.arange(len(self)) if masked is None else np.flatnonzero(~masked)
        ids = self._ids if masked is None else [self._ids[row] for row in rows.tolist()]
        vectors = self._vectors if masked is None else self._vectors[rows]
        return [exact_top_k(vectors, ids, query, k) for query in queries]
