"""Arithmetic of exact results: equal vectors tie, wherever they are stored."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidsearch.errors import ShapeError
from vidsearch.index.base import (
    BLOCK_ROWS,
    Neighbours,
    check_vectors,
    exact_similarities,
    exact_top_k,
)


def unit_rows(rows: int, dim: int, seed: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    vectors = np.random.default_rng(seed).normal(size=(rows, dim))
    unit: np.ndarray[tuple[int, int], np.dtype[np.float32]] = (
        vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    ).astype(np.float32)
    return unit


@given(st.integers(2, 70), st.integers(0, 1000))
def test_a_similarity_does_not_depend_on_the_row(dim: int, seed: int) -> None:
    # A matrix product may sum a row in another order at another position.
    first, query = unit_rows(2, dim, seed)
    rows = np.tile(first, (37, 1))
    assert len(set(exact_similarities(rows, query).tolist())) == 1


def test_both_sides_of_a_block_are_compared() -> None:
    rows = np.zeros((BLOCK_ROWS + 2, 2), np.float32)
    rows[:, 0] = 1
    rows[BLOCK_ROWS - 1] = rows[BLOCK_ROWS + 1] = [0, 1]
    found = exact_similarities(rows, np.array([0, 1], np.float32))
    assert np.flatnonzero(found).tolist() == [BLOCK_ROWS - 1, BLOCK_ROWS + 1]


@given(st.permutations(["d", "b", "a", "c", "e"]), st.integers(1, 5))
def test_of_equal_vectors_the_lowest_ids_are_found(ids: list[str], k: int) -> None:
    rows = np.tile(np.array([[0.6, 0.8]], np.float32), (5, 1))
    assert exact_top_k(rows, ids, np.array([1, 0], np.float32), k).ids == tuple("abcde"[:k])


@pytest.mark.parametrize(
    ("row", "value"), [(0, 0.0), (BLOCK_ROWS, 1.01), (BLOCK_ROWS + 1, float("nan"))]
)
def test_the_first_row_of_another_length_is_named(row: int, value: float) -> None:
    rows = np.zeros((BLOCK_ROWS + 2, 3), np.float32)
    rows[:, 2] = 1
    rows[row:, 2] = value
    with pytest.raises(ShapeError, match=rf"queries must have length 1 in every row; row {row} "):
        check_vectors("queries", rows, 3)


def test_rounding_to_float32_is_no_fault() -> None:
    check_vectors("queries", unit_rows(100, 512, 1), 512)
    check_vectors("queries", np.zeros((0, 512), np.float32), 512)


def test_each_neighbour_has_an_id_and_a_similarity() -> None:
    with pytest.raises(ShapeError, match=r"similarities must be \(1\) float32; got \(2,\)"):
        Neighbours(np.zeros(2, np.float32), ("a",))
