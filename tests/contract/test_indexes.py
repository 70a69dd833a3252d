"""What every index promises: the same answers as the flat reference, whatever the vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidsearch.datatypes import Matrix
from vidsearch.errors import ConfigError, ShapeError
from vidsearch.index.base import VectorIndex
from vidsearch.index.faiss import FaissFlatIndex
from vidsearch.index.flat import FlatIndex

Build = Callable[[Sequence[str], Matrix], VectorIndex]
INDEXES: dict[str, Build] = {"flat": FlatIndex, "faiss-flat": FaissFlatIndex.build}

every_index = pytest.mark.parametrize("build", INDEXES.values(), ids=INDEXES.keys())
every_other_index = pytest.mark.parametrize(
    "build", [INDEXES[name] for name in INDEXES if name != "flat"]
)


def f32(rows: object) -> Matrix:
    return np.array(rows, np.float32)


def unit(rows: object) -> Matrix:
    vectors = np.asarray(rows, np.float64)
    result: Matrix = (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)
    return result


def names(count: int) -> list[str]:
    """Ids whose alphabetical order is not their order."""
    return [f"{(7919 * number) % 100_003:06d}-{number}" for number in range(count)]


def gallery(kind: str, count: int, dim: int, seed: int) -> Matrix:
    rng = np.random.default_rng(seed)
    if kind == "random":
        return unit(rng.normal(size=(count, dim)))
    if kind == "all-equal":
        return unit(np.tile(rng.normal(size=dim), (count, 1)))
    if kind == "duplicates":
        return unit(rng.normal(size=(5, dim)))[rng.integers(0, 5, count)]
    if kind == "squeezed":  # like a network whose cosines lie between 0.9 and 1
        return unit(1 + 0.2 * rng.normal(size=(count, dim)))
    if kind == "axes":
        return np.eye(dim, dtype=np.float32)[rng.integers(0, dim, count)] * np.float32(
            rng.choice([-1, 1])
        )
    # Vectors that differ in the last bits only: nearer to each other than FAISS rounds.
    base = unit(rng.normal(size=dim)).astype(np.float64)
    return unit(base + rng.normal(size=(count, dim)) * 1e-8)


@every_index
def test_hand_worked(build: Build) -> None:
    # Cosines with (0.6, 0.8): x 0.6, y 0.8, xy (0.6 + 0.8) / sqrt(2) = 0.98995, -x -0.6
    index = build(["x", "y", "xy", "-x"], unit([[1, 0], [0, 1], [1, 1], [-1, 0]]))
    answer = index.search(np.array([[0.6, 0.8]], np.float32), k=3)[0]
    assert answer.ids == ("xy", "y", "x")
    np.testing.assert_allclose(answer.similarities, [0.98995, 0.8, 0.6], atol=1e-5)
    assert answer.similarities.dtype == np.float32
    assert (len(index), index.dim) == (4, 2)


@every_index
def test_vectors_come_back_as_they_went_in(build: Build) -> None:
    vectors = gallery("random", 50, 8, 3)
    index = build(names(50), vectors)
    rows = np.array([41, 0, 7, 7], np.int64)
    np.testing.assert_array_equal(index.vectors(rows), vectors[rows])
    assert index.vectors(np.zeros(0, np.int64)).shape == (0, 8)


@every_index
def test_ties_come_in_the_order_of_their_ids(build: Build) -> None:
    index = build(["c", "a", "d", "b"], unit([[1, 0], [1, 0], [0, 1], [1, 0]]))
    query = unit([[1, 0]])
    assert index.search(query, k=2)[0].ids == ("a", "b")
    assert index.search(query, k=4)[0].ids == ("a", "b", "c", "d")


@every_index
def test_k_beyond_the_gallery_returns_all_of_it(build: Build) -> None:
    index = build(["a", "b"], unit([[1, 0], [0, 1]]))
    assert len(index.search(unit([[1, 2]]), k=1000)[0]) == 2


@every_index
def test_an_empty_gallery_and_no_query(build: Build) -> None:
    empty = build([], np.zeros((0, 3), np.float32))
    answers = empty.search(unit([[1, 2, 3], [3, 2, 1]]), k=5)
    assert [answer.ids for answer in answers] == [(), ()]
    some = build(["a"], unit([[1, 2, 3]]))
    assert some.search(np.zeros((0, 3), np.float32), k=5) == []


@every_index
def test_masked_rows_are_never_found(build: Build) -> None:
    vectors = gallery("random", 500, 8, 3)
    ids = names(500)
    masked = np.random.default_rng(0).random(500) < 0.7
    answer = build(ids, vectors).search(vectors[:1], k=500, masked=masked)[0]
    assert set(answer.ids) == {name for name, hidden in zip(ids, masked, strict=True) if not hidden}
    nothing = build(ids, vectors).search(vectors[:1], k=5, masked=np.ones(500, np.bool_))
    assert nothing[0].ids == ()


@every_index
@pytest.mark.parametrize(
    ("queries", "k", "masked", "error", "message"),
    [
        (np.ones((1, 3), np.float32), 1, None, ShapeError, r"queries must be \(N, 2\)"),
        (np.ones(2, np.float32), 1, None, ShapeError, r"queries must be \(N, 2\)"),
        (np.eye(2), 1, None, ShapeError, "float32"),
        (f32([[0, 1], [0, np.nan]]), 1, None, ShapeError, "row 1 has nan"),
        (f32([[0, np.inf]]), 1, None, ShapeError, "row 0 has inf"),
        (f32([[0, 0]]), 1, None, ShapeError, "length 1 in every row; row 0 has 0"),
        (f32([[1, 1]]), 1, None, ShapeError, "row 0 has 1.41421"),
        (f32([[0, 1]]), 0, None, ConfigError, "k must be at least 1; got 0"),
        (f32([[0, 1]]), 1, np.zeros(3, np.bool_), ShapeError, r"masked must be \(2\)"),
    ],
)
def test_bad_searches(
    build: Build, queries: Matrix, k: int, masked: None, error: type[Exception], message: str
) -> None:
    index = build(["a", "b"], unit([[1, 0], [0, 1]]))
    with pytest.raises(error, match=message):
        index.search(queries, k, masked)


@every_index
@pytest.mark.parametrize(
    ("ids", "vectors", "message"),
    [
        (["a"], f32([[0, 1], [1, 0]]), r"vectors must be \(1, D\)"),
        (["a"], f32([0, 1]), r"vectors must be \(1, D\)"),
        (["a", "b"], f32([[0, 1], [np.nan, 0]]), "row 1 has nan"),
        (["a", "b"], f32([[0, 1], [0, 0]]), "row 1 has 0"),
        (["a"], np.eye(2)[:1], "float32"),
    ],
)
def test_bad_galleries(build: Build, ids: list[str], vectors: Matrix, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        build(ids, vectors)


@every_other_index
@pytest.mark.parametrize(
    "kind", ["random", "all-equal", "duplicates", "squeezed", "axes", "last-bits"]
)
@pytest.mark.parametrize("dim", [2, 7, 128, 512])
def test_answers_are_those_of_the_reference(build: Build, kind: str, dim: int) -> None:
    count = 3000 if dim < 512 else 800
    vectors = gallery(kind, count, dim, seed=dim)
    ids = names(count)
    masked = np.random.default_rng(1).random(count) < 0.3
    queries = np.concatenate([vectors[:3], gallery("random", 3, dim, seed=99)])
    for k in (1, 10, count):
        for mask in (None, masked):
            want = FlatIndex(ids, vectors).search(queries, k, mask)
            have = build(ids, vectors).search(queries, k, mask)
            for one, other in zip(want, have, strict=True):
                assert one.ids == other.ids
                np.testing.assert_array_equal(one.similarities, other.similarities)


@every_index
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_permuting_the_gallery_changes_nothing(build: Build, data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["random", "duplicates", "squeezed", "last-bits", "axes"]))
    count = data.draw(st.integers(1, 200))
    dim = data.draw(st.sampled_from([2, 5, 32, 128]))
    seed = data.draw(st.integers(0, 2**16))
    k = data.draw(st.integers(1, 220))
    vectors, ids = gallery(kind, count, dim, seed), names(count)
    order = np.random.default_rng(seed + 1).permutation(count)
    query = vectors[:1] if data.draw(st.booleans()) else gallery("random", 1, dim, seed + 2)
    one = build(ids, vectors).search(query, k)[0]
    other = build([ids[row] for row in order], vectors[order]).search(query, k)[0]
    assert one.ids == other.ids
    np.testing.assert_array_equal(one.similarities, other.similarities)
    assert (np.diff(one.similarities) <= 0).all()


def test_a_saved_index_answers_as_before(tmp_path: Path) -> None:
    vectors, ids = gallery("squeezed", 300, 16, 5), names(300)
    built = FaissFlatIndex.build(ids, vectors)
    built.save(tmp_path / "vectors.faiss")
    loaded = FaissFlatIndex.load(ids, tmp_path / "vectors.faiss")
    masked = np.arange(300) % 2 == 0
    for mask in (None, masked):
        assert (
            built.search(vectors[:1], 9, mask)[0].ids == loaded.search(vectors[:1], 9, mask)[0].ids
        )
    with pytest.raises(ShapeError, match="holds 300 vectors; got 299 ids"):
        FaissFlatIndex.load(ids[1:], tmp_path / "vectors.faiss")
