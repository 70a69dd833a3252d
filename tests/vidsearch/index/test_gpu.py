"""FAISS on a GPU, with a stand-in for the GPU: the calls it gets, and equal results."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vidsearch.datatypes import Matrix
from vidsearch.index import build, gpu
from vidsearch.index.faiss import FaissFlatIndex, library
from vidsearch.index.flat import FlatIndex
from vidsearch.index.plan import choose


def unit(count: int, dim: int = 16) -> Matrix:
    vectors = np.random.default_rng(count).normal(size=(count, dim))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors, np.float32)


class Card:
    """Stand-in for a GPU: records the calls, and searches with the given index."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, refuses: bool = False) -> None:
        self.searches: list[tuple[int, int]] = []
        self.clustered: list[Any] = []
        self._refuses = refuses
        faiss = library()
        monkeypatch.setattr(faiss, "get_num_gpus", lambda: 1, raising=False)
        monkeypatch.setattr(faiss, "StandardGpuResources", object, raising=False)
        monkeypatch.setattr(faiss, "index_cpu_to_gpu", self._copy, raising=False)
        monkeypatch.setattr(faiss, "index_cpu_to_all_gpus", self._all, raising=False)

    def _copy(self, resources: object, device: int, index: Any) -> Any:
        if self._refuses:
            raise RuntimeError("Error in GpuResources: out of memory\nat somewhere")
        card = self

        class OnCard:
            def search(self, queries: Matrix, k: int) -> Any:
                assert k <= 2048
                card.searches.append((len(queries), k))
                return index.search(queries, k)

        return OnCard()

    def _all(self, index: Any) -> Any:
        self.clustered.append(index)
        return index


def test_many_queries_go_to_the_gpu_with_the_same_results(monkeypatch: pytest.MonkeyPatch) -> None:
    card = Card(monkeypatch)
    vectors = unit(500)
    ids = [f"{row:04d}" for row in range(500)]
    index, exact = FaissFlatIndex.build(ids, vectors), FlatIndex(ids, vectors)
    index.search(vectors[:100], 5)
    assert not card.searches  # starting CUDA is not worth it yet
    msearches = np.arange(500) % 3 == 0
    for mask in (None, msearches):
        for expected, found in zip(
            exact.search(vectors[:10], 5, mask), index.search(vectors[:10], 5, mask), strict=True
        ):
            assert expected.ids == found.ids
            np.testing.assert_array_equal(expected.similarities, found.similarities)
    assert card.searches == [(1, 37)] * 10  # it knows no selector, so the msearches ones stay here
    large = FaissFlatIndex.build([str(row) for row in range(3000)], unit(3000))
    large.search(vectors[:101], 2500)
    assert len(card.searches) == 10  # more than a GPU finds


def test_a_full_gpu_is_reported_and_the_cpu_is_used(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    card = Card(monkeypatch, refuses=True)
    index = FaissFlatIndex.build([str(row) for row in range(50)], unit(50))
    with caplog.at_level(logging.WARNING):
        index.search(unit(200), 3)
        index.search(unit(200), 3)
    (message,) = [record.getMessage() for record in caplog.records]
    assert message.endswith("CPU: the GPU cannot hold it (Error in GpuResources: out of memory)")
    assert not card.searches


def test_cells_are_found_on_the_gpus(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    card = Card(monkeypatch)
    build.allocate(tmp_path, (400, 16))[:] = unit(400)
    trained = build.train(tmp_path / build.VECTORS, choose(400, 16, "ivf-sq8"), tmp_path / "t")
    assert len(card.clustered) == 1
    ivf = library().extract_index_ivf(library().read_index(str(trained)))
    assert (ivf.is_trained, ivf.quantizer.ntotal) == (True, 10)


@pytest.mark.gpu
@pytest.mark.skipif(not gpu.count(library()), reason="the installed FAISS has no GPU")
def test_a_real_gpu_answers_as_the_processor_does(tmp_path: Path) -> None:
    vectors = unit(20_000, 128)
    ids = [f"{row:05d}" for row in range(len(vectors))]
    index, exact = FaissFlatIndex.build(ids, vectors), FlatIndex(ids, vectors)
    index.search(vectors[: gpu.COPY_AFTER_QUERIES + 1], 5)
    assert index._on_gpu is not None
    for expected, found in zip(
        exact.search(vectors[:20], 100), index.search(vectors[:20], 100), strict=True
    ):
        assert expected.ids == found.ids
        np.testing.assert_array_equal(expected.similarities, found.similarities)
    build.allocate(tmp_path, vectors.shape)[:] = vectors
    plan = choose(len(vectors), 128, "ivf-sq8")
    build.build(tmp_path, plan)
    results = build.load(tmp_path, plan, ids).search(vectors[:20], 1)
    assert [neighbours.ids[0] for neighbours in results] == ids[:20]
