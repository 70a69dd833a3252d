"""Contract of every kind of index: the results of an exact search, within a recall per kind."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.exact_search import exact_search
from vidsearch.datatypes import Matrix
from vidsearch.errors import ConfigError, ShapeError
from vidsearch.index import build as index_build
from vidsearch.index import rerank
from vidsearch.index.base import Neighbours, VectorIndex
from vidsearch.index.faiss import FaissFlatIndex
from vidsearch.index.flat import FlatIndex
from vidsearch.index.plan import KINDS, Kind, choose

Build = Callable[[Sequence[str], Matrix], VectorIndex]


def reranked(kind: Kind) -> Build:
    """Return a function that builds and maps an index with files, which vanish afterwards.

    As in a catalog, too few vectors for a kind give the next simpler kind.
    """

    def build(ids: Sequence[str], vectors: Matrix) -> VectorIndex:
        plan = choose(len(vectors), vectors.shape[-1], kind)
        if plan.kind == "faiss-flat":
            return FaissFlatIndex.build(ids, vectors)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            index_build.allocate(folder, (len(vectors), vectors.shape[1]))[:] = vectors
            index_build.build(folder, plan, threads=1)
            return index_build.load(folder, plan, ids)

    return build


EXACT: dict[str, Build] = {"flat": FlatIndex, "faiss-flat": FaissFlatIndex.build}
INDEXES: dict[str, Build] = {
    **EXACT,
    **{kind: reranked(kind) for kind in KINDS if kind != "faiss-flat"},
}
RECALL = {
    "flat": 1.0,
    "faiss-flat": 1.0,
    "flat-sq8": 1.0,
    "flat-pq": 0.97,
    "ivf-sq8": 0.97,
    "ivf-pq": 0.95,
}
"""Share of the exact results that each kind finds among candidates from codes."""

every_index = pytest.mark.parametrize("build", INDEXES.values(), ids=INDEXES.keys())
every_exact_index = pytest.mark.parametrize("build", EXACT.values(), ids=EXACT.keys())


def f32(rows: object) -> Matrix:
    return np.array(rows, np.float32)


def unit(rows: object) -> Matrix:
    vectors = np.asarray(rows, np.float64)
    result: Matrix = (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)
    return result


def names(count: int) -> list[str]:
    """Ids whose alphabetical order is not their order."""
    return [f"{(7919 * number) % 100_003:06d}-{number}" for number in range(count)]


def gallery(content: str, count: int, dim: int, seed: int) -> Matrix:
    rng = np.random.default_rng(seed)
    if content == "random":
        return unit(rng.normal(size=(count, dim)))
    if content == "all-equal":
        return unit(np.tile(rng.normal(size=dim), (count, 1)))
    if content == "duplicates":
        return unit(rng.normal(size=(5, dim)))[rng.integers(0, 5, count)]
    if content == "squeezed":  # like a network whose cosines lie between 0.9 and 1
        return unit(1 + 0.2 * rng.normal(size=(count, dim)))
    if content == "axes":
        return np.eye(dim, dtype=np.float32)[rng.integers(0, dim, count)] * np.float32(
            rng.choice([-1, 1])
        )
    # Vectors that differ in the last bits only, by less than FAISS's rounding.
    base = unit(rng.normal(size=dim)).astype(np.float64)
    return unit(base + rng.normal(size=(count, dim)) * 1e-8)


def people(
    count: int, dim: int = 32, tracks: int = 20, noise: float = 0.09
) -> tuple[Matrix, Matrix]:
    """Return the templates of ``count`` people, 20 tracks each, and one query for each."""
    rng = np.random.default_rng(0)
    centres = unit(rng.normal(size=(count, dim)))
    away = noise * rng.normal(size=(count * tracks, dim))
    templates = unit(np.repeat(centres, tracks, axis=0) + away)
    return templates, unit(centres + noise * rng.normal(size=centres.shape))


def assert_equal(expected: Sequence[Neighbours], found: Sequence[Neighbours]) -> None:
    for first, second in zip(expected, found, strict=True):
        assert first.ids == second.ids
        np.testing.assert_array_equal(first.similarities, second.similarities)


@every_index
def test_hand_worked(build: Build) -> None:
    # Cosines with (0.6, 0.8): x 0.6, y 0.8, xy (0.6 + 0.8) / sqrt(2) = 0.98995, -x -0.6
    index = build(["x", "y", "xy", "-x"], unit([[1, 0], [0, 1], [1, 1], [-1, 0]]))
    (found,) = index.search(np.array([[0.6, 0.8]], np.float32), k=3)
    assert found.ids == ("xy", "y", "x")
    np.testing.assert_allclose(found.similarities, [0.98995, 0.8, 0.6], atol=1e-5)
    assert found.similarities.dtype == np.float32
    assert (len(index), index.dim) == (4, 2)


@every_index
def test_vectors_are_returned_unchanged(build: Build) -> None:
    vectors = gallery("random", 50, 8, 3)
    index = build(names(50), vectors)
    rows = np.array([41, 0, 7, 7], np.int64)
    np.testing.assert_array_equal(index.vectors(rows), vectors[rows])
    assert index.vectors(np.zeros(0, np.int64)).shape == (0, 8)


@every_index
def test_ties_are_in_the_order_of_their_ids(build: Build) -> None:
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
    found = empty.search(unit([[1, 2, 3], [3, 2, 1]]), k=5)
    assert [neighbours.ids for neighbours in found] == [(), ()]
    single = build(["a"], unit([[1, 2, 3]]))
    assert single.search(np.zeros((0, 3), np.float32), k=5) == []


@every_index
def test_masked_rows_are_never_found(build: Build) -> None:
    vectors = gallery("random", 500, 8, 3)
    ids = names(500)
    index = build(ids, vectors)
    masked = np.random.default_rng(0).random(500) < 0.7
    (found,) = index.search(vectors[:1], k=500, masked=masked)
    assert set(found.ids) == {name for name, hidden in zip(ids, masked, strict=True) if not hidden}
    (found,) = index.search(vectors[:1], k=5, masked=np.ones(500, np.bool_))
    assert found.ids == ()


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
def test_ids_and_vectors_must_agree_in_number(build: Build) -> None:
    vectors = gallery("random", 300, 8, 3)
    with pytest.raises(ShapeError, match=r"vectors must be \(299, D\)"):
        build(names(299), vectors)


# The vectors of the other kinds are checked before they are written (``build_generation``).
@every_exact_index
@pytest.mark.parametrize(
    ("ids", "vectors", "message"),
    [
        (["a"], f32([0, 1]), r"vectors must be \(1, D\)"),
        (["a", "b"], f32([[0, 1], [np.nan, 0]]), "row 1 has nan"),
        (["a", "b"], f32([[0, 1], [0, 0]]), "row 1 has 0"),
        (["a"], np.eye(2)[:1], "float32"),
    ],
)
def test_bad_galleries(build: Build, ids: list[str], vectors: Matrix, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        build(ids, vectors)


@pytest.mark.parametrize(
    ("kind", "dim"),
    [(kind, dim) for kind in INDEXES for dim in ((2, 7, 128, 512) if kind in EXACT else (7, 128))],
)
@pytest.mark.parametrize(
    "content", ["random", "all-equal", "duplicates", "squeezed", "axes", "last-bits"]
)
def test_results_of_a_small_gallery_are_exact(kind: str, dim: int, content: str) -> None:
    count = 3000 if dim < 512 else 800
    vectors = gallery(content, count, dim, seed=dim)
    ids = names(count)
    index = INDEXES[kind](ids, vectors)
    masked = np.random.default_rng(1).random(count) < 0.3
    queries = np.concatenate([vectors[:3], gallery("random", 3, dim, seed=99)])
    for mask in (None, masked):
        complete = exact_search(ids, vectors, queries, count, mask)
        for k in (1, 10, count):
            expected = [Neighbours(n.similarities[:k], n.ids[:k]) for n in complete]
            assert_equal(expected, index.search(queries, k, mask))


@pytest.mark.parametrize("kind", INDEXES)
def test_recall_for_any_share_of_masked_rows(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Small galleries are searched as large ones are, and built in several shards.
    monkeypatch.setattr(rerank, "EXACT_ROWS", 0)
    monkeypatch.setattr(index_build, "SHARD_ROWS", 3000)
    vectors, queries = people(500)
    ids = names(10_000)
    index = INDEXES[kind](ids, vectors)
    assert (index.kind, len(index), index.dim) == (kind, 10_000, 32)
    rng = np.random.default_rng(1)
    for share in (None, 0.01, 0.5, 0.9, 0.999, 1.0):  # share of masked rows
        masked = None if share is None else rng.random(10_000) < share
        hidden = set() if masked is None else {ids[row] for row in np.flatnonzero(masked)}
        expected = exact_search(ids, vectors, queries[:40], 20, masked)
        found = index.search(queries[:40], 20, masked)
        shares = []
        for exact, neighbours in zip(expected, found, strict=True):
            assert not hidden & set(neighbours.ids)
            assert len(set(neighbours.ids)) == len(neighbours)
            # Results have the similarity and the order of the exact search.
            similarity_of = dict(zip(exact.ids, exact.similarities.tolist(), strict=True))
            pairs = zip(neighbours.ids, neighbours.similarities.tolist(), strict=True)
            common = [(name, similarity) for name, similarity in pairs if name in similarity_of]
            assert all(similarity_of[name] == similarity for name, similarity in common)
            assert [name for name, _ in common] == [n for n in exact.ids if n in dict(common)]
            shares.append(len(common) / len(exact) if len(exact) else 1.0)
        assert np.mean(shares) >= RECALL[kind]


@every_index
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_permuting_the_gallery_changes_nothing(build: Build, data: st.DataObject) -> None:
    content = data.draw(st.sampled_from(["random", "duplicates", "squeezed", "last-bits", "axes"]))
    count = data.draw(st.integers(1, 200))
    dim = data.draw(st.sampled_from([2, 5, 32, 128]))
    seed = data.draw(st.integers(0, 2**16))
    k = data.draw(st.integers(1, 220))
    vectors, ids = gallery(content, count, dim, seed), names(count)
    order = np.random.default_rng(seed + 1).permutation(count)
    query = vectors[:1] if data.draw(st.booleans()) else gallery("random", 1, dim, seed + 2)
    found = build(ids, vectors).search(query, k)
    assert_equal(found, build([ids[row] for row in order], vectors[order]).search(query, k))
    assert (np.diff(found[0].similarities) <= 0).all()


def test_a_saved_index_gives_the_same_results(tmp_path: Path) -> None:
    vectors, ids = gallery("squeezed", 300, 16, 5), names(300)
    built = FaissFlatIndex.build(ids, vectors)
    built.save(tmp_path / "vectors.faiss")
    loaded = FaissFlatIndex.load(ids, tmp_path / "vectors.faiss")
    masked = np.arange(300) % 2 == 0
    for mask in (None, masked):
        assert_equal(built.search(vectors[:1], 9, mask), loaded.search(vectors[:1], 9, mask))
    with pytest.raises(ShapeError, match="holds 300 vectors; got 299 ids"):
        FaissFlatIndex.load(ids[1:], tmp_path / "vectors.faiss")
