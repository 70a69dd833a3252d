"""Exact ranking in blocks."""

from __future__ import annotations

import numpy as np
import pytest

from vidsearch.errors import ConfigError, ShapeError
from vidsearch.index.base import exact_similarities
from vidsearch.metrics import ranking
from vidsearch.metrics.ranking import top_rows
from vidsearch.template import normalise


def test_equals_sorting_everything_with_ties_by_row(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = normalise(rng.normal(size=(300, 16)).astype(np.float32))
    items[200:] = items[:100]  # every one of these ties with its copy
    queries = normalise(rng.normal(size=(23, 16)).astype(np.float32))
    whole = top_rows(queries, items, 50)
    monkeypatch.setattr(ranking, "_BLOCK_CELLS", 1000)  # three queries a block
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
