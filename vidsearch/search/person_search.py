"""Search for one person with everything known of them: photos, tracks and verdicts."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field

from vidsearch.catalog.people import judgements
from vidsearch.datatypes import Hit
from vidsearch.errors import ConfigError
from vidsearch.results.result import SearchResult
from vidsearch.search.filter import SearchFilter
from vidsearch.search.query import QueryFace
from vidsearch.search.search import PhotoSearcher, SearchOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRequest:
    """Search for one person.

    Attributes:
        faces: The chosen face of each photo.
        tracks: Ids of tracks to search with ("more like this").
        person_id: Person whose verdicts take part in the search, or None.
        top: Maximum number of hits.
        min_confidence: Hits with a lower confidence are left out.
        search_filter: Only these videos.
        shortest_s: Only videos of at least this length, seconds.
        longest_s: Only videos of at most this length, seconds; None: no limit.
    """

    faces: tuple[QueryFace, ...] = ()
    tracks: tuple[str, ...] = ()
    person_id: str | None = None
    top: int = 50
    min_confidence: float = 0.1
    search_filter: SearchFilter = field(default_factory=SearchFilter)
    shortest_s: float = 0.0
    longest_s: float | None = None

    @property
    def unreliable(self) -> bool:
        """True if the search uses photos and every face in them is unreliable."""
        return bool(self.faces) and all(face.unreliable for face in self.faces)


@dataclass(frozen=True, slots=True, eq=False)
class JudgedResult:
    """Search result, re-ranked by the verdicts on the person.

    Attributes:
        result: Hits that are not rejected, ranked again.
        rejected: Hits that were judged to show somebody else.
        confirmed: Track ids of hits that were judged to show the person.
        expected_wrong_hits: ``expected_wrong_hits`` of the hits that are not confirmed.
    """

    result: SearchResult
    rejected: tuple[Hit, ...]
    confirmed: frozenset[str]
    expected_wrong_hits: float


def search_person(
    searcher: PhotoSearcher, request: SearchRequest, *, estimate_false_hits: bool = True
) -> JudgedResult:
    """Search with photos, tracks, and the verdicts on the person.

    Confirmed tracks join the query. Rejected tracks leave the hits.

    Args:
        searcher: Searcher of the catalog.
        request: The person and the limits of the search.
        estimate_false_hits: As in ``SearchOptions``.

    Raises:
        ConfigError: There is neither a face nor a track, or no video passes the filter.
        CatalogError: The catalog cannot be read.
    """
    verdicts = judgements(searcher.catalog)
    rejected: frozenset[str] = frozenset()
    confirmed: tuple[str, ...] = ()
    if request.person_id is not None and request.person_id in verdicts.names:
        confirmed = verdicts.confirmed(request.person_id)
        rejected = verdicts.rejected.get(request.person_id, frozenset())
    tracks = tuple(dict.fromkeys((*request.tracks, *confirmed)))
    if not request.faces and not tracks:
        raise ConfigError("choose a photo with a face to search with")
    options = SearchOptions(
        top=request.top + len(rejected),
        min_confidence=request.min_confidence,
        thumbnails=True,
        search_filter=request.search_filter.with_lengths(
            searcher.catalog, request.shortest_s, request.longest_s
        ),
        estimate_false_hits=estimate_false_hits,
    )
    result = searcher.search_faces(request.faces, options, tracks)
    return rank_by_verdicts(result, rejected, frozenset(confirmed), request.top)


def rank_by_verdicts(
    result: SearchResult, rejected: frozenset[str], confirmed: frozenset[str], top: int
) -> JudgedResult:
    """Move rejected hits out of a search result and rank the others again.

    Args:
        result: The search result.
        rejected: Ids of tracks that were judged to show somebody else.
        confirmed: Ids of tracks that were judged to show the person.
        top: Maximum number of hits.
    """
    remaining = [hit for hit in result.hits if hit.track_id not in rejected][:top]
    hits = tuple(dataclasses.replace(hit, rank=rank) for rank, hit in enumerate(remaining, start=1))
    return JudgedResult(
        dataclasses.replace(result, hits=hits),
        tuple(hit for hit in result.hits if hit.track_id in rejected),
        frozenset(hit.track_id for hit in hits) & confirmed,
        expected_wrong_hits([hit for hit in hits if hit.track_id not in confirmed]),
    )


def expected_wrong_hits(hits: Sequence[Hit]) -> float:
    """Return the number of hits expected to show somebody else, according to their confidences.

    A hit with confidence p is wrong with probability 1 - p. The sum is as good as the pack's
    calibration, and assumes its prior of one track in a hundred. In contrast,
    ``expected_false_hits`` counts impostors among all tracks, from the query's own similarities.

    Example:
        >>> expected_wrong_hits([])
        0.0
    """
    return float(sum(1 - hit.confidence for hit in hits))
