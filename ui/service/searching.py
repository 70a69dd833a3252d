"""Search service of the app: one searcher per catalog, shared by all sessions."""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from cachetools import LRUCache

from vidsearch.catalog.catalog import Catalog
from vidsearch.catalog.people import judgements
from vidsearch.errors import VidsearchError
from vidsearch.models.calibration import Calibration
from vidsearch.results.words import LIKELY
from vidsearch.search.person_search import JudgedResult, SearchRequest, search_person
from vidsearch.search.query import QueryFace, disagreement, photo_faces
from vidsearch.search.search import PhotoSearcher, SearchOptions
from vidsearch.video.stills import jpeg

DISPLAY_SIDE = 720
"""Longer side of a displayed photo, pixels."""

MAX_PHOTOS = 50
"""Photos of one session that are cached, some 100 KB each; their full images are not cached."""


MAX_LIKE = 3
"""People that a query is said to look like."""

_COMPARED_HITS = 50


@dataclass(frozen=True, slots=True, eq=False)
class DisplayedPhoto:
    """A photo to choose a face from.

    Attributes:
        name: Name in errors and results.
        jpeg: Small copy for display.
        size_wh: Size in pixels that the faces' boxes refer to.
        faces: Largest first.
    """

    name: str
    jpeg: bytes
    size_wh: tuple[int, int]
    faces: tuple[QueryFace, ...]


class ArchiveSearcher:
    """Searcher of one catalog for all sessions: models are loaded once, calls are serialised."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self._lock = threading.Lock()
        self._searcher = PhotoSearcher(catalog)
        self._preparing = threading.Event()

    def warm(self) -> None:
        """Run the networks and the index once, so that the first search of a user is not slow.

        Raises:
            CatalogError: The catalog cannot be read.
        """
        with self._lock:
            models = self._searcher.models
            models.detector.detect(np.zeros((640, 640, 3), np.uint8))
            size = models.embedder.template.size
            models.embedder.embed(np.zeros((1, size, size, 3), np.uint8))
            track_ids = self.catalog.tracks(["track_id"])["track_id"][:1].to_pylist()
        if track_ids:
            self.search(SearchRequest(tracks=tuple(track_ids), top=10, min_confidence=0.0))

    @property
    def preparing_estimate(self) -> bool:
        """True while a thread prepares the estimate of false hits."""
        return self._preparing.is_set()

    @property
    def calibration(self) -> Calibration:
        """Calibration of the catalog's pack."""
        return self._searcher.models.calibration

    def faces(self, content: bytes, name: str) -> DisplayedPhoto:
        """Decode a photo and find its faces; the photo is not stored.

        Raises:
            PhotoError: The photo cannot be read.
        """
        with self._lock:
            detected = photo_faces(content, self._searcher.models, name)
        height, width = detected.photo.image.shape[:2]
        display = jpeg(detected.photo.image, DISPLAY_SIDE)
        return DisplayedPhoto(detected.photo.name, display, (width, height), detected.faces)

    def search(self, request: SearchRequest) -> JudgedResult:
        """Search the current tables, with the verdicts on the person.

        Raises:
            ConfigError: There is neither a face nor a track, or no video passes the filter.
            CatalogError: The catalog cannot be read.
        """
        with self._lock:
            self._searcher.refresh_if_changed()
            self._start_preparing()
            ready = self._searcher.estimate_ready
            return search_person(self._searcher, request, estimate_false_hits=ready)

    def people_like(self, faces: Sequence[QueryFace], tracks: Collection[str]) -> tuple[str, ...]:
        """Return the named people whom a query looks like, the likeliest first.

        The verdicts take no part, so that nobody is found by their own confirmed appearances.

        Raises:
            CatalogError: The catalog cannot be read.
        """
        options = SearchOptions(
            top=_COMPARED_HITS, min_confidence=LIKELY, estimate_false_hits=False
        )
        with self._lock:
            self._searcher.refresh_if_changed()
            hits = self._searcher.search_faces(faces, options, tracks).hits
        found = judgements(self.catalog)
        owners = [found.person_of.get(hit.track_id) for hit in hits]
        return tuple(dict.fromkeys(owner for owner in owners if owner is not None))[:MAX_LIKE]

    def agree(self, faces: Sequence[QueryFace]) -> bool:
        """Return True unless two of the faces seem to show different people."""
        return disagreement(faces, self.calibration) is None

    def _start_preparing(self) -> None:
        """Prepare the estimate of false hits in a thread: it takes seconds on a large archive."""
        if not self._searcher.estimate_ready and not self.preparing_estimate:
            self._preparing.set()
            threading.Thread(target=self._prepare, name="false-hits", daemon=True).start()

    def _prepare(self) -> None:
        try:
            self._searcher.prepare_estimate()
        except VidsearchError:
            pass  # the next search raises the same error
        finally:
            self._preparing.clear()


class RecentFaces:
    """Faces found in the latest photos of one session, so that each photo is processed once."""

    def __init__(self, max_photos: int = MAX_PHOTOS) -> None:
        self._photos: LRUCache[str, DisplayedPhoto] = LRUCache(max_photos)

    def get(self, key: str) -> DisplayedPhoto | None:
        """Return the photo of a key, or None."""
        return self._photos.get(key)

    def put(self, key: str, photo: DisplayedPhoto) -> None:
        """Add a photo; the least recently used one leaves a full cache."""
        self._photos[key] = photo

    def keep_only(self, keys: Collection[str]) -> None:
        """Remove all photos but these."""
        for key in [key for key in self._photos if key not in keys]:
            del self._photos[key]
