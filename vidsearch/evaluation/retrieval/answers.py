"""Running labelled queries through the search, and folding hits into what is judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from vidsearch.datatypes import Hit, TimeSpan
from vidsearch.errors import NoFaceError
from vidsearch.evaluation.metrics.retrieval import LIMIT
from vidsearch.evaluation.retrieval.labels import Known, Query
from vidsearch.search.query import QueryFace, query_face
from vidsearch.search.search import PhotoSearcher, SearchOptions


@dataclass(frozen=True, slots=True)
class Answer:
    """What one query brought up.

    Attributes:
        query: The query.
        hits: Tracks, best first, deep enough for ``LIMIT`` videos where there are so many.
        quality: Of the poorest face searched with; 0 without a face.
        face_height: Its height, pixels of the photo.
        face_jpeg: A picture of the first face.
        no_face: Photos in which no face was found.
    """

    query: Query
    hits: tuple[Hit, ...] = field(repr=False)
    quality: float = 0.0
    face_height: float = 0.0
    face_jpeg: bytes | None = field(default=None, repr=False)
    no_face: tuple[str, ...] = ()

    @property
    def videos(self) -> list[Hit]:
        """The best hit of each video, best first: the ranking of videos."""
        first: dict[str, Hit] = {}
        for hit in self.hits:
            first.setdefault(hit.video_id, hit)
        return list(first.values())


def ask(searcher: PhotoSearcher, query: Query, tracks: int) -> Answer:
    """Search for one query as ``vidsearch search`` does, to the depth that is judged.

    A photo without a face leaves the query with the others; without any it has no answer.

    Args:
        searcher: Of the catalog.
        query: Its photos.
        tracks: How many the catalog has: no search goes deeper.

    Raises:
        PhotoError: A photo cannot be read.
    """
    faces: list[QueryFace] = []
    blind: list[str] = []
    for photo in query.photos:
        try:
            faces.append(query_face(photo, searcher.models))
        except NoFaceError:
            blind.append(photo)
    if not faces or not tracks:
        return Answer(query, (), no_face=tuple(blind))
    depth = min(10 * LIMIT, tracks)
    while True:
        result = searcher.search_faces(faces, SearchOptions(top=depth, advice=False))
        enough = len({hit.video_id for hit in result.hits}) > LIMIT
        if enough or depth >= tracks:
            break
        depth = min(depth * 4, tracks)
    poorest = min(faces, key=lambda face: face.quality)
    return Answer(
        query,
        result.hits,
        quality=poorest.quality,
        face_height=float(poorest.box_xyxy[3] - poorest.box_xyxy[1]),
        face_jpeg=result.query[0].face_jpeg,
        no_face=tuple(blind),
    )


def video_flags(answer: Answer, known: Known) -> list[bool]:
    """Return which of the ranked videos show the person."""
    return [hit.video_id in known.spans for hit in answer.videos[:LIMIT]]


def moment_flags(answer: Answer, known: Known) -> list[bool]:
    """Return which of the ranked tracks are right, each labelled appearance being found once.

    A track is right if it covers at least half of the shorter of itself and a labelled time that no
    better track has covered. One that only covers times already found says nothing new and is
    dropped, like a duplicate. Who is visible together with the person cannot be told apart by time.
    """
    open_spans: dict[str, list[TimeSpan]] = {
        video: list(spans) for video, spans in known.spans.items()
    }
    flags: list[bool] = []
    for hit in answer.hits:
        if len(flags) == LIMIT:
            break
        waiting = open_spans.get(hit.video_id, [])
        found = [span for span in waiting if _covers(hit.span, span)]
        if found:
            for span in found:
                waiting.remove(span)
            flags += [True] * len(found)
        elif not any(_covers(hit.span, span) for span in known.spans.get(hit.video_id, ())):
            flags.append(False)
    return flags[:LIMIT]


def moments(known: Known) -> int:
    """Return how many labelled appearances there are."""
    return sum(len(spans) for spans in known.spans.values())


def _covers(track: TimeSpan, span: TimeSpan) -> bool:
    shared = min(track.end_s, span.end_s) - max(track.start_s, span.start_s)
    return shared > 0 and shared >= min(track.duration_s, span.duration_s) / 2


def best_of_videos(answers: Sequence[Answer]) -> Mapping[str, dict[str, tuple[int, Hit]]]:
    """Return query name -> video id -> rank among videos (from 1) and its best hit."""
    return {
        answer.query.name: {hit.video_id: (rank, hit) for rank, hit in enumerate(answer.videos, 1)}
        for answer in answers
    }
