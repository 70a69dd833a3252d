"""Inverted file: only the cells near the query, and near its certain hits, are searched.

Finding the tracks of a person from a photo is harder than finding a vector's nearest neighbours. A
photo may lie 40 degrees from the centre of the person's templates. The templates lie around that
centre, many of them in cells far from the photo. A search therefore has two steps:

1. The cells nearest the query are searched, and their candidates are compared exactly.
2. Hits more similar than any impostor is expected to be are averaged. Their mean is much nearer the
   person's centre than the photo (average query expansion; Chum et al., Total Recall, ICCV 2007).
   The cells nearest the mean are searched as well. Without such hits, further cells around the
   query are searched instead.

Results are ordered by exact similarity with the query alone. A wrong guess in step 2 costs time and
changes no order.
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
    """Numbers of cells and candidates of a search in an inverted file.

    Attributes:
        near: Cells searched around the query.
        expanded: Cells searched around the mean of its certain hits.
        deeper: Factor on the number of candidates; coarser codes need more than one byte per number
            does.
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
        index: An ``IndexIVF`` whose ids are 0..N-1, or an ``IndexPreTransform`` of a rotation and
            such an index. Its inverted lists may be mapped from a file.
        probes: Numbers of cells and candidates of a search.

    Raises:
        ShapeError: The numbers of ids, vectors and codes differ.
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
        # With fewer allowed rows the k best are spread over more cells.
        wider = min(8.0, (len(self) / allowed.count) ** 0.5)
        rows = search.candidates(search.scores, round(self._probes.near * wider))
        scores = self._scores(rows, query)
        certain = rows[scores >= self._most_similar_impostor(query)]
        expanded = round(self._probes.expanded * wider)
        if not certain.size:
            more = search.candidates(search.scores, expanded)
        else:
            centre = self._vectors[certain].sum(axis=0)
            centre /= np.linalg.norm(centre)
            more = search.candidates(self._centres @ self.rotated(centre), expanded)
        return np.concatenate([rows, more]), np.concatenate([scores, self._scores(more, query)])

    def _most_similar_impostor(self, query: Vector) -> float:
        """Return the expected similarity of the most similar of N impostors.

        The largest of N normal values is about sqrt(2 ln N) standard deviations above their mean
        (Cramer, Mathematical Methods of Statistics, section 28.6).
        """
        cosines = self._sample @ query
        return float(cosines.mean() + np.sqrt(2 * np.log(len(self))) * cosines.std())

    def rotated(self, vector: Vector) -> Vector:
        """Return a (D,) float32 vector in the space of the cells, (D,) float32."""
        if self._rotation is None:
            return vector
        rotated: Vector = self._rotation.apply(np.ascontiguousarray(vector[None]))[0]
        return rotated

    @property
    def centres(self) -> Matrix:
        """Centres of the cells, (C, D) float32."""
        return self._centres

    @property
    def ivf(self) -> Any:
        """The FAISS ``IndexIVF``."""
        return self._ivf


class _Search:
    """One query over the cells; no cell is searched twice."""

    def __init__(self, index: IvfIndex, query: Vector, count: int, allowed: Allowed) -> None:
        self._index = index
        self._query = np.ascontiguousarray(index.rotated(query)[None])
        self.scores: Vector = index.centres @ self._query[0]
        self._visited = np.zeros(len(self.scores), np.bool_)
        self._count = count
        self._selector = selector(library(), allowed)
        self._allowed = allowed  # owns the bits that the selector points to

    def candidates(self, near: Vector, count: int) -> NDArray[np.int64]:
        """Return the best candidates of the ``count`` unvisited cells with the highest scores."""
        scores = np.where(self._visited, -np.inf, near)
        count = min(count, int(np.count_nonzero(~self._visited)))
        if not count:
            return np.zeros(0, np.int64)
        cells = np.argpartition(-scores, count - 1)[:count].astype(np.int64)
        self._visited[cells] = True
        faiss = library()
        parameters = faiss.SearchParametersIVF(nprobe=count, sel=self._selector)
        nearness = np.ascontiguousarray(self.scores[cells], np.float32)
        similarities = np.empty(self._count, np.float32)
        found = np.empty(self._count, np.int64)
        # FAISS's Python wrapper of this call takes no parameters, so the C++ form is called.
        self._index.ivf.search_preassigned_c(
            1,
            faiss.swig_ptr(self._query),
            self._count,
            faiss.swig_ptr(cells),
            faiss.swig_ptr(nearness),
            faiss.swig_ptr(similarities),
            faiss.swig_ptr(found),
            False,
            parameters,
        )
        rows: NDArray[np.int64] = found[found >= 0]
        return rows
