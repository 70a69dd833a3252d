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
from vidsearch.catalog.status import IndexStatus
from vidsearch.datatypes import Matrix
from vidsearch.index.base import Neighbours, VectorIndex, check_search
from vidsearch.index.faiss import FaissFlatIndex
from vidsearch.index.flat import FlatIndex
from vidsearch.index.generations import (
    BrokenGenerationError,
    BuildOptions,
    Generation,
    build_generation,
    current_name,
    read_generation,
    remove_old_generations,
)

if TYPE_CHECKING:
    from vidsearch.catalog.catalog import Catalog

_LOG = logging.getLogger(__name__)

_KEY = ["track_id", "run_id"]
_FEW = 500


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
        self._pending_ids, vectors = _templates(self.snapshot, self._catalog.dim, change.pending)
        self._pending = _exact(self._pending_ids, vectors)

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
        built_mask, pending_mask = self._masked, None
        if video_ids is not None:
            rows = self.snapshot.tracks(columns=["track_id"], video_ids=video_ids)
            inside = pa.array(rows["track_id"].to_pylist(), pa.string())
            pending_mask = _outside(pa.array(self._pending_ids, pa.string()), inside)
            if self._generation is not None:
                outside = _outside(self._generation.rows["track_id"], inside)
                built_mask = outside if built_mask is None else built_mask | outside
        answers = self._pending.search(queries, k, pending_mask)
        if self._generation is None:
            return answers
        built = self._generation.index.search(queries, k, built_mask)
        return [_join(one, other, k) for one, other in zip(built, answers, strict=True)]


@dataclass(frozen=True, slots=True, eq=False)
class _Change:
    """How the tables differ from a generation.

    Attributes:
        pending: Ids of tracks that the generation lacks; None means all there are.
        masked: (N,) vectors of the generation that no longer count, or None.
    """

    pending: list[str] | None
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
    previous = current_name(catalog.place)
    name = build_generation(
        catalog.place,
        # In the order of their ids: the same tracks give the same bytes, whoever indexed first.
        lambda allocate: snapshot.templates(catalog.dim, allocate=allocate),
        snapshot.versions,
        catalog.model_id,
        options,
    )
    remove_old_generations(catalog.place, keep=(name, previous or name))
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
        changed = len(change.pending or ())
        changed += int(change.masked.sum()) if change.masked is not None else 0
        if changed <= max(max_pending, max_share * len(generation.index)):
            return _status(generation, len(change.pending or ()))
    return rebuild(catalog, options)


def index_status(catalog: Catalog, snapshot: Snapshot) -> IndexStatus:
    """Return how the index stands against the tables.

    Raises:
        CatalogError: A table is missing or damaged.
    """
    generation = _usable_generation(catalog, warn=True)
    change = _change(snapshot, generation)
    if change.pending is None:
        return _status(generation, snapshot.tracks(columns=["track_id"]).num_rows)
    return _status(generation, len(change.pending))


def _status(generation: Generation | None, pending: int) -> IndexStatus:
    if generation is None:
        return IndexStatus("none", None, pending)
    return IndexStatus(generation.meta.kind, generation.meta.built, pending)


def _usable_generation(catalog: Catalog, *, warn: bool) -> Generation | None:
    try:
        return read_generation(catalog.place, catalog.model_id, catalog.dim)
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
        return _Change([], None)
    rows = snapshot.tracks(columns=_KEY)
    # A video that was indexed anew has the same ids with other vectors, so the attempt counts too.
    now, then = _keys(rows), _keys(generation.rows)
    pending = rows["track_id"].filter(pc.invert(pc.is_in(now, value_set=then))).to_pylist()
    masked = ~np.asarray(pc.is_in(then, value_set=now), np.bool_)
    return _Change(pending, masked if masked.any() else None)


def _keys(rows: pa.Table) -> pa.Array:
    joined = pc.binary_join_element_wise(rows["track_id"], rows["run_id"], "\x1f")
    return pa.concat_arrays(joined.chunks) if joined.num_chunks else pa.array([], pa.string())


def _exact(ids: Sequence[str], vectors: Matrix) -> VectorIndex:
    """Return an exact index: FAISS's where loading it is worth while."""
    if len(ids) <= _FEW:
        return FlatIndex(ids, vectors)
    return FaissFlatIndex.build(ids, vectors)


def _outside(track_ids: pa.Array | pa.ChunkedArray, inside: pa.Array) -> NDArray[np.bool_]:
    """Return (N,) which of the tracks are not among those ``inside``."""
    return ~np.asarray(pc.is_in(track_ids, value_set=inside), np.bool_)


def _templates(
    snapshot: Snapshot, dim: int, track_ids: Sequence[str] | None
) -> tuple[list[str], Matrix]:
    if track_ids is not None and not track_ids:
        return [], np.zeros((0, dim), np.float32)
    rows, vectors = snapshot.templates(dim, track_ids)
    return rows["track_id"].to_pylist(), vectors


def _join(one: Neighbours, other: Neighbours, k: int) -> Neighbours:
    """Return the ``k`` best of two answers over different tracks."""
    pairs = [
        *zip(one.similarities.tolist(), one.ids, strict=True),
        *zip(other.similarities.tolist(), other.ids, strict=True),
    ]
    merged = sorted(pairs, key=lambda pair: (-pair[0], pair[1]))[:k]
    similarities = np.array([similarity for similarity, _ in merged], np.float32)
    return Neighbours(similarities, tuple(track_id for _, track_id in merged))
