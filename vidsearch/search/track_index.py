"""Searching a catalog's tracks: the current generation, plus what changed in the tables since."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vidsearch.catalog.snapshot import Snapshot
from vidsearch.datatypes import Matrix
from vidsearch.index.base import Neighbours, VectorIndex, check_search
from vidsearch.index.faiss import FaissFlatIndex
from vidsearch.index.flat import FlatIndex
from vidsearch.index.generations import (
    BrokenGenerationError,
    BuildOptions,
    Content,
    Generation,
    build_generation,
    current_name,
    read_generation,
    remove_old_generations,
)

if TYPE_CHECKING:
    from vidsearch.catalog.catalog import Catalog

_LOG = logging.getLogger(__name__)

_FEW = 500


@dataclass(frozen=True, slots=True)
class IndexStatus:
    """State of the index beside the tables.

    Attributes:
        kind: Kind of the current generation; ``none`` without a readable generation.
        built: Time of the build, ISO 8601 in UTC; None without a readable generation.
        pending: Tracks that the generation lacks; a search compares these exactly.
    """

    kind: str
    built: str | None
    pending: int


class TrackSearcher:
    """Finds the tracks whose templates are most similar to a query.

    Loads the current generation; tracks that were added since are searched exactly beside it, and
    those deleted since are masked. Without a usable generation everything is searched exactly.
    With an exact kind of index the answers are the same either way; with the others similarities
    are exact and a few of the answers may be missing (see ``vidsearch.index.plan``).

    Args:
        catalog: The catalog to search, as of now; ``refresh`` looks again.

    Raises:
        CatalogError: A table is missing or damaged.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self.refresh()

    def refresh(self) -> None:
        """Take up what was committed since, and a new generation if there is one.

        Raises:
            CatalogError: A table is missing or damaged.
        """
        self.snapshot = self._catalog.snapshot()
        self._generation = _usable_generation(self._catalog, warn=True)
        change = _change(self.snapshot, self._generation)
        self._masked = change.masked
        rows, vectors = _pending(self.snapshot, self._catalog.dim, change)
        self._pending_videos = pa.array(rows["video_id"].to_pylist(), pa.string())
        self._pending = _exact(rows["track_id"].to_pylist(), vectors)

    def __len__(self) -> int:
        """Return how many tracks can be found."""
        count = len(self._pending)
        if self._generation is not None:
            count += len(self._generation.index)
        return count - (int(self._masked.sum()) if self._masked is not None else 0)

    @property
    def status(self) -> IndexStatus:
        return _status(self._generation, len(self._pending))

    def search(
        self, queries: Matrix, k: int, video_ids: Collection[str] | None = None
    ) -> list[Neighbours]:
        """Return the ``k`` best tracks of each query; fewer where there are fewer.

        Args:
            queries: (Q, D) float32, unit length, in the catalog's model space.
            k: At least 1.
            video_ids: Only tracks of these videos; None: of all.

        Raises:
            ShapeError: Queries are not (Q, D), not finite or not of unit length.
            ConfigError: k is below 1.
        """
        check_search(self._pending, queries, k, None)
        built_mask, pending_mask = self._masks(video_ids)
        answers = self._pending.search(queries, k, pending_mask)
        if self._generation is None:
            return answers
        built = self._generation.index.search(queries, k, built_mask)
        return [_join(one, other, k) for one, other in zip(built, answers, strict=True)]

    def sample(
        self, count: int, video_ids: Collection[str] | None = None
    ) -> tuple[Matrix, NDArray[np.int64]]:
        """Return templates of random tracks, the same ones each time, and the video of each.

        Args:
            count: At most so many.
            video_ids: Only tracks of these videos; None: of all.

        Returns:
            (M, D) float32, and (M,) numbers, equal where tracks are of one video.
        """
        built_mask, pending_mask = self._masks(video_ids)
        built = len(self._generation.index) if self._generation is not None else 0
        allowed = np.ones(built + len(self._pending), np.bool_)
        if built_mask is not None:
            allowed[:built] &= ~built_mask
        if pending_mask is not None:
            allowed[built:] &= ~pending_mask
        rows = np.flatnonzero(allowed)
        if len(rows) > count:
            chosen = np.random.default_rng(0).choice(len(rows), count, replace=False)
            rows = rows[np.sort(chosen)]
        parts = [self._pending.vectors(rows[rows >= built] - built)]
        names = pa.array(self._pending_videos).take(pa.array(rows[rows >= built] - built))
        if self._generation is not None:
            here = rows[rows < built]
            parts.insert(0, self._generation.index.vectors(here))
            videos = self._generation.rows["video"].to_numpy()[here]
            there = self._generation.videos["video_id"].take(pa.array(videos))
            names = pa.concat_arrays([*pa.chunked_array(there).chunks, names])
        numbers = names.dictionary_encode().indices.to_numpy()
        return np.concatenate(parts), numbers.astype(np.int64)

    def _masks(
        self, video_ids: Collection[str] | None
    ) -> tuple[NDArray[np.bool_] | None, NDArray[np.bool_] | None]:
        """Return which vectors of the generation and of the rest are left out."""
        if video_ids is None:
            return self._masked, None
        inside = pa.array(sorted(video_ids), pa.string())
        pending_mask = ~_among(self._pending_videos, inside)
        built_mask = self._masked
        if self._generation is not None:
            videos = _among(self._generation.videos["video_id"], inside)
            outside = ~self._generation.rows_of(videos)
            built_mask = outside if built_mask is None else built_mask | outside
        return built_mask, pending_mask


@dataclass(frozen=True, slots=True, eq=False)
class _Change:
    """How the tables differ from a generation.

    Attributes:
        added: Attempts that the generation lacks; None means all there are.
        masked: (N,) vectors of the generation that no longer count, or None.
    """

    added: pa.Table | None
    masked: NDArray[np.bool_] | None


def rebuild(catalog: Catalog, options: BuildOptions | None = None) -> IndexStatus:
    """Build a new generation from the tables and swap it in: ``vidsearch reindex``.

    Readers keep what they have open; the previous generation stays for those that are just opening
    it, older ones are removed.

    Args:
        catalog: The catalog.
        options: Kind of index, and where it is built; None: chosen by the number of tracks, here.

    Raises:
        CatalogError: A table is missing or damaged.
        CatalogWriteError: It cannot be written; the generation in use stays.
    """
    snapshot = catalog.snapshot()
    previous = current_name(catalog.vectors)
    content = Content(
        # In the order of their ids: the same tracks give the same bytes, whoever indexed first.
        templates=lambda allocate: snapshot.templates(catalog.dim, allocate=allocate),
        attempts=snapshot.attempts.sort_by("video_id"),
        versions=snapshot.versions,
        model_id=catalog.model_id,
    )
    name = build_generation(catalog.vectors, content, options, shown=catalog.uri)
    remove_old_generations(catalog.vectors, keep=(name, previous or name))
    _LOG.info("built index %s for %s", name, catalog.uri)
    return index_status(catalog, snapshot)


def rebuild_if_stale(
    catalog: Catalog,
    max_pending: int = 1000,
    max_share: float = 0.05,
    options: BuildOptions | None = None,
) -> IndexStatus:
    """Rebuild where the generation is unusable or too much has changed: what ``index`` ends with.

    Args:
        catalog: The catalog.
        max_pending: Changed tracks up to which nothing is done.
        max_share: The same, as a share of the generation; the larger of the two holds.
        options: As for ``rebuild``.

    Raises:
        CatalogError: As for ``rebuild``.
    """
    snapshot = catalog.snapshot()
    generation = _usable_generation(catalog, warn=False)
    if generation is not None:
        change = _change(snapshot, generation)
        pending = _count(snapshot, change)
        changed = pending + (int(change.masked.sum()) if change.masked is not None else 0)
        if changed <= max(max_pending, max_share * len(generation.index)):
            return _status(generation, pending)
    return rebuild(catalog, options)


def index_status(catalog: Catalog, snapshot: Snapshot) -> IndexStatus:
    """Return how the index stands against the tables.

    Raises:
        CatalogError: A table is missing or damaged.
    """
    generation = _usable_generation(catalog, warn=True)
    return _status(generation, _count(snapshot, _change(snapshot, generation)))


def _status(generation: Generation | None, pending: int) -> IndexStatus:
    if generation is None:
        return IndexStatus("none", None, pending)
    return IndexStatus(generation.meta.kind, generation.meta.built, pending)


def _usable_generation(catalog: Catalog, *, warn: bool) -> Generation | None:
    try:
        return read_generation(catalog.vectors, catalog.model_id, catalog.dim)
    except BrokenGenerationError as error:
        if warn:
            _LOG.warning(
                "the index of catalog %r cannot be used (%s), so every track is compared; "
                "rebuild it with: vidsearch reindex %s",
                catalog.uri,
                error,
                catalog.uri,
            )
        return None


def _change(snapshot: Snapshot, generation: Generation | None) -> _Change:
    if generation is None:
        return _Change(None, None)
    if snapshot.versions == generation.meta.versions:
        return _Change(generation.videos.slice(0, 0), None)
    attempts = snapshot.attempts
    # A video that was indexed anew has the same ids with other vectors, so the attempt counts too.
    now, then = _keys(attempts), _keys(generation.videos)
    gone = ~_among(then, now)
    masked = generation.rows_of(gone) if gone.any() else None
    added = attempts.filter(pa.array(~_among(now, then)))
    return _Change(added, masked if masked is not None and masked.any() else None)


def _keys(attempts: pa.Table) -> pa.Array:
    joined = pc.binary_join_element_wise(attempts["video_id"], attempts["run_id"], "\x1f")
    return pa.concat_arrays(joined.chunks) if joined.num_chunks else pa.array([], pa.string())


def _pending(snapshot: Snapshot, dim: int, change: _Change) -> tuple[pa.Table, Matrix]:
    """Return ``track_id`` and ``video_id`` of the tracks that the generation lacks, and theirs."""
    if change.added is None:
        return snapshot.templates(dim)
    return snapshot.added_templates(dim, change.added)


def _count(snapshot: Snapshot, change: _Change) -> int:
    """Return how many tracks the generation lacks, reading ids at most."""
    if change.added is None:
        return int(snapshot.tracks(columns=["track_id"]).num_rows)
    return snapshot.count_added(change.added)


def _exact(ids: Sequence[str], vectors: Matrix) -> VectorIndex:
    """Return an exact index: FAISS's where loading it is worth while."""
    if len(ids) <= _FEW:
        return FlatIndex(ids, vectors)
    return FaissFlatIndex.build(ids, vectors)


def _among(values: pa.Array | pa.ChunkedArray, wanted: pa.Array) -> NDArray[np.bool_]:
    """Return which of the texts are wanted."""
    return np.asarray(pc.is_in(values, value_set=wanted), np.bool_)


def _join(one: Neighbours, other: Neighbours, k: int) -> Neighbours:
    """Return the ``k`` best of two answers over different tracks."""
    pairs = [
        *zip(one.similarities.tolist(), one.ids, strict=True),
        *zip(other.similarities.tolist(), other.ids, strict=True),
    ]
    merged = sorted(pairs, key=lambda pair: (-pair[0], pair[1]))[:k]
    similarities = np.array([similarity for similarity, _ in merged], np.float32)
    return Neighbours(similarities, tuple(track_id for _, track_id in merged))
