"""Flat index of product codes, a few bytes per vector: a core scans a million in milliseconds.

Templates vary in few directions. A vector is rotated to the directions of largest variation, the
other directions are dropped, and every three numbers are coded in four bits (product quantisation:
Jegou et al., PAMI 2011; code layout for registers: Andre et al., VLDB 2015). All codes are scanned,
unlike in an inverted file. Some hundred candidates, or thousands with the shorter codes, are then
compared exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidsearch.datatypes import Matrix, Vector
from vidsearch.errors import ShapeError
from vidsearch.index.faiss import library
from vidsearch.index.rerank import Allowed, RerankedIndex, candidates_beyond

_WIDTH = 3  # numbers coded in four bits; more parts raised the recall, fewer numbers did not
_FINE_BYTES = 32  # bytes per code; 32 need 2x candidates for the same recall, 16 need 8x
_SPARE = 0.25  # extra share of candidates if rows are masked: the best rows may be the masked ones
_SCANNED_SHARE = 8  # above 1/8 of all rows, comparing all allowed rows is faster


def empty(dim: int, parts: int, sample: Matrix) -> Any:
    """Return FAISS's index over rotated and shortened vectors, trained on a sample.

    Args:
        dim: Length of the vectors, D.
        parts: Number of four-bit parts of a code; at most ``dim``.
        sample: (N, D) float32 unit vectors, N at least 16.
    """
    faiss = library()
    kept_dim = parts * min(_WIDTH, dim // parts)
    moment = sample.T.astype(np.float64) @ sample.astype(np.float64)
    # Second moment around zero, not around the mean, because the cosine has to be preserved.
    _, directions = np.linalg.eigh(moment)
    # A random rotation afterwards spreads the variation evenly over the parts.
    noise = np.random.default_rng(1).standard_normal((kept_dim, kept_dim))
    rotation = directions[:, ::-1][:, :kept_dim] @ np.linalg.qr(noise)[0]
    transform = faiss.LinearTransform(dim, kept_dim, False)
    faiss.copy_array_to_vector(np.ascontiguousarray(rotation.T, np.float32).ravel(), transform.A)
    transform.is_trained = True
    codes = faiss.IndexPQFastScan(kept_dim, parts, 4, faiss.METRIC_INNER_PRODUCT)
    codes.pq.cp.min_points_per_centroid = 1
    codes.train(np.ascontiguousarray(sample @ rotation.astype(np.float32)))
    whole = faiss.IndexPreTransform(transform, codes)
    transform.this.disown()
    codes.this.disown()
    whole.own_fields = True
    return whole


def joined(parts: Sequence[Any]) -> Any:
    """Return the first index with the codes of the others appended; the others end up empty."""
    faiss = library()
    whole = parts[0]
    codes = faiss.downcast_index(whole.index)
    for part in parts[1:]:
        codes.merge_from(faiss.downcast_index(part.index), 0)
    whole.ntotal = codes.ntotal
    _clear_rest(codes)
    return whole


def _clear_rest(codes: Any) -> None:
    """Set the unused rows of the last block to zero.

    Codes lie in blocks of 32 rows. FAISS writes the rest of the last block uninitialised, so the
    same vectors would give different files.
    """
    faiss = library()
    if codes.ntotal % codes.bbs:
        packer = codes.get_CodePacker()
        flat = faiss.rev_swig_ptr(codes.codes.get(), codes.codes.size())
        last = flat[-packer.block_size :].reshape(1, -1)
        nothing = np.zeros(packer.code_size, np.uint8)
        for row in range(codes.ntotal % codes.bbs, codes.bbs):
            packer.pack_1(nothing, row, last)


class FlatPqIndex(RerankedIndex):
    """FAISS's four-bit product codes of all vectors; the best candidates are compared exactly.

    Recall: above 0.995 of the true matches that an exact search finds, for 1 M synthetic templates
    of 512 numbers and for 500,000 of 128 numbers.

    Args:
        ids: N distinct ids.
        vectors: (N, D) float32, unit length; may be mapped from a file.
        index: FAISS index from ``empty``, with the codes of the vectors.

    Raises:
        ShapeError: The numbers of ids, vectors and codes differ.
    """

    kind = "flat-pq"

    def __init__(self, ids: Sequence[str], vectors: Matrix, index: Any) -> None:
        super().__init__(ids, vectors)
        if index.ntotal != len(vectors):
            raise ShapeError(f"the index holds {index.ntotal} codes for {len(vectors)} vectors")
        self._index = index
        code_bytes = library().downcast_index(index.index).pq.M / 2
        self._deeper = min(8, max(2, round(2 * (_FINE_BYTES / code_bytes) ** 2)))

    def _candidates(
        self, query: Vector, k: int, allowed: Allowed
    ) -> tuple[NDArray[np.int64], Vector]:
        rows = self._coded(query, self._deeper * candidates_beyond(k), allowed)
        return rows, self._scores(rows, query)

    def _coded(self, query: Vector, count: int, allowed: Allowed) -> NDArray[np.int64]:
        """Return ``count`` allowed rows with the best codes, or all allowed rows."""
        library().omp_set_num_threads(1)
        row = np.ascontiguousarray(query[None])
        # FAISS cannot mask rows here, so more are fetched until enough of them are allowed.
        share = allowed.count / len(self)
        fetched = count if allowed.bits is None else round((1 + _SPARE) * count / share)
        while fetched <= max(count, len(self) // _SCANNED_SHARE):
            _, found = self._index.search(row, min(fetched, len(self)))
            rows: NDArray[np.int64] = found[0][found[0] >= 0]
            rows = rows[allowed.holds(rows)]
            if len(rows) >= count:
                return rows[:count]
            if allowed.bits is None:
                return rows
            fetched *= 4
        return allowed.rows()
