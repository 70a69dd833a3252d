"""Exact ranking of many items for many queries, block by block, at the speed of BLAS."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidsearch.datatypes import Matrix
from vidsearch.errors import ConfigError, ShapeError

_BLOCK_CELLS = 48_000_000
"""Similarities held at once: 192 MB."""
_UNIT_ROUNDOFF = 2.0**-24


@dataclass(frozen=True, slots=True, eq=False)
class TopRows:
    """Best rows of each query, best first; equal similarities by row, lowest first.

    Attributes:
        rows: (Q, K) int64.
        similarities: (Q, K) float32.
    """

    rows: NDArray[np.int64]
    similarities: Matrix


def top_rows(queries: Matrix, items: Matrix, k: int) -> TopRows:
    """Return the ``k`` most similar items of each query, exactly.

    A float32 matrix product chooses candidates with room for its rounding; they are compared anew,
    summed in float64 in a fixed order and rounded to float32. So the answer does not depend on the
    block size, the BLAS library or the number of threads, and equal items tie exactly.

    Args:
        queries: (Q, D) float32, unit length.
        items: (N, D) float32, unit length.
        k: At least 1; fewer are returned where there are fewer items.

    Raises:
        ShapeError: Not float32, different D, a NaN or infinite value, or a row longer than 1.
        ConfigError: ``k`` is below 1.
    """
    if k < 1:
        raise ConfigError(f"k must be at least 1; got {k}")
    _check("queries", queries)
    _check("items", items)
    if queries.shape[1] != items.shape[1]:
        raise ShapeError(
            f"queries have {queries.shape[1]} numbers each and items {items.shape[1]}: they come "
            "from different models; use vectors of one model"
        )
    slack = np.float32(2 * rounding_bound(items.shape[1]))
    k = min(k, len(items))
    rows = np.empty((len(queries), k), np.int64)
    similarities = np.empty((len(queries), k), np.float32)
    for start, block in _blocks(queries, items):
        for offset, scores in enumerate(block):
            number = start + offset
            candidates = _candidates(scores, k, slack)
            exact = _exact(items[candidates], queries[number])
            order = np.lexsort((candidates, -exact))[:k]
            rows[number], similarities[number] = candidates[order], exact[order]
    return TopRows(rows, similarities)


def _blocks(queries: Matrix, items: Matrix) -> Iterator[tuple[int, Matrix]]:
    step = max(_BLOCK_CELLS // max(len(items), 1), 1)
    buffer = np.empty((min(step, len(queries)), len(items)), np.float32)
    for start in range(0, len(queries), step):
        part = queries[start : start + step]
        yield start, np.matmul(part, items.T, out=buffer[: len(part)])


def rounding_bound(dim: int) -> float:
    """Return the largest error of a float32 dot product of unit vectors, summed in any order.

    Source:
        Higham 2002, section 3.1: n u / (1 - n u) times the product of the lengths, which may be
        1.001 each here; and half a unit for rounding the sum.
    """
    steps = (dim + 1) * _UNIT_ROUNDOFF
    return steps / (1 - steps) * 1.0021


def _candidates(scores: NDArray[np.float32], k: int, slack: np.float32) -> NDArray[np.intp]:
    if not k:
        return np.zeros(0, np.intp)
    kth = np.partition(scores, len(scores) - k)[len(scores) - k]
    return np.flatnonzero(scores >= kth - slack)


def _exact(vectors: Matrix, query: NDArray[np.float32]) -> NDArray[np.float32]:
    products = vectors.astype(np.float64) * query.astype(np.float64)
    return np.asarray(products.sum(axis=1), np.float32)


def _check(name: str, vectors: Matrix) -> None:
    if vectors.ndim != 2 or vectors.dtype != np.float32:
        raise ShapeError(f"{name} must be (N, D) float32; got {vectors.shape} {vectors.dtype}")
    for start in range(0, len(vectors), 16_384):
        block = vectors[start : start + 16_384]
        lengths = np.sqrt(np.einsum("nd,nd->n", block, block))
        wrong = np.flatnonzero(~(lengths <= 1 + 1e-3))
        if len(wrong):
            raise ShapeError(
                f"{name} must have length 1 and be finite; row {start + int(wrong[0])} has length "
                f"{lengths[wrong[0]]:.6g}; normalise it or leave it out"
            )
