"""FAISS's flat inner-product index with exact results, ties included.

FAISS sums in float32, in an order that depends on a vector's position, so near ties may come in any
order. Its scores only choose candidates, with a margin that bounds the rounding. Exact similarities
then order the candidates. Results are therefore the same on the CPU and, after many queries and if
there is one, on a GPU.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidsearch.datatypes import Matrix, Vector
from vidsearch.errors import ShapeError
from vidsearch.index import gpu
from vidsearch.index.base import (
    Neighbours,
    VectorIndex,
    check_search,
    check_vectors,
    exact_top_k,
)
from vidsearch.libraries import load

_SPARE = 32  # candidates beyond k; too few only if that many rows nearly tie with the k-th


def library() -> Any:
    """Import FAISS untyped: its wrappers change signatures when they are loaded."""
    return load("faiss")


class FaissFlatIndex(VectorIndex):
    """A FAISS ``IndexFlatIP`` and the ids of its rows.

    Args:
        ids: N distinct ids.
        index: FAISS index over N unit vectors.

    Raises:
        ShapeError: The numbers of ids and vectors differ.

    Example:
        >>> vectors = np.array([[1, 0], [0, 1]], np.float32)
        >>> index = FaissFlatIndex.build(["b", "a"], vectors)
        >>> index.search(np.array([[0.6, 0.8]], np.float32), k=5)[0].ids
        ('a', 'b')
    """

    kind = "faiss-flat"

    def __init__(self, ids: Sequence[str], index: Any) -> None:
        if len(ids) != index.ntotal:
            raise ShapeError(f"the index holds {index.ntotal} vectors; got {len(ids)} ids")
        self.dim = int(index.d)
        self._ids = ids
        self._index = index
        # Twice the bound on the rounding error of a float32 sum of D products of unit vectors:
        # |error| <= D * 2**-24 * sum |x_i y_i| <= D * 2**-24 (Higham, Accuracy and Stability of
        # Numerical Algorithms, section 3.1), plus the rounding of the exact value to float32.
        self._margin = np.float32(2 * (self.dim + 2) * 2.0**-24)
        self._query_count = 0
        self._on_gpu: gpu.FlatCopy | None = None

    @classmethod
    def build(cls, ids: Sequence[str], vectors: Matrix) -> FaissFlatIndex:
        """Build an index.

        Args:
            ids: N distinct ids.
            vectors: (N, D) float32, unit length.

        Raises:
            ShapeError: The vectors are not (N, D), not finite or not of unit length.
        """
        faiss = library()
        if vectors.ndim != 2 or len(ids) != len(vectors):
            raise ShapeError(f"vectors must be ({len(ids)}, D); got {vectors.shape}")
        check_vectors("vectors", vectors, vectors.shape[1])
        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(np.ascontiguousarray(vectors))
        return cls(ids, index)

    @classmethod
    def load(cls, ids: Sequence[str], path: str | os.PathLike[str]) -> FaissFlatIndex:
        """Map a file written by ``save`` into memory.

        Raises:
            ShapeError: The numbers of ids and vectors differ.
            RuntimeError: FAISS cannot read the file.
        """
        faiss = library()
        return cls(ids, faiss.read_index(os.fspath(path), faiss.IO_FLAG_MMAP_IFC))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the FAISS index, without the ids.

        Raises:
            RuntimeError: FAISS cannot write the file.
        """
        faiss = library()
        faiss.write_index(self._index, os.fspath(path))

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def vectors(self, rows: NDArray[np.int64]) -> Matrix:
        """Return the vectors of (R,) rows, (R, D) float32; see ``VectorIndex.vectors``."""
        if not len(rows):
            return np.zeros((0, self.dim), np.float32)
        return np.asarray(self._index.reconstruct_batch(rows), np.float32)

    def search(
        self, queries: Matrix, k: int, masked: NDArray[np.bool_] | None = None
    ) -> list[Neighbours]:
        """Return the ``k`` best vectors of (Q, D) queries; see ``VectorIndex.search``."""
        faiss = library()
        check_search(self, queries, k, masked)
        allowed = len(self) if masked is None else int(len(self) - masked.sum())
        if not allowed:
            return [Neighbours(np.zeros(0, np.float32), ()) for _ in queries]
        faiss.omp_set_num_threads(1)
        before, self._query_count = self._query_count, self._query_count + len(queries)
        if before <= gpu.COPY_AFTER_QUERIES < self._query_count:
            self._on_gpu = gpu.flat_copy(faiss, self._index)
        parameters = None
        if masked is not None:
            # FAISS's selector holds a pointer to the bits, so the array must outlive the search.
            bits = np.packbits(~masked, bitorder="little")
            selector = faiss.IDSelectorBitmap(bits)
            parameters = faiss.SearchParameters(sel=selector)
        return [self._search_one(query, min(k, allowed), allowed, parameters) for query in queries]

    def _search_one(self, query: Vector, k: int, allowed: int, parameters: Any) -> Neighbours:
        candidates = min(k + _SPARE, allowed)
        row = np.ascontiguousarray(query[None])
        if self._on_gpu is not None and parameters is None and candidates <= gpu.MAX_NEIGHBOURS:
            scores, found = self._on_gpu.index.search(row, candidates)
        else:
            scores, found = self._index.search(row, candidates, params=parameters)
        rows = found[0]
        floor = scores[0, k - 1] - self._margin
        if candidates < allowed and scores[0, -1] >= floor:
            # Near ties exceed the candidates, so every row that may belong is fetched.
            _, _, rows = self._index.range_search(
                row, float(np.nextafter(floor, np.float32(-np.inf))), params=parameters
            )
        vectors = self._index.reconstruct_batch(rows)
        ids = [self._ids[row] for row in rows.tolist()]
        return exact_top_k(vectors, ids, query, k)
