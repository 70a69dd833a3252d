"""Inverted lists: only the cells near the query are looked at, and those near what it found.

Finding the tracks of a person with a photo is harder than finding a vector's nearest neighbours: a
photo may lie 40 degrees from the centre of the person's templates, and those lie all around that
centre, many of them in cells far from the photo. So a search goes twice:

1. the cells nearest the query; candidates are compared exactly;
2. those that no stranger could be as similar as are averaged, which gives a point much nearer the
   person's centre than the photo is (average query expansion; Chum et al., Total Recall, ICCV
   2007), and the cells nearest that point are looked at as well.

The answers are ordered by exact similarity with the query alone, whatever the second step added: a
wrong guess costs time, never a wrong order. Where no hit is sure, the second step looks at
further cells around the query instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidsearch.datatypes import Matrix, Vector
from vidsearch.errors import ConfigError, ShapeError
from vidsearch.index.faiss import library
from vidsearch.index.rerank import Allowed, RerankedIndex, candidates_beyond, selector

_SAMPLE_ROWS = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Probes:
    """How much of an inverted file a search looks at.

    Attributes:
        near: Cells around the query.
        expanded: Cells around the centre of its sure hits.
        deeper: Times as many candidates as with codes of a byte a number: coarser codes need more.
    """

    near: int = 64
    expanded: int = 104
    deeper: int = 1

    def __post_init__(self) -> None:
        for name in ("near", "expanded", "deeper"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1; got {getattr(self, name)}")


class IvfIndex(RerankedIndex):
    """FAISS's inverted file over row numbers; its best candidates are compared exactly.

    Args:
        ids: N distinct ids.
        vectors: (N, D) float32, unit length.
        index: An ``IndexIVF`` whose ids are 0..N-1, or an ``IndexPreTransform`` of a rotation
            before one. Its inverted lists may be mapped from a file.
        probes: How much a search looks at.

    Raises:
        ShapeError: Not as many ids, vectors and codes.
    """

    def __init__(
        self, ids: Sequence[str], vectors: Matrix, index: Any, probes: Probes | None = None
    ) -> None:
        super().__init__(ids, vectors)
        if index.ntotal != len(vectors):
            raise ShapeError(f"the index holds {index.ntotal} codes for {len(vectors)} vectors")
        faiss = library()
        self._index = index
        self._ivf = faiss.extract_index_ivf(index)
        whole = faiss.downcast_index(index)
        self._rotation = whole.chain.at(0) if isinstance(whole, faiss.IndexPreTransform) else None
        self._probes = probes if probes is not None else Probes()
        quantizer = faiss.downcast_index(self._ivf.quantizer)
        self._centres: Matrix = quantizer.reconstruct_n(0, self._ivf.nlist)
        rows = np.linspace(0, max(len(vectors) - 1, 0), min(_SAMPLE_ROWS, len(vectors)))
        self._sample: Matrix = np.asarray(vectors[np.unique(rows.astype(np.int64))])
        scalar = isinstance(faiss.downcast_index(self._ivf), faiss.IndexIVFScalarQuantizer)
        self.kind = "ivf-sq8" if scalar else "ivf-pq"

    def _candidates(
        self, query: Vector, k: int, allowed: Allowed
    ) -> tuple[NDArray[np.int64], Vector]:
        faiss = library()
        faiss.omp_set_num_threads(1)
        search = _Search(self, query, candidates_beyond(k) * self._probes.deeper, allowed)
        # Of a share s of the rows the k best lie deeper among all rows, so more cells hold them.
        wider = min(8.0, (len(self) / allowed.count) ** 0.5)
        rows = search.look(search.scores, round(self._probes.near * wider))
        scores = self._scores(rows, query)
        sure = rows[scores >= self._strangers(query)]
        expanded = round(self._probes.expanded * wider)
        if not sure.size:
            more = search.look(search.scores, expanded)
        else:
            centre = self._vectors[sure].sum(axis=0)
            centre /= np.linalg.norm(centre)
            more = search.look(self._centres @ self.rotated(centre), expanded)
        return np.concatenate([rows, more]), np.concatenate([scores, self._scores(more, query)])

    def _strangers(self, query: Vector) -> float:
        """Return the similarity that the most similar of N strangers is expected to have.

        The largest of N normal values is about sqrt(2 ln N) standard deviations above their mean
        (Cramer, Mathematical Methods of Statistics, section 28.6).
        """
        some = self._sample @ query
        return float(some.mean() + np.sqrt(2 * np.log(len(self))) * some.std())

    def rotated(self, vector: Vector) -> Vector:
        """Return the vector in the space of the cells: (D,) float32."""
        if self._rotation is None:
            return vector
        turned: Vector = self._rotation.apply(np.ascontiguousarray(vector[None]))[0]
        return turned

    @property
    def centres(self) -> Matrix:
        return self._centres

    @property
    def ivf(self) -> Any:
        return self._ivf


class _Search:
    """One query's way through the cells, none of them twice."""

    def __init__(self, index: IvfIndex, query: Vector, count: int, allowed: Allowed) -> None:
        self._index = index
        self._query = np.ascontiguousarray(index.rotated(query)[None])
        self.scores: Vector = index.centres @ self._query[0]
        self._seen = np.zeros(len(self.scores), np.bool_)
        self._count = count
        self._selector = selector(library(), allowed)
        self._allowed = allowed  # owns what the selector points to

    def look(self, near: Vector, count: int) -> NDArray[np.int64]:
        """Return the best candidates of the ``count`` cells, not seen yet, that score highest."""
        scores = np.where(self._seen, -np.inf, near)
        count = min(count, int(np.count_nonzero(~self._seen)))
        if not count:
            return np.zeros(0, np.int64)
        cells = np.argpartition(-scores, count - 1)[:count].astype(np.int64)
        self._seen[cells] = True
        faiss = library()
        parameters = faiss.SearchParametersIVF(nprobe=count, sel=self._selector)
        nearness = np.ascontiguousarray(self.scores[cells], np.float32)
        similarities = np.empty(self._count, np.float32)
        found = np.empty(self._count, np.int64)
        # FAISS's own wrapper of this call takes no parameters, so it is called as in C++.
        self._index.ivf.search_preassigned_c(
            1, faiss.swig_ptr(self._query), self._count, faiss.swig_ptr(cells),
            faiss.swig_ptr(nearness), faiss.swig_ptr(similarities), faiss.swig_ptr(found),
            False, parameters,
        )  # fmt: skip
        rows: NDArray[np.int64] = found[found >= 0]
        return rows
