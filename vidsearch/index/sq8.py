"""Flat index of one byte per number: all vectors compared with a quarter of the memory traffic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidsearch.datatypes import Matrix, Vector
from vidsearch.errors import ShapeError
from vidsearch.index.faiss import library
from vidsearch.index.rerank import Allowed, RerankedIndex, candidates_beyond, selector


class FlatSq8Index(RerankedIndex):
    """FAISS's flat scalar quantiser; its best candidates are compared exactly.

    Recall: 2 k + 100 candidates are compared for k results. A result is missed only if rounding to
    one byte per number moves it behind all candidates.

    Args:
        ids: N distinct ids.
        vectors: (N, D) float32, unit length.
        index: An ``IndexScalarQuantizer`` over them.

    Raises:
        ShapeError: The numbers of ids, vectors and codes differ.
    """

    kind = "flat-sq8"

    def __init__(self, ids: Sequence[str], vectors: Matrix, index: Any) -> None:
        super().__init__(ids, vectors)
        if index.ntotal != len(vectors):
            raise ShapeError(f"the index holds {index.ntotal} codes for {len(vectors)} vectors")
        self._index = index

    def _candidates(
        self, query: Vector, k: int, allowed: Allowed
    ) -> tuple[NDArray[np.int64], Vector]:
        faiss = library()
        faiss.omp_set_num_threads(1)
        chosen = selector(faiss, allowed)
        parameters = None if chosen is None else faiss.SearchParameters(sel=chosen)
        row = np.ascontiguousarray(query[None])
        _, found = self._index.search(row, candidates_beyond(k), params=parameters)
        rows: NDArray[np.int64] = found[0][found[0] >= 0]
        return rows, self._scores(rows, query)
