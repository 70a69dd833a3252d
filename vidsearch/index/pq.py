"""Every vector compared by a code of a few bytes: a core reads a million in milliseconds.

Templates differ in few directions, so a vector is turned to the directions in which they vary most,
the rest is left out, and what stays is coded in four bits for every three numbers (product
quantisation: Jegou et al., PAMI 2011; codes laid out for registers: Andre et al., VLDB 2015). No
vector is out of sight, as in a cell that is not looked into; some hundred candidates, or thousands
of the shorter codes, are then compared exactly.
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

_WIDTH = 3  # numbers that share four bits: more parts, not fewer numbers, were what helped
_FINE_BYTES = 32  # of a code: twice the usual candidates do; half as many bytes need eight times
_SPARE = 0.25  # of the candidates, where some rows are left out: the best may be, more than others
_SCANNED_SHARE = 8  # candidates wanted beyond 1/8 of all rows: comparing the allowed ones is faster


def empty(dim: int, parts: int, sample: Matrix) -> Any:
    """Return FAISS's index over turned and shortened vectors, trained on the sample.

    Args:
        dim: Length of the vectors.
        parts: Of four bits each; at most ``dim``.
        sample: (N, D) float32 unit vectors, at least 16.
    """
    faiss = library()
    kept = parts * min(_WIDTH, dim // parts)
    moment = sample.T.astype(np.float64) @ sample.astype(np.float64)
    # Around zero, not around the mean: it is the cosine that has to be kept.
    _, directions = np.linalg.eigh(moment)
    # Turned at random afterwards, so that every part carries as much as any other.
    noise = np.random.default_rng(1).standard_normal((kept, kept))
    turn = directions[:, ::-1][:, :kept] @ np.linalg.qr(noise)[0]
    transform = faiss.LinearTransform(dim, kept, False)
    faiss.copy_array_to_vector(np.ascontiguousarray(turn.T, np.float32).ravel(), transform.A)
    transform.is_trained = True
    codes = faiss.IndexPQFastScan(kept, parts, 4, faiss.METRIC_INNER_PRODUCT)
    codes.pq.cp.min_points_per_centroid = 1
    codes.train(np.ascontiguousarray(sample @ turn.astype(np.float32)))
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
    """Set what is behind the last row to zero.

    Codes lie in blocks of 32 rows. FAISS leaves the rest of the last block as the memory was, and
    writes it: the same vectors would make other files.
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

    Recall: of 1 M made-up templates of 512 numbers, more than 0.995 of the true matches that a
    comparison with all finds; the same of 500,000 of 128 numbers.

    Args:
        ids: N distinct ids.
        vectors: (N, D) float32, unit length; may be mapped from a file.
        index: What ``empty`` made, filled.

    Raises:
        ShapeError: Not as many ids, vectors and codes.
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

    def _coded(self, query: Vector, wanted: int, allowed: Allowed) -> NDArray[np.int64]:
        """Return at least ``wanted`` allowed rows with the best codes, or all that are allowed."""
        library().omp_set_num_threads(1)
        row = np.ascontiguousarray(query[None])
        # FAISS leaves no rows out here: more are asked for, until enough are allowed ones.
        share = allowed.count / len(self)
        fetched = wanted if allowed.bits is None else round((1 + _SPARE) * wanted / share)
        while fetched <= max(wanted, len(self) // _SCANNED_SHARE):
            _, found = self._index.search(row, min(fetched, len(self)))
            rows: NDArray[np.int64] = found[0][found[0] >= 0]
            rows = rows[allowed.holds(rows)]
            if len(rows) >= wanted:
                return rows[:wanted]
            if allowed.bits is None:
                return rows
            fetched *= 4
        return allowed.rows()
