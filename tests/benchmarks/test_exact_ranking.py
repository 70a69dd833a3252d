"""Exact ranking in blocks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.evaluation import exact_ranking
from benchmarks.evaluation.exact_ranking import rounding_bound, top_rows
from vidsearch.datatypes import Matrix
from vidsearch.errors import ConfigError, ShapeError
from vidsearch.faces.template import normalise
from vidsearch.index.base import exact_similarities


def test_equals_sorting_everything_with_ties_by_row(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = normalise(rng.normal(size=(300, 16)).astype(np.float32))
    items[200:] = items[:100]  # every one of these ties with its copy
    queries = normalise(rng.normal(size=(23, 16)).astype(np.float32))
    whole = top_rows(queries, items, 50)
    monkeypatch.setattr(exact_ranking, "_BLOCK_CELLS", 1000)  # three queries a block
    blocks = top_rows(queries, items, 50)
    for number, query in enumerate(queries):
        scores = exact_similarities(items, query)
        expected = np.lexsort((np.arange(300), -scores))[:50]
        assert whole.rows[number].tolist() == expected.tolist()
        assert blocks.rows[number].tolist() == expected.tolist()
        assert whole.similarities[number].tolist() == scores[expected].tolist()


def test_few_and_no_items(rng: np.random.Generator) -> None:
    queries = normalise(rng.normal(size=(2, 4)).astype(np.float32))
    assert top_rows(queries, queries[:1], 9).rows.tolist() == [[0], [0]]
    assert top_rows(queries, queries[:0], 9).rows.shape == (2, 0)


def test_bad_vectors() -> None:
    good = np.eye(3, dtype=np.float32)
    with pytest.raises(ShapeError, match="different models"):
        top_rows(good, np.eye(2, dtype=np.float32), 1)
    wrong = good.copy()
    wrong[1, 0] = np.nan
    with pytest.raises(ShapeError, match="items must have length 1 and be finite; row 1"):
        top_rows(good, wrong, 1)
    with pytest.raises(ShapeError, match="float32"):
        top_rows(good.astype(np.float64), good, 1)
    with pytest.raises(ConfigError, match="k must"):
        top_rows(good, good, 0)


@given(st.integers(0, 10_000), st.sampled_from([3, 128, 512]))
def test_no_order_of_summing_is_off_by_more_than_the_bound(seed: int, dim: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = normalise(rng.random((2, dim)).astype(np.float32) ** rng.integers(1, 9))
    exact = float(a.astype(np.float64) @ b.astype(np.float64))
    one_by_one = float(np.cumsum(a * b, dtype=np.float32)[-1])
    assert abs(one_by_one - exact) <= rounding_bound(dim)


def test_products_that_are_off_as_far_as_they_can_be_change_nothing(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Many items within the rounding of one another: what the matrix product says is no order.
    base = normalise(rng.normal(size=(1, 512)).astype(np.float32))
    near = rng.normal(scale=2e-4, size=(400, 512)).astype(np.float32)
    items, queries = normalise(base + near), normalise(base + near[:5] * 3)
    expected = top_rows(queries, items, 20)

    def disturbed(queries: Matrix, items: Matrix) -> Iterator[tuple[int, Matrix]]:
        for start, block in exact_blocks(queries, items):
            off = rng.choice([-0.9, 0.9], block.shape) * rounding_bound(512)
            yield start, (block + off).astype(np.float32)

    exact_blocks = exact_ranking._blocks
    monkeypatch.setattr(exact_ranking, "_blocks", disturbed)
    found = top_rows(queries, items, 20)
    np.testing.assert_array_equal(found.rows, expected.rows)
    np.testing.assert_array_equal(found.similarities, expected.similarities)
