"""Searching a catalog by photo: photos -> one query -> the most similar tracks, with times."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc

from vidsearch.catalog import Catalog
from vidsearch.catalog.people import judgements
from vidsearch.catalog.snapshot import Snapshot
from vidsearch.datatypes import Hit, Matrix, TimeSpan, Vector
from vidsearch.device import resolve_device
from vidsearch.errors import ConfigError
from vidsearch.faces.template import normalise, pool
from vidsearch.index.base import Neighbours
from vidsearch.models.registry import LoadedPack, load_pack
from vidsearch.results.result import QueryPhoto, Searched, SearchResult
from vidsearch.results.threshold_advice import CertainPairs, ThresholdAdvice
from vidsearch.results.words import clock
from vidsearch.search.false_hits import expected_false_hits
from vidsearch.search.filter import SearchFilter
from vidsearch.search.known_impostors import bars, certain_pairs
from vidsearch.search.query import QueryFace, disagreement, pool_query, query_face
from vidsearch.search.track_index import TrackSearcher

PRIOR = 0.01
"""Share of an archive's tracks that show the person sought, before any is looked at.

A pack's curve is fitted on pairs of which half are genuine. Whoever searches an archive meets far
more strangers: with that prior of 0.5, one stranger in a hundred would be called likely, and an
archive holds thousands. One track in a hundred is the person, as a rule: a hit must be so much
better than a pair of photos to be called likely.
"""

_COMPARED = 2000
"""Tracks that a query is compared with to say how many false hits to expect."""

_TRACK_COLUMNS = ["track_id", "video_id", "start_s", "end_s", "best_s", "box_xyxy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOptions:
    """What a search returns.

    Attributes:
        top: At most so many hits.
        min_confidence: Hits less likely than this are left out.
        face: Which face of the photo, by size; None: the largest.
        thumbnails: Fetch a picture of every hit.
        scope: Only tracks of these videos.
        advice: Say how many false hits to expect.
    """

    top: int = 100
    min_confidence: float = 0.0
    face: int | None = None
    thumbnails: bool = False
    scope: SearchFilter = field(default_factory=SearchFilter)
    advice: bool = True

    def __post_init__(self) -> None:
        if self.top < 1:
            raise ConfigError(f"top must be at least 1; got {self.top}")
        if not 0 <= self.min_confidence <= 1:
            raise ConfigError(f"min_confidence must lie from 0 to 1; got {self.min_confidence}")


class PhotoSearcher:
    """Searches one catalog again and again: models and index stay loaded.

    Args:
        catalog: The catalog to search, as of now; ``refresh`` looks again.
        models: Its pack, loaded; None: load the pack that the catalog names.
        device: Where to load it.

    Raises:
        CatalogModelError: ``models`` are not the catalog's.
        ModelError: The catalog's pack cannot be loaded.
    """

    def __init__(
        self, catalog: Catalog, models: LoadedPack | None = None, device: str = "auto"
    ) -> None:
        self._catalog = catalog
        self._models = (
            models if models is not None else load_pack(catalog.pack, resolve_device(device))
        )
        catalog.require_model(self._models.model_id)
        self._tracks = TrackSearcher(catalog)

        self._certain: tuple[Snapshot, CertainPairs] | None = None

    def refresh(self) -> None:
        """Take up what was indexed since."""
        self._tracks.refresh()

    def search(
        self, photos: Sequence[str | os.PathLike[str]], options: SearchOptions | None = None
    ) -> SearchResult:
        """Find the person in these photos; several photos of one person make one better query.

        Raises:
            PhotoError: A photo cannot be read, or shows no face.
            ConfigError: No photo, ``face`` is out of range, or ``scope`` names an unknown video.
        """
        used = options if options is not None else SearchOptions()
        if used.face is not None and len(photos) > 1:
            raise ConfigError(
                "--face picks a face in one photo; pass one photo, or crop the others"
            )
        faces = [query_face(photo, self._models, used.face) for photo in photos]
        return self.search_faces(faces, used)

    def search_faces(
        self,
        faces: Sequence[QueryFace],
        options: SearchOptions | None = None,
        tracks: Collection[str] = (),
    ) -> SearchResult:
        """Find the person of these faces; tracks known to show the person make the query better.

        Args:
            faces: From photos; none where ``tracks`` say enough.
            options: As for ``search``.
            tracks: Ids of tracks that show the person; those that are gone are left out.

        Raises:
            ConfigError: Neither a face nor a track, or ``scope`` names an unknown video.
        """
        used = options if options is not None else SearchOptions()
        known, templates = self._templates(tracks)
        template = (
            pool(np.concatenate([_units(faces, templates.shape[1]), templates]), self.model_id)
            if known
            else pool_query(faces, self.model_id)
        )
        warning = disagreement(faces, self._models.calibration)
        query = [
            dataclasses.replace(
                face.as_result(),
                warnings=face.warnings + ((warning,) if warning and face is faces[0] else ()),
            )
            for face in faces
        ]
        within = used.scope.video_ids(self._catalog)
        found = self._tracks.search(template.vector[None], used.top, within)[0]
        hits, durations = self._hits(found, used.min_confidence)
        searched = self._searched(within)
        return SearchResult(
            model_id=self.model_id,
            query=tuple(query) if query else self._query_of(known),
            hits=hits,
            searched=searched,
            advice=self._advice(template.vector, searched.tracks, within) if used.advice else None,
            thumbnails=self._thumbnails([hit.track_id for hit in hits]) if used.thumbnails else {},
            durations_s=durations,
        )

    def _advice(self, query: Vector, tracks: int, within: frozenset[str] | None) -> ThresholdAdvice:
        """Say how many strangers reach each confidence by chance."""
        calibration = self._models.calibration
        certain = self._certain_now()
        sample, videos = self._tracks.sample(_COMPARED, within)
        levels = expected_false_hits(
            sample @ query, videos, tracks, bars(calibration, PRIOR), certain
        )
        return ThresholdAdvice(tracks, len(sample), levels, certain)

    @property
    def has_advice(self) -> bool:
        """Whether what advice needs is at hand: a large archive's people take a while."""
        return self._certain is not None and self._certain[0] is self._tracks.snapshot

    def learn_advice(self) -> None:
        """Make ready what advice needs; another thread may search meanwhile.

        Raises:
            CatalogError: A table is missing or damaged.
        """
        self._certain_now()

    def _certain_now(self) -> CertainPairs:
        snapshot = self._tracks.snapshot
        kept = self._certain
        if kept is None or kept[0] is not snapshot:
            sample, _ = self._tracks.sample(_COMPARED)
            found = certain_pairs(self._catalog, snapshot, self._models.calibration, PRIOR, sample)
            kept = self._certain = snapshot, found
        return kept[1]

    @property
    def model_id(self) -> str:
        return self._models.model_id

    @property
    def models(self) -> LoadedPack:
        return self._models

    def _templates(self, tracks: Collection[str]) -> tuple[list[str], Matrix]:
        if not tracks:
            return [], np.zeros((0, self._catalog.dim), np.float32)
        rows, templates = self._tracks.snapshot.templates(self._catalog.dim, tracks)
        return rows["track_id"].to_pylist(), templates

    def _query_of(self, tracks: Collection[str]) -> tuple[QueryPhoto, ...]:
        """Say of tracks that were searched with what is said of photos."""
        pictures = self._thumbnails(tracks)
        rows = self._tracks.snapshot.tracks([*_TRACK_COLUMNS, "quality"], track_ids=tracks)
        places = self._catalog.locations(set(rows["video_id"].to_pylist()))
        return tuple(
            QueryPhoto(
                photo=next(iter(places[row["video_id"]]), row["video_id"])
                + f" at {clock(row['best_s'])}",
                box_xyxy=np.array(row["box_xyxy"], np.float32),
                quality=float(row["quality"]),
                face_jpeg=pictures.get(row["track_id"]),
            )
            for row in rows.to_pylist()
        )

    def _hits(
        self, found: Neighbours, min_confidence: float
    ) -> tuple[tuple[Hit, ...], dict[str, float]]:
        calibration = self._models.calibration
        confidence = calibration.confidence(found.similarities, prior=PRIOR)
        likely = [row for row in range(len(found)) if confidence[row] >= min_confidence]
        tracks = self._rows([found.ids[row] for row in likely])
        video_ids = {track["video_id"] for track in tracks.values()}
        videos = self._tracks.snapshot.videos(["video_id", "uri", "duration_s"], video_ids)
        by_id = {row["video_id"]: row for row in videos.to_pylist()}
        places = self._catalog.locations(video_ids)
        known = judgements(self._catalog)
        hits: list[Hit] = []
        for row in likely:
            track = tracks[found.ids[row]]
            seen_at = places.get(track["video_id"])
            hits.append(
                Hit(
                    rank=len(hits) + 1,
                    confidence=float(confidence[row]),
                    similarity=float(found.similarities[row]),
                    video=_place(seen_at) if seen_at else by_id[track["video_id"]]["uri"],
                    video_id=track["video_id"],
                    track_id=track["track_id"],
                    span=TimeSpan(track["start_s"], track["end_s"]),
                    best_s=track["best_s"],
                    box_xyxy=np.array(track["box_xyxy"], np.float32),
                    person=known.names.get(known.person_of.get(track["track_id"], "")),
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

    def _thumbnails(self, tracks: Collection[str]) -> dict[str, bytes]:
        if not tracks:
            return {}
        rows = self._tracks.snapshot.faces(
            ["track_id", "position", "aligned_jpeg"], track_ids=tracks
        )
        return {
            row["track_id"]: row["aligned_jpeg"] for row in rows.to_pylist() if row["position"] == 0
        }

    def _searched(self, within: frozenset[str] | None) -> Searched:
        videos = self._tracks.snapshot.videos(["status", "read_s", "tracks"], within)
        readable = videos.filter(pc.not_equal(videos["status"], "failed"))
        return Searched(
            tracks=int(pc.sum(readable["tracks"], min_count=0).as_py()),
            videos=len(readable),
            duration_s=float(pc.sum(readable["read_s"], min_count=0).as_py()),
            failed_videos=len(videos) - len(readable),
            partial_videos=int(
                pc.sum(pc.equal(readable["status"], "partial"), min_count=0).as_py()
            ),
        )


def _units(faces: Sequence[QueryFace], dim: int) -> Matrix:
    """Return (N, D): photos and templates of tracks weigh the same, whatever the norm."""
    if not faces:
        return np.zeros((0, dim), np.float32)
    return normalise(np.stack([face.embedding for face in faces]))


def _place(places: Sequence[str]) -> str:
    """Return where a video is: the latest place, unless it is gone and another is there."""
    there = (place for place in places if "://" not in place and Path(place).exists())
    return next(there, places[0])


def search(
    catalog: Catalog,
    photos: Sequence[str | os.PathLike[str]],
    *,
    device: str = "auto",
    **options: Any,
) -> SearchResult:
    """Search once; see ``PhotoSearcher`` for many searches and ``SearchOptions`` for options."""
    return PhotoSearcher(catalog, device=device).search(photos, SearchOptions(**options))


__all__ = ["PhotoSearcher", "QueryFace", "SearchOptions", "search"]
