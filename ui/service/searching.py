"""Searching: photos -> faces to choose from -> hits, better with every verdict."""

from __future__ import annotations

import dataclasses
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from vidsearch.catalog import Catalog
from vidsearch.catalog.people import Judgements, judgements
from vidsearch.datatypes import Hit
from vidsearch.errors import ConfigError, VidsearchError
from vidsearch.models.calibration import Calibration
from vidsearch.results.result import SearchResult
from vidsearch.search.filter import SearchFilter
from vidsearch.search.query import QueryFace, photo_faces
from vidsearch.search.search import PhotoSearcher, SearchOptions
from vidsearch.video.stills import jpeg

SHOWN_SIDE = 720
"""Longer side of a photo as it is shown, pixels."""

PHOTOS_KEPT = 50
"""Photos of one session that are remembered, some 100 KB each: the pixels themselves are not."""


@dataclass(frozen=True, slots=True, eq=False)
class SeenPhoto:
    """A photo to choose a face from.

    Attributes:
        name: As errors and results name it.
        jpeg: Small, to be shown.
        size_wh: Pixels that the faces' boxes refer to.
        faces: Largest first.
    """

    name: str
    jpeg: bytes
    size_wh: tuple[int, int]
    faces: tuple[QueryFace, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRequest:
    """What somebody asks for on the search page.

    Attributes:
        faces: The chosen face of each photo.
        tracks: Tracks that are to be searched with ("more like this").
        person_id: Person that the verdicts of this search are about, or None.
        top: At most so many hits.
        min_confidence: Hits less likely than this are left out.
        scope: Only these videos.
        longest_s: Only videos up to this length; None: of any.
        shortest_s: Only videos from this length on.
    """

    faces: tuple[QueryFace, ...] = ()
    tracks: tuple[str, ...] = ()
    person_id: str | None = None
    top: int = 50
    min_confidence: float = 0.1
    scope: SearchFilter = field(default_factory=SearchFilter)
    shortest_s: float = 0.0
    longest_s: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What the search page shows.

    Attributes:
        result: Hits that nobody has rejected, ranked anew.
        rejected: Hits that were judged to be somebody else.
        confirmed: Ids of hits that were judged to be the person.
        false_hits: How many of the hits that nobody confirmed are expected to be wrong.
    """

    result: SearchResult
    rejected: tuple[Hit, ...]
    confirmed: frozenset[str]
    false_hits: float


class ArchiveSearcher:
    """One catalog, its models loaded once, for all sessions; calls wait for each other."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self._lock = threading.Lock()
        self._searcher = PhotoSearcher(catalog)
        self._versions = catalog.snapshot().versions
        self._learning = threading.Event()

    def warm(self) -> None:
        """Search once, so that nobody waits for the networks' first run and the index's first use.

        Raises:
            CatalogError: The catalog cannot be read.
        """
        with self._lock:
            models = self._searcher.models
            models.detector.detect(np.zeros((640, 640, 3), np.uint8))
            size = models.embedder.template.size
            models.embedder.embed(np.zeros((1, size, size, 3), np.uint8))
            some = self.catalog.snapshot().tracks(["track_id"])["track_id"][:1].to_pylist()
        if some:
            self.search(SearchRequest(tracks=tuple(some), top=10, min_confidence=0.0))

    @property
    def learning(self) -> bool:
        """Whether advice for this archive is being looked up."""
        return self._learning.is_set()

    @property
    def calibration(self) -> Calibration:
        return self._searcher.models.calibration

    def _take_up_changes(self) -> None:
        """Search what is in the tables now: videos come and are forgotten while the app runs."""
        versions = self.catalog.snapshot().versions
        if versions != self._versions:
            self._searcher.refresh()
            self._versions = versions
        if not self._searcher.has_advice and not self.learning:
            self._learning.set()
            threading.Thread(target=self._learn, name="advice", daemon=True).start()

    def _learn(self) -> None:
        """Look up the advice beside the searches: on a large archive it takes seconds."""
        try:
            self._searcher.learn_advice()
        except VidsearchError:
            pass  # the next search says what is wrong with the catalog
        finally:
            self._learning.clear()

    def faces(self, content: bytes, name: str) -> SeenPhoto:
        """Read a photo and find its faces; nothing of it is kept.

        Raises:
            PhotoError: It cannot be read.
        """
        with self._lock:
            found = photo_faces(content, self._searcher.models, name)
        height, width = found.photo.image.shape[:2]
        shown = jpeg(found.photo.image, SHOWN_SIDE)
        return SeenPhoto(found.photo.name, shown, (width, height), found.faces)

    def search(self, wish: SearchRequest) -> Answer:
        """Search, with everything that is known of the person.

        Raises:
            ConfigError: Neither a face nor a track to search with.
            CatalogError: The catalog cannot be read.
        """
        known = judgements(self.catalog)
        rejected: frozenset[str] = frozenset()
        confirmed: tuple[str, ...] = ()
        if wish.person_id is not None and wish.person_id in known.names:
            confirmed = known.confirmed(wish.person_id)
            rejected = known.rejected.get(wish.person_id, frozenset())
        tracks = tuple(dict.fromkeys((*wish.tracks, *confirmed)))
        if not wish.faces and not tracks:
            raise ConfigError("choose a photo with a face to search with")
        options = SearchOptions(
            top=wish.top + len(rejected),
            min_confidence=wish.min_confidence,
            thumbnails=True,
            scope=self._scope(wish),
        )
        with self._lock:
            self._take_up_changes()
            options = dataclasses.replace(options, advice=self._searcher.has_advice)
            result = self._searcher.search_faces(wish.faces, options, tracks)
        return _answer(result, rejected, known, wish)

    def _scope(self, wish: SearchRequest) -> SearchFilter:
        """Return the filter with the range of lengths turned into videos of such lengths."""
        if wish.shortest_s <= 0 and wish.longest_s is None:
            return wish.scope
        rows = self.catalog.videos(["video_id", "duration_s"]).to_pylist()
        longest = wish.longest_s if wish.longest_s is not None else float("inf")
        fitting = tuple(
            row["video_id"]
            for row in rows
            if row["duration_s"] is not None and wish.shortest_s <= row["duration_s"] <= longest
        )
        chosen = fitting
        if wish.scope.videos:
            named = dataclasses.replace(wish.scope, folders=(), since=None, until=None)
            inside = named.video_ids(self.catalog) or frozenset()
            chosen = tuple(video for video in fitting if video in inside)
        if not chosen:
            raise ConfigError("no video is within these limits; widen the filters")
        return dataclasses.replace(wish.scope, videos=chosen)


def _answer(
    result: SearchResult, rejected: frozenset[str], known: Judgements, wish: SearchRequest
) -> Answer:
    kept = [hit for hit in result.hits if hit.track_id not in rejected][: wish.top]
    hits = tuple(dataclasses.replace(hit, rank=rank) for rank, hit in enumerate(kept, start=1))
    mine = frozenset(
        hit.track_id for hit in hits if known.person_of.get(hit.track_id) == wish.person_id
    ) if wish.person_id is not None else frozenset()  # fmt: skip
    return Answer(
        dataclasses.replace(result, hits=hits),
        tuple(hit for hit in result.hits if hit.track_id in rejected),
        mine,
        expected_false_hits([hit for hit in hits if hit.track_id not in mine]),
    )


def expected_false_hits(hits: Sequence[Hit]) -> float:
    """Return how many of these hits are expected to show somebody else.

    The confidence is a calibrated probability, so each hit is wrong with what it lacks to 1. It
    holds as far as the pack's calibration does, and at its prior of one track in a hundred.

    Example:
        >>> expected_false_hits([])
        0.0
    """
    return float(sum(1 - hit.confidence for hit in hits))


class RecentFaces:
    """What was seen in the photos of one session, so that a photo is looked at once."""

    def __init__(self, kept: int = PHOTOS_KEPT) -> None:
        self._kept = kept
        self._photos: OrderedDict[str, SeenPhoto] = OrderedDict()

    def get(self, key: str) -> SeenPhoto | None:
        return self._photos.get(key)

    def put(self, key: str, seen: SeenPhoto) -> None:
        self._photos[key] = seen
        while len(self._photos) > self._kept:
            self._photos.popitem(last=False)

    def keep_only(self, keys: Sequence[str]) -> None:
        """Forget the photos that were taken away."""
        for key in [key for key in self._photos if key not in keys]:
            del self._photos[key]


def too_poor_to_trust(face: QueryFace) -> bool:
    """Tell whether an answer for this face is unreliable."""
    return any("expect an unreliable answer" in text for text in face.warnings)
