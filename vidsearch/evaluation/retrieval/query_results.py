"""Searches of labelled queries, and the comparison of their hits with the labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from vidsearch.datatypes import Hit, TimeSpan
from vidsearch.errors import NoFaceError, PhotoError
from vidsearch.evaluation.metrics.retrieval import LIMIT
from vidsearch.evaluation.retrieval.labels import LabelledPerson, Query
from vidsearch.search.query import QueryFace, query_face
from vidsearch.search.search import PhotoSearcher, SearchOptions


@dataclass(frozen=True, slots=True)
class QueryResult:
    """Result of one query.

    Attributes:
        query: The query.
        hits: Tracks, best first: enough for ``LIMIT`` videos, or all tracks of the archive.
        quality: Quality of the poorest query face; 0 without a face.
        face_height: Height of the poorest query face, pixels of the photo; 0 without a face.
        face_jpeg: JPEG of the first query face.
        no_face: Photos in which no face was found.
        unreadable: Photos that cannot be read.
    """

    query: Query
    hits: tuple[Hit, ...] = field(repr=False)
    quality: float = 0.0
    face_height: float = 0.0
    face_jpeg: bytes | None = field(default=None, repr=False)
    no_face: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()

    @property
    def usable(self) -> bool:
        """True if a photo of the query could be read."""
        return len(self.unreadable) < len(self.query.photos)

    @property
    def videos(self) -> list[Hit]:
        """Best hit of each video, best first: the ranking of videos."""
        first: dict[str, Hit] = {}
        for hit in self.hits:
            first.setdefault(hit.video_id, hit)
        return list(first.values())


def run_query(searcher: PhotoSearcher, query: Query, tracks: int) -> QueryResult:
    """Run one query as ``vidsearch search`` does, deep enough for ``LIMIT`` videos.

    Photos without a face, and photos that cannot be read, are skipped. A query without any face has
    no hits.

    Args:
        searcher: Searcher of the catalog.
        query: Photos of one person.
        tracks: Number of tracks in the catalog, the largest depth of a search.
    """
    faces: list[QueryFace] = []
    without_face: list[str] = []
    unreadable: list[str] = []
    for photo in query.photos:
        try:
            faces.append(query_face(photo, searcher.models))
        except NoFaceError:
            without_face.append(photo)
        except PhotoError:
            unreadable.append(photo)
    if not faces or not tracks:
        return QueryResult(query, (), no_face=tuple(without_face), unreadable=tuple(unreadable))
    depth = min(10 * LIMIT, tracks)
    while True:
        result = searcher.search_faces(faces, SearchOptions(top=depth, estimate_false_hits=False))
        enough = len({hit.video_id for hit in result.hits}) > LIMIT
        if enough or depth >= tracks:
            break
        depth = min(depth * 4, tracks)
    poorest = min(faces, key=lambda face: face.quality)
    return QueryResult(
        query,
        result.hits,
        quality=poorest.quality,
        face_height=float(poorest.box_xyxy[3] - poorest.box_xyxy[1]),
        face_jpeg=result.query[0].face_jpeg,
        no_face=tuple(without_face),
        unreadable=tuple(unreadable),
    )


def video_flags(result: QueryResult, person: LabelledPerson) -> list[bool]:
    """Return one flag per ranked video: True if it shows the person."""
    return [hit.video_id in person.spans for hit in result.videos[:LIMIT]]


def moment_flags(result: QueryResult, person: LabelledPerson) -> list[bool]:
    """Return one flag per ranked track: True if it finds a labelled appearance.

    A track finds a labelled time span if their overlap is at least half of the shorter span and
    no better track has found the span. A track that covers only spans already found is dropped,
    like a duplicate. Two people visible at the same time cannot be distinguished by time.
    """
    open_spans: dict[str, list[TimeSpan]] = {
        video: list(spans) for video, spans in person.spans.items()
    }
    flags: list[bool] = []
    for hit in result.hits:
        if len(flags) == LIMIT:
            break
        unfound = open_spans.get(hit.video_id, [])
        found_spans = [span for span in unfound if _covers(hit.span, span)]
        if found_spans:
            for span in found_spans:
                unfound.remove(span)
            flags += [True] * len(found_spans)
        elif not any(_covers(hit.span, span) for span in person.spans.get(hit.video_id, ())):
            flags.append(False)
    return flags[:LIMIT]


def _covers(track: TimeSpan, span: TimeSpan) -> bool:
    shared = min(track.end_s, span.end_s) - max(track.start_s, span.start_s)
    return shared > 0 and shared >= min(track.duration_s, span.duration_s) / 2


def best_hits_by_video(
    results: Sequence[QueryResult],
) -> Mapping[str, dict[str, tuple[int, Hit]]]:
    """Return query name -> video id -> rank among videos, from 1, and best hit."""
    return {
        result.query.name: {hit.video_id: (rank, hit) for rank, hit in enumerate(result.videos, 1)}
        for result in results
    }
