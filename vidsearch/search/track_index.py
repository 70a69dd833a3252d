"""Search over a catalog's tracks: the index generation, plus tracks added or deleted since."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vidsearch.catalog.catalog import Catalog
from vidsearch.catalog.commits import read_again
from vidsearch.catalog.erasures.mask import Mask
from vidsearch.catalog.erasures.pending import erasure_marks, unless_erased
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

_LOG = logging.getLogger(__name__)

_MAX_NUMPY_ROWS = 500
"""Pending tracks up to which NumPy compares them; loading FAISS takes longer."""


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

    The current generation is loaded. Tracks added since are searched exactly beside it, and tracks
    deleted since are masked. Without a usable generation all tracks are searched exactly. An exact
    kind of index gives the same hits either way. With the other kinds similarities are exact, and
    a few hits may be missing (see ``vidsearch.index.plan``).

    Args:
        catalog: Catalog to search, at its current version; ``refresh`` reads a newer one.

    Raises:
        CatalogError: A table is missing or damaged.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self.refresh()

    @read_again
    def refresh(self) -> None:
        """Read the current version of the tables, and the current generation.

        Raises:
            CatalogError: A table is missing or damaged.
        """
        snapshot = self._catalog.snapshot()
        generation = _usable_generation(self._catalog, warn=True)
        change = _change(snapshot, generation)
        if change.added is None:
            rows, vectors = snapshot.templates(self._catalog.dim)
        else:
            rows, vectors = snapshot.added_templates(self._catalog.dim, change.added)
        # Only now, so that a failed read leaves the former state whole.
        self.snapshot, self._generation, self._masked = snapshot, generation, change.masked
        self._pending_videos = pa.array(rows["video_id"].to_pylist(), pa.string())
        self._pending = _exact(rows["track_id"].to_pylist(), vectors)

    def __len__(self) -> int:
        """Return the number of tracks that can be found."""
        count = len(self._pending)
        if self._generation is not None:
            count += len(self._generation.index)
        return count - (int(self._masked.sum()) if self._masked is not None else 0)

    @property
    def status(self) -> IndexStatus:
        """State of the index at the version that is searched."""
        return _status(self._generation, len(self._pending))

    def search(
        self, queries: Matrix, k: int, video_ids: Collection[str] | None = None
    ) -> list[Neighbours]:
        """Return the ``k`` best tracks of each query, or all tracks if there are fewer.

        Args:
            queries: (Q, D) float32, unit length, in the catalog's model space.
            k: At least 1.
            video_ids: Only tracks of these videos; None: all videos.

        Raises:
            ShapeError: Queries are not (Q, D), not finite or not of unit length.
            ConfigError: k is below 1.
        """
        check_search(self._pending, queries, k, None)
        built_mask, pending_mask = self._masks(video_ids)
        pending = self._pending.search(queries, k, pending_mask)
        if self._generation is None:
            return pending
        built = self._generation.index.search(queries, k, built_mask)
        return [_merge(pair, k) for pair in zip(built, pending, strict=True)]

    def sample(
        self, count: int, video_ids: Collection[str] | None = None
    ) -> tuple[Matrix, NDArray[np.int64]]:
        """Return templates of a random sample of tracks, and their videos.

        The sample is the same in every call.

        Args:
            count: Maximum number of tracks.
            video_ids: Only tracks of these videos; None: all videos.

        Returns:
            (M, D) float32 templates, and (M,) integers, equal for tracks of one video.
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
            built_rows = rows[rows < built]
            parts.insert(0, self._generation.index.vectors(built_rows))
            videos = self._generation.rows["video"].to_numpy()[built_rows]
            built_names = self._generation.videos["video_id"].take(pa.array(videos))
            names = pa.concat_arrays([*pa.chunked_array(built_names).chunks, names])
        numbers = names.dictionary_encode().indices.to_numpy()
        return np.concatenate(parts), numbers.astype(np.int64)

    def _masks(
        self, video_ids: Collection[str] | None
    ) -> tuple[NDArray[np.bool_] | None, NDArray[np.bool_] | None]:
        """Return the masks of the generation's vectors and of the pending ones; None: no mask."""
        if video_ids is None:
            return self._masked, None
        inside = pa.array(sorted(video_ids), pa.string())
        pending_mask = ~_is_in(self._pending_videos, inside)
        built_mask = self._masked
        if self._generation is not None:
            videos = _is_in(self._generation.videos["video_id"], inside)
            outside = ~self._generation.rows_of(videos)
            built_mask = outside if built_mask is None else built_mask | outside
        return built_mask, pending_mask


@dataclass(frozen=True, slots=True, eq=False)
class _Change:
    """Difference between the tables and a generation.

    Attributes:
        added: Attempts that the generation lacks; None: there is no generation.
        masked: (N,) bool, True for vectors of the generation that were deleted or replaced; None:
            no such vectors.
    """

    added: pa.Table | None
    masked: NDArray[np.bool_] | None


@read_again
def rebuild(catalog: Catalog, options: BuildOptions | None = None) -> IndexStatus:
    """Build a new generation from the tables and make it the current one (``vidsearch reindex``).

    The previous generation is kept for readers that are opening it; older ones are removed.

    Args:
        catalog: Catalog whose tracks are indexed.
        options: Kind of index and place of the build; None: kind by number of tracks, built in this
            process.

    Raises:
        CatalogError: A table is missing or damaged.
        CatalogWriteError: The index cannot be written; the generation in use stays.
    """
    marks = erasure_marks(catalog.root)
    snapshot = catalog.snapshot()
    previous = current_name(catalog.vectors)
    content = Content(
        # Sorted by id, so that the same tracks give the same bytes in any order of indexing.
        templates=lambda allocate: snapshot.templates(catalog.dim, allocate=allocate),
        attempts=snapshot.attempts.sort_by("video_id"),
        versions=snapshot.versions,
        model_id=catalog.model_id,
        publishing=lambda: unless_erased(catalog.root, marks),
    )
    name = build_generation(catalog.vectors, content, options, label=catalog.uri)
    remove_old_generations(catalog.vectors, keep=(name, previous or name))
    _LOG.info("built index %s for %s", name, catalog.uri)
    return index_status(catalog, snapshot)


@read_again
def rebuild_if_stale(
    catalog: Catalog,
    max_pending: int = 1000,
    max_share: float = 0.05,
    options: BuildOptions | None = None,
) -> IndexStatus:
    """Rebuild the index if its generation is unusable or too many tracks have changed.

    The command ``index`` ends with this step.

    Args:
        catalog: Catalog whose tracks are indexed.
        max_pending: Number of changed tracks up to which the generation is kept.
        max_share: The same limit as a share of the generation; the larger limit applies.
        options: As for ``rebuild``.

    Raises:
        CatalogError: As for ``rebuild``.
    """
    snapshot = catalog.snapshot()
    generation = _usable_generation(catalog, warn=False)
    if generation is not None:
        change = _change(snapshot, generation)
        pending = _count_pending(snapshot, change)
        changed = pending + (int(change.masked.sum()) if change.masked is not None else 0)
        if changed <= max(max_pending, max_share * len(generation.index)):
            return _status(generation, pending)
    return rebuild(catalog, options)


def index_status(catalog: Catalog, snapshot: Snapshot) -> IndexStatus:
    """Return the state of the index, compared with the tables.

    Raises:
        CatalogError: A table is missing or damaged.
    """
    generation = _usable_generation(catalog, warn=True)
    return _status(generation, _count_pending(snapshot, _change(snapshot, generation)))


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
    hidden = snapshot.mask.tracks
    if snapshot.versions == generation.meta.versions and snapshot.mask == Mask():
        return _Change(generation.videos.slice(0, 0), None)
    attempts = snapshot.attempts
    # A video that was indexed again keeps its ids but has other vectors, so attempts are compared.
    current, built = _keys(attempts), _keys(generation.videos)
    gone = ~_is_in(built, current)
    masked = generation.rows_of(gone) if gone.any() else None
    if hidden:
        ids = pa.array(sorted(hidden), pa.string())
        erased = _is_in(generation.rows["track_id"].cast(pa.string()), ids)
        masked = erased if masked is None else masked | erased
    added = attempts.filter(pa.array(~_is_in(current, built)))
    return _Change(added, masked if masked is not None and masked.any() else None)


def _keys(attempts: pa.Table) -> pa.Array:
    joined = pc.binary_join_element_wise(attempts["video_id"], attempts["run_id"], "\x1f")
    return pa.concat_arrays(joined.chunks) if joined.num_chunks else pa.array([], pa.string())


def _count_pending(snapshot: Snapshot, change: _Change) -> int:
    """Return the number of tracks that the generation lacks, without reading templates."""
    if change.added is None:
        return int(snapshot.tracks(columns=["track_id"]).num_rows)
    return snapshot.count_added(change.added)


def _exact(ids: Sequence[str], vectors: Matrix) -> VectorIndex:
    """Return an exact index: FAISS's if there are enough vectors to load it."""
    if len(ids) <= _MAX_NUMPY_ROWS:
        return FlatIndex(ids, vectors)
    return FaissFlatIndex.build(ids, vectors)


def _is_in(values: pa.Array | pa.ChunkedArray, value_set: pa.Array) -> NDArray[np.bool_]:
    """Return (N,) bool: True for values that are in the set."""
    return np.asarray(pc.is_in(values, value_set=value_set), np.bool_)


def _merge(parts: Sequence[Neighbours], k: int) -> Neighbours:
    """Return the ``k`` best neighbours of several results over different tracks."""
    pairs = [
        pair for part in parts for pair in zip(part.similarities.tolist(), part.ids, strict=True)
    ]
    merged = sorted(pairs, key=lambda pair: (-pair[0], pair[1]))[:k]
    similarities = np.array([similarity for similarity, _ in merged], np.float32)
    return Neighbours(similarities, tuple(track_id for _, track_id in merged))
