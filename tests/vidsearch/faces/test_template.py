"""Pooling embeddings into a template."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidsearch.errors import ShapeError
from vidsearch.faces.template import normalise, pool


def test_centre_of_raw_embeddings_then_unit_length() -> None:
    # Centre of (6, 0) and (0, 2) is (3, 1); its length is sqrt(10). The longer one weighs more.
    template = pool(np.array([[6, 0], [0, 2]], np.float32), "m")
    np.testing.assert_allclose(template.vector, np.array([3, 1]) / np.sqrt(10), rtol=1e-6)
    assert template.weight == 2.0
    assert template.model_id == "m"


def test_weights_shift_the_centre() -> None:
    # (1 * (1, 0) + 3 * (0, 1)) / 4 = (0.25, 0.75); length sqrt(0.625).
    template = pool(np.eye(2, dtype=np.float32), "m", np.array([1, 3], np.float32))
    np.testing.assert_allclose(template.vector, np.array([0.25, 0.75]) / np.sqrt(0.625), rtol=1e-6)
    assert template.weight == 4.0


@pytest.mark.parametrize(
    ("embeddings", "weights"),
    [
        (np.zeros((0, 4), np.float32), None),
        (np.zeros((2, 4), np.float32), None),
        (np.array([[1, np.nan]], np.float32), None),
        (np.array([[1, 0], [-1, 0]], np.float32), None),
        (np.ones((2, 4), np.float32), np.array([1], np.float32)),
        (np.ones((2, 4), np.float32), np.array([0, 0], np.float32)),
        (np.ones((2, 4), np.float32), np.array([2, -1], np.float32)),
        (np.ones((2, 4), np.float32), np.array([np.inf, 1], np.float32)),
    ],
)
def test_what_has_no_centre_is_refused(embeddings: np.ndarray, weights: np.ndarray | None) -> None:
    with pytest.raises(ShapeError):
        pool(embeddings, "m", weights)


@given(st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_order_does_not_matter_and_length_is_one(count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    embeddings = (rng.normal(size=(count, 16)) + 0.5).astype(np.float32)
    one = pool(embeddings, "m").vector
    other = pool(embeddings[rng.permutation(count)], "m").vector
    np.testing.assert_allclose(one, other, atol=1e-6)
    assert np.linalg.norm(one) == pytest.approx(1.0, abs=1e-6)


def test_normalise_leaves_a_zero_row_finite() -> None:
    out = normalise(np.array([[0, 0], [0, 5]], np.float32))
    np.testing.assert_array_equal(out, np.array([[0, 0], [0, 1]], np.float32))
