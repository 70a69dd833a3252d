"""Interface of every index over unit vectors, and the arithmetic of exact results."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidsearch.datatypes import Matrix, Vector, check_array
from vidsearch.errors import ConfigError, ShapeError

_UNIT_TOLERANCE = 1e-3  # largest difference of a vector's length from 1; float32 rounding is less

BLOCK_ROWS = 4096
"""Rows that are compared at a time, which bounds the memory of intermediate arrays."""


@dataclass(frozen=True, slots=True, eq=False)
class Neighbours:
    """Result of one query, best first.

    The order is by similarity, highest first, then by id, lowest first.

    Attributes:
        similarities: (K,) float32 cosines.
        ids: K ids.
    """

    similarities: Vector
    ids: tuple[str, ...]

    def __post_init__(self) -> None:
        check_array("similarities", self.similarities, (len(self.ids),), np.float32)

    def __len__(self) -> int:
        return len(self.ids)


class VectorIndex(ABC):
    """Finds the vectors most similar to a query.

    The result depends on the set of (id, vector) pairs, not on their order. Every implementation
    returns the result of ``FlatIndex``, or states its recall.
    """

    kind: str
    dim: int

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of vectors."""

    @abstractmethod
    def vectors(self, rows: NDArray[np.int64]) -> Matrix:
        """Return the vectors of these rows, in the order of the build.

        Args:
            rows: (R,) row numbers.

        Returns:
            (R, D) float32.
        """

    @abstractmethod
    def search(
        self, queries: Matrix, k: int, masked: NDArray[np.bool_] | None = None
    ) -> list[Neighbours]:
        """Return the ``k`` best vectors of each query, or all vectors if there are fewer.

        Args:
            queries: (Q, D) float32, unit length.
            k: At least 1.
            masked: (N,) bool, True for rows to leave out, in the order of the build.

        Raises:
            ShapeError: Queries are not (Q, D), not finite or not of unit length, or the mask is
                not (N,).
            ConfigError: ``k`` is below 1.
        """


def check_vectors(name: str, vectors: Matrix, dim: int) -> None:
    """Check that every row is a finite unit vector.

    Args:
        name: Name of the argument in errors.
        vectors: (N, D) float32.
        dim: D.

    Raises:
        ShapeError: The shape differs, or a row is not of length 1; the message names the first.
    """
    check_array(name, vectors, (None, dim), np.float32)
    for start in range(0, len(vectors), BLOCK_ROWS):
        block = vectors[start : start + BLOCK_ROWS]
        lengths = np.sqrt(np.einsum("nd,nd->n", block, block, dtype=np.float64))
        # NaN compares false, so it is found as well.
        wrong = np.flatnonzero(~(np.abs(lengths - 1) <= _UNIT_TOLERANCE))
        if wrong.size:
            raise ShapeError(
                f"{name} must have length 1 in every row; row {start + wrong[0]} has "
                f"{lengths[wrong[0]]:.6g}"
            )


def check_search(
    index: VectorIndex, queries: Matrix, k: int, masked: NDArray[np.bool_] | None
) -> None:
    """Check the arguments of ``search``.

    Args:
        index: Index with N vectors of length D.
        queries: (Q, D) float32, unit length.
        k: At least 1.
        masked: (N,) bool, or None.

    Raises:
        ShapeError: As for ``VectorIndex.search``.
        ConfigError: As for ``VectorIndex.search``.
    """
    check_vectors("queries", queries, index.dim)
    if k < 1:
        raise ConfigError(f"k must be at least 1; got {k}")
    if masked is not None:
        check_array("masked", masked, (len(index),), np.bool_)


def exact_similarities(vectors: Matrix, query: Vector) -> Vector:
    """Return the cosine of each unit row with ``query``, summed in float64, rounded to float32.

    A row's value does not depend on its position, so equal vectors tie exactly. A matrix product
    does not guarantee that.

    Args:
        vectors: (N, D) float32.
        query: (D,) float32.

    Returns:
        (N,) float32.
    """
    wide = query.astype(np.float64)
    result = np.empty(len(vectors), np.float32)
    for start in range(0, len(vectors), BLOCK_ROWS):
        block = vectors[start : start + BLOCK_ROWS].astype(np.float64)
        block *= wide
        result[start : start + BLOCK_ROWS] = block.sum(axis=1)
    return result


def exact_top_k(vectors: Matrix, ids: Sequence[str], query: Vector, k: int) -> Neighbours:
    """Return the ``k`` best of these vectors, by ``exact_similarities``.

    Args:
        vectors: (N, D) float32, unit length.
        ids: N ids.
        query: (D,) float32, unit length.
        k: At least 1.
    """
    similarities = exact_similarities(vectors, query)
    n = len(similarities)
    if n > k:
        # Rows that tie with the k-th are kept, so that their ids decide.
        kth = np.partition(similarities, n - k)[n - k]
        rows = np.flatnonzero(similarities >= kth)
    else:
        rows = np.arange(n)
    order = sorted(rows.tolist(), key=lambda row: (-float(similarities[row]), ids[row]))[:k]
    return Neighbours(similarities[order], tuple(ids[row] for row in order))
