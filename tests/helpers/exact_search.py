"""Exact reference search: the definition of a nearest-neighbour result, in extended precision."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vidsearch.datatypes import Matrix
from vidsearch.index.base import Neighbours


def exact_search(
    ids: Sequence[str],
    vectors: Matrix,
    queries: Matrix,
    k: int,
    masked: NDArray[np.bool_] | None = None,
) -> list[Neighbours]:
    """Return the ``k`` best vectors of each query: by cosine, highest first, then by id.

    Args:
        ids: N ids.
        vectors: (N, D) float32, unit length.
        queries: (Q, D) float32, unit length.
        k: At least 1.
        masked: (N,) bool, True for rows to leave out.
    """
    allowed = np.arange(len(ids)) if masked is None else np.flatnonzero(~masked)
    wide = vectors[allowed].astype(np.longdouble)
    results = []
    for query in queries:
        cosines = (wide * query.astype(np.longdouble)).sum(axis=1).astype(np.float32)
        pairs = zip(cosines.tolist(), (ids[row] for row in allowed.tolist()), strict=True)
        best = sorted(pairs, key=lambda pair: (-pair[0], pair[1]))[:k]
        similarities = np.array([cosine for cosine, _ in best], np.float32)
        results.append(Neighbours(similarities, tuple(name for _, name in best)))
    return results
