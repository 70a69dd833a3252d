"""Search of a catalog by photo: photos -> one query -> the most similar tracks, with times."""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from vidsearch.catalog.catalog import Catalog
from vidsearch.catalog.commits import read_again
from vidsearch.catalog.erasures.pending import interrupted_erasures, pending_sentence
from vidsearch.catalog.people import judgements
from vidsearch.catalog.records import read_options
from vidsearch.catalog.snapshot import Snapshot
from vidsearch.catalog.sources.live_path import live_first
from vidsearch.datatypes import Hit, Matrix, TimeSpan, Vector
from vidsearch.device import resolve_device
from vidsearch.errors import CatalogChangedError, ConfigError
from vidsearch.faces.template import pool
from vidsearch.libraries import SEARCHING, require
from vidsearch.models.registry import LoadedPack, load_pack
from vidsearch.results.result import QueryPhoto, SearchResult
from vidsearch.results.threshold_advice import FalseHitEstimate, KnownImpostorPairs
from vidsearch.results.words import clock
from vidsearch.search.coverage import coverage_of
from vidsearch.search.false_hits import expected_false_hits
from vidsearch.search.filter import SearchFilter
from vidsearch.search.known_impostors import known_impostor_pairs, threshold_table
from vidsearch.search.query import (
    QueryFace,
    disagreement,
    pool_query,
    query_faces,
    unit_embeddings,
)
from vidsearch.search.track_index import TrackSearcher
from vidsearch.text.names import native_name

_LOG = logging.getLogger(__name__)
R = TypeVar("R")

PRIOR = 0.01
"""Share of an archive's tracks that show the person sought, before any is compared.

A pack's curve is fitted on pairs of which half are genuine. A search in an archive meets far more
impostors: at the prior of 0.5, one impostor in a hundred would be called likely, and an archive
holds thousands. With one track in a hundred as prior, a hit needs a similarity that much higher
than a pair of photos does.
"""

_COMPARED = 2000
"""Tracks that a query is compared with to estimate its false hits."""

_TRACK_COLUMNS = ("track_id", "video_id", "start_s", "end_s", "best_s", "box_xyxy", "stream")


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOptions:
    """Options of a search.

    Attributes:
        top: Maximum number of hits.
        min_confidence: Hits with a lower confidence are left out.
        face: Number of the face in the photo, by size; None: the largest.
        thumbnails: True to fetch the best face of every hit.
        search_filter: Only tracks of these videos.
        estimate_false_hits: True to estimate the number of false hits.
    """

    top: int = 100
    min_confidence: float = 0.0
    face: int | None = None
    thumbnails: bool = False
    search_filter: SearchFilter = field(default_factory=SearchFilter)
    estimate_false_hits: bool = True

    def __post_init__(self) -> None:
        if self.top < 1:
            raise ConfigError(f"top must be at least 1; got {self.top}")
        if not 0 <= self.min_confidence <= 1:
            raise ConfigError(f"min_confidence must lie from 0 to 1; got {self.min_confidence}")


class PhotoSearcher:
    """Searches one catalog repeatedly; models and index stay loaded.

    Args:
        catalog: Catalog to search, at its current version; ``refresh`` reads a newer one.
        models: Loaded pack of the catalog; None: load the pack that the catalog names.
        device: Device to load it on.

    Raises:
        CatalogModelError: ``models`` are not the catalog's.
        ModelError: The catalog's pack cannot be loaded.
        InstallationError: A library is missing or cannot be loaded.
    """

    def __init__(
        self, catalog: Catalog, models: LoadedPack | None = None, device: str = "auto"
    ) -> None:
        require(SEARCHING)
        self._catalog = catalog
        self._models = (
            models if models is not None else load_pack(catalog.pack, resolve_device(device))
        )
        catalog.require_model(self._models.model_id)
        self._tracks = TrackSearcher(catalog)
        for erasure in interrupted_erasures(catalog.root):
            _LOG.warning("%s", pending_sentence(erasure, catalog.uri))
        self._impostor_pairs: tuple[Snapshot, KnownImpostorPairs] | None = None

    @property
    def catalog(self) -> Catalog:
        """The catalog that is searched."""
        return self._catalog

    @property
    def model_id(self) -> str:
        """Identifier of the embedding space."""
        return self._models.model_id

    @property
    def models(self) -> LoadedPack:
        """The loaded model pack."""
        return self._models

    def refresh(self) -> None:
        """Read the current version of the catalog and of its index.

        Raises:
            CatalogError: A table is missing or damaged.
        """
        self._tracks.refresh()

    def refresh_if_changed(self) -> None:
        """Read the current version of the catalog if its tables have changed.

        Raises:
            CatalogError: A table is missing or damaged.
        """
        current, read = self._catalog.snapshot(), self._tracks.snapshot
        if (current.versions, current.mask) != (read.versions, read.mask):
            self._tracks.refresh()

    def search(
        self, photos: Sequence[str | os.PathLike[str]], options: SearchOptions | None = None
    ) -> SearchResult:
        """Return the tracks most similar to the person in these photos.

        Several photos of one person make a better query. Photos that cannot be read, or show no
        face, are left out with a warning if others can be used.

        Raises:
            PhotoError: No photo can be read, or none shows a face.
            ConfigError: There is no photo, ``face`` is out of range, or the filter names an unknown
                video.
        """
        options = options if options is not None else SearchOptions()
        if options.face is not None and len(photos) > 1:
            raise ConfigError(
                "--face picks a face in one photo; pass one photo, or crop the others"
            )
        return self.search_faces(query_faces(photos, self._models, options.face), options)

    def search_faces(
        self,
        faces: Sequence[QueryFace],
        options: SearchOptions | None = None,
        tracks: Collection[str] = (),
    ) -> SearchResult:
        """Return the tracks most similar to the person of these faces.

        Tracks known to show the person make the query better.

        Args:
            faces: Faces of photos; may be empty if ``tracks`` are given.
            options: As for ``search``.
            tracks: Ids of tracks that show the person; deleted ones are left out.

        Raises:
            ConfigError: There is neither a face nor a track, or the filter names an unknown video.
        """
        chosen = options if options is not None else SearchOptions()
        return self._on_current_tables(lambda: self._search_faces(faces, chosen, tracks))

    @read_again
    def _on_current_tables(self, read: Callable[[], R]) -> R:
        """Return the result of a read; repeat it on the current tables if files were erased."""
        try:
            return read()
        except CatalogChangedError:
            self.refresh()
            raise

    def _search_faces(
        self, faces: Sequence[QueryFace], options: SearchOptions, tracks: Collection[str]
    ) -> SearchResult:
        track_ids, templates = self._templates(tracks)
        template = (
            pool(
                np.concatenate([unit_embeddings(faces, templates.shape[1]), templates]),
                self.model_id,
            )
            if track_ids
            else pool_query(faces, self.model_id)
        )
        query = [face.as_result() for face in faces]
        warning = disagreement(faces, self._models.calibration)
        if warning is not None:
            query[0] = dataclasses.replace(query[0], warnings=(*query[0].warnings, warning))
        video_ids = options.search_filter.video_ids(self._catalog)
        hits, durations = self._hits(template.vector, options, video_ids)
        coverage = coverage_of(self._tracks.snapshot, video_ids)
        estimate = (
            self._estimate(template.vector, coverage.tracks, video_ids)
            if options.estimate_false_hits
            else None
        )
        best_faces = self._tracks.snapshot.best_faces
        return SearchResult(
            model_id=self.model_id,
            query=tuple(query) if query else self._query_tracks(track_ids),
            hits=hits,
            coverage=coverage,
            false_hit_estimate=estimate,
            thumbnails=best_faces([hit.track_id for hit in hits]) if options.thumbnails else {},
            durations_s=durations,
        )

    def _estimate(
        self, query: Vector, tracks: int, video_ids: frozenset[str] | None
    ) -> FalseHitEstimate:
        """Return the estimate of the false hits of a query, a (D,) unit vector."""
        pairs = self._known_impostor_pairs()
        sample, videos = self._tracks.sample(_COMPARED, video_ids)
        thresholds = threshold_table(self._models.calibration, PRIOR)
        levels = expected_false_hits(sample @ query, videos, tracks, thresholds, pairs)
        return FalseHitEstimate(tracks, len(sample), levels, pairs)

    @property
    def estimate_ready(self) -> bool:
        """True if the known-impostor cache is built; a large archive takes seconds."""
        pairs = self._impostor_pairs
        return pairs is not None and pairs[0] is self._tracks.snapshot

    def prepare_estimate(self) -> None:
        """Build the known-impostor cache; another thread may search meanwhile.

        Raises:
            CatalogError: A table is missing or damaged.
        """
        self._on_current_tables(self._known_impostor_pairs)

    def _known_impostor_pairs(self) -> KnownImpostorPairs:
        snapshot = self._tracks.snapshot
        cached = self._impostor_pairs
        if cached is None or cached[0] is not snapshot:
            sample, _ = self._tracks.sample(_COMPARED)
            pairs = known_impostor_pairs(
                self._catalog, snapshot, self._models.calibration, PRIOR, sample
            )
            cached = self._impostor_pairs = snapshot, pairs
        return cached[1]

    def _templates(self, tracks: Collection[str]) -> tuple[list[str], Matrix]:
        if not tracks:
            return [], np.zeros((0, self._catalog.dim), np.float32)
        rows, templates = self._tracks.snapshot.templates(self._catalog.dim, tracks)
        return rows["track_id"].to_pylist(), templates

    def _query_tracks(self, tracks: Collection[str]) -> tuple[QueryPhoto, ...]:
        """Return query entries for a search with tracks alone."""
        faces = self._tracks.snapshot.best_faces(tracks)
        rows = self._tracks.snapshot.tracks([*_TRACK_COLUMNS, "quality"], track_ids=tracks)
        paths = self._catalog.locations(set(rows["video_id"].to_pylist()))
        return tuple(
            QueryPhoto(
                photo=next(iter(live_first(paths[row["video_id"]])), row["video_id"])
                + f" at {clock(row['best_s'])}",
                box_xyxy=np.array(row["box_xyxy"], np.float32),
                quality=float(row["quality"]),
                face_jpeg=faces.get(row["track_id"]),
            )
            for row in rows.to_pylist()
        )

    def _hits(
        self, query: Vector, options: SearchOptions, video_ids: frozenset[str] | None
    ) -> tuple[tuple[Hit, ...], dict[str, float]]:
        """Return the hits, and the lengths of their videos, seconds."""
        absent = 0
        while True:
            # An index holds tracks that the tables lack, if an erasure by an earlier version of
            # vidsearch was killed. They are left out.
            missing = absent
            found = self._tracks.search(query[None], options.top + missing, video_ids)[0]
            confidence = self._models.calibration.confidence(found.similarities, prior=PRIOR)
            likely = [row for row in range(len(found)) if confidence[row] >= options.min_confidence]
            tracks = self._rows([found.ids[row] for row in likely])
            absent = len(likely) - len(tracks)
            if absent <= missing:
                break
        likely = [row for row in likely if found.ids[row] in tracks][: options.top]
        hit_videos = {track["video_id"] for track in tracks.values()}
        videos = self._tracks.snapshot.videos(
            ["video_id", "uri", "duration_s", "streams"], hit_videos
        )
        by_id = {row["video_id"]: row for row in videos.to_pylist()}
        paths = self._catalog.locations(hit_videos)
        verdicts = judgements(self._catalog)
        hits: list[Hit] = []
        for row in likely:
            track = tracks[found.ids[row]]
            track_id, video_id = track["track_id"], track["video_id"]
            copies = paths.get(video_id)
            hits.append(
                Hit(
                    rank=len(hits) + 1,
                    confidence=float(confidence[row]),
                    similarity=float(found.similarities[row]),
                    video=live_first(copies)[0] if copies else native_name(by_id[video_id]["uri"]),
                    video_id=video_id,
                    track_id=track_id,
                    span=TimeSpan(track["start_s"], track["end_s"]),
                    best_s=track["best_s"],
                    box_xyxy=np.array(track["box_xyxy"], np.float32),
                    person=verdicts.names.get(verdicts.person_of.get(track_id, "")),
                    read=read_options(by_id[video_id]["streams"], track["stream"]),
                )
            )
        durations = {
            video_id: row["duration_s"]
            for video_id, row in by_id.items()
            if row["duration_s"] is not None
        }
        return tuple(hits), durations

    def _rows(self, track_ids: Collection[str]) -> dict[str, dict[str, Any]]:
        if not track_ids:
            return {}
        rows = self._tracks.snapshot.tracks(_TRACK_COLUMNS, track_ids=track_ids)
        return {row["track_id"]: row for row in rows.to_pylist()}
