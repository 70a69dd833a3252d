"""Exact results from stored vectors: over a few rows, or over the candidates of a coarser index."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidsearch.datatypes import Matrix, Vector
from vidsearch.errors import ShapeError
from vidsearch.index.base import (
    BLOCK_ROWS,
    Neighbours,
    VectorIndex,
    check_search,
    exact_top_k,
)

EXACT_ROWS = 20_000
"""Allowed rows up to which all are compared: an estimate, not a measured crossing point."""


def candidates_beyond(k: int) -> int:
    """Return the number of candidates to re-rank for ``k`` results."""
    return 2 * k + 100


class Allowed:
    """Rows that a search may return, in the forms that FAISS and NumPy need.

    Args:
        count: Number of rows of the index, N.
        masked: (N,) bool, True for rows to leave out; None: no row is left out.
    """

    def __init__(self, count: int, masked: NDArray[np.bool_] | None) -> None:
        self._total = count
        self._masked = masked
        self.count = count if masked is None else count - int(np.count_nonzero(masked))
        # FAISS holds a pointer to the bits, so they must live as long as the selector.
        self.bits = None if masked is None else np.packbits(~masked, bitorder="little")

    def rows(self) -> NDArray[np.int64]:
        """Return the (R,) numbers of the allowed rows."""
        if self._masked is None:
            return np.arange(self._total)
        return np.flatnonzero(~self._masked)

    def holds(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return (R,) bool for (R,) row numbers: True for allowed rows."""
        if self._masked is None:
            return np.ones(len(rows), np.bool_)
        return ~self._masked[rows]


class RerankedIndex(VectorIndex):
    """Index that takes candidates from codes and results from the vectors.

    Similarities and order of the results are exact. A vector that is not among the candidates is
    missed. If only a few rows are allowed, all of them are compared, and none is missed.

    Args:
        ids: N distinct ids.
        vectors: (N, D) float32, unit length; may be mapped from a file.

    Raises:
        ShapeError: The numbers of ids and vectors differ.
    """

    def __init__(self, ids: Sequence[str], vectors: Matrix) -> None:
        if vectors.ndim != 2 or len(ids) != len(vectors):
            raise ShapeError(f"vectors must be ({len(ids)}, D); got {vectors.shape}")
        self.dim = vectors.shape[1]
        self._ids = ids
        self._vectors = vectors
        # As in FaissFlatIndex: twice the bound on the rounding of a float32 product.
        self._margin = np.float32(2 * (self.dim + 2) * 2.0**-24)

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
        allowed = Allowed(len(self), masked)
        if allowed.count <= max(EXACT_ROWS, candidates_beyond(k)):
            rows = allowed.rows()
            return [self._ranked(rows, self._scores(rows, query), query, k) for query in queries]
        return [self._ranked(*self._candidates(query, k, allowed), query, k) for query in queries]

    @abstractmethod
    def _candidates(
        self, query: Vector, k: int, allowed: Allowed
    ) -> tuple[NDArray[np.int64], Vector]:
        """Return distinct rows that should include the ``k`` best, and their ``_scores``."""

    def _ranked(self, rows: NDArray[np.int64], scores: Vector, query: Vector, k: int) -> Neighbours:
        """Return the ``k`` best of the rows with their ``_scores``."""
        if len(rows) > k:
            kth = np.partition(scores, len(rows) - k)[len(rows) - k]
            rows = rows[scores >= kth - self._margin]
        ids = [self._ids[row] for row in rows.tolist()]
        return exact_top_k(self._vectors[rows], ids, query, k)

    def _scores(self, rows: NDArray[np.int64], query: Vector) -> Vector:
        """Return the rows' cosines with the query in float32; errors are below half the margin."""
        scores = np.empty(len(rows), np.float32)
        for start in range(0, len(rows), BLOCK_ROWS):
            block = self._vectors[rows[start : start + BLOCK_ROWS]]
            scores[start : start + BLOCK_ROWS] = block @ query
        return scores


def selector(faiss: Any, allowed: Allowed) -> Any:
    """Return FAISS's selector of the allowed rows; None if all rows are allowed."""
    return None if allowed.bits is None else faiss.IDSelectorBitmap(allowed.bits)
