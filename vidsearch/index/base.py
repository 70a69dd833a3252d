"""What every index over unit vectors promises, and the arithmetic that makes answers exact."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidsearch.datatypes import Matrix, Vector, check_array
from vidsearch.errors import ConfigError, ShapeError

_UNIT_TOLERANCE = 1e-3  # a vector's length may differ from 1 by float32 rounding, not by more
_BLOCK_ROWS = 4096


@dataclass(frozen=True, slots=True, eq=False)
class Neighbours:
    """The answer to one query, best first.

    Order: similarity, highest first; equal similarities by id, lowest first.

    Attributes:
        similarities: (K,) float32 cosines.
        ids: K track ids.
    """

    similarities: Vector
    ids: tuple[str, ...]

    def __post_init__(self) -> None:
        check_array("similarities", self.similarities, (len(self.ids),), np.float32)

    def __len__(self) -> int:
        return len(self.ids)


class VectorIndex(ABC):
    """Finds the vectors most similar to a query.

    The answer depends on the set of (id, vector) pairs alone, not on their order: every
    implementation returns what ``FlatIndex`` does, or states a recall bound.
    """

    kind: str
    dim: int

    @abstractmethod
    def __len__(self) -> int:
        """Return how many vectors there are."""

    @abstractmethod
    def vectors(self, rows: NDArray[np.int64]) -> Matrix:
        """Return these rows, (R, D) float32, in the order that the index was built in."""

    @abstractmethod
    def search(
        self, queries: Matrix, k: int, masked: NDArray[np.bool_] | None = None
    ) -> list[Neighbours]:
        """Return the ``k`` best of each query; fewer where there are fewer.

        Args:
            queries: (Q, D) float32, unit length.
            k: At least 1.
            masked: (N,) rows to leave out, in the order the index was built in.

        Raises:
            ShapeError: Queries are not (Q, D), not finite or not of unit length, or the mask is
                not (N,).
            ConfigError: k is below 1.
        """


def check_vectors(name: str, vectors: Matrix, dim: int) -> None:
    """Raise unless every row is a finite unit vector of this length.

    Raises:
        ShapeError: Naming the first row that is not.
    """
    check_array(name, vectors, (None, dim), np.float32)
    for start in range(0, len(vectors), _BLOCK_ROWS):
        block = vectors[start : start + _BLOCK_ROWS]
        lengths = np.sqrt(np.einsum("nd,nd->n", block, block, dtype=np.float64))
        # Not-a-number compares false, so it is caught as well.
        wrong = np.flatnonzero(~(np.abs(lengths - 1) <= _UNIT_TOLERANCE))
        if wrong.size:
            raise ShapeError(
                f"{name} must have length 1 in every row; row {start + wrong[0]} has "
                f"{lengths[wrong[0]]:.6g}"
            )


def check_search(
    index: VectorIndex, queries: Matrix, k: int, masked: NDArray[np.bool_] | None
) -> None:
    """Raise unless the arguments of ``search`` are in order.

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
    """Return the cosine of each unit row with ``query``: summed in float64, rounded to float32.

    A row's value does not depend on where it stands, so equal vectors tie exactly; a matrix
    product does not promise that.

    Args:
        vectors: (N, D) float32.
        query: (D,) float32.

    Returns:
        (N,) float32.
    """
    wide = query.astype(np.float64)
    result = np.empty(len(vectors), np.float32)
    for start in range(0, len(vectors), _BLOCK_ROWS):
        block = vectors[start : start + _BLOCK_ROWS].astype(np.float64)
        block *= wide
        result[start : start + _BLOCK_ROWS] = block.sum(axis=1)
    return result


def best(similarities: Vector, ids: Sequence[str], k: int) -> Neighbours:
    """Return the ``k`` best of these candidates in the order that ``Neighbours`` states."""
    n = len(similarities)
    if n > k:
        # Everything that ties with the k-th stays in, for the ids to decide.
        kth = np.partition(similarities, n - k)[n - k]
        rows = np.flatnonzero(similarities >= kth)
    else:
        rows = np.arange(n)
    order = sorted(rows.tolist(), key=lambda row: (-float(similarities[row]), ids[row]))[:k]
    return Neighbours(similarities[order].astype(np.float32), tuple(ids[row] for row in order))
