"""Result of one search: query photos, hits, and coverage of the archive."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from vidsearch.datatypes import Hit, Vector, check_array
from vidsearch.errors import ShapeError
from vidsearch.photo.query_warning import QueryWarning, WarningCode
from vidsearch.results.threshold_advice import FalseHitEstimate
from vidsearch.results.words import LIKELY, check_probability
from vidsearch.text.printable import quoted


@dataclass(frozen=True, slots=True, eq=False)
class QueryPhoto:
    """One photo of the query, and the face in it that was searched for.

    Attributes:
        photo: Path or name, as given by the user.
        box_xyxy: (4,) float32, pixels of the upright photo.
        quality: Quality of the face, [0, 1], see ``vidsearch.faces.quality``.
        faces_in_photo: Number of faces found; with more than one, a face was chosen.
        warnings: Reasons why the result is less reliable.
        face_jpeg: JPEG of the face that was searched for, or None.
    """

    photo: str
    box_xyxy: Vector
    quality: float
    faces_in_photo: int = 1
    warnings: tuple[QueryWarning, ...] = ()
    face_jpeg: bytes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        _check_box(f"box_xyxy of photo {quoted(self.photo)}", self.box_xyxy)
        _check_finite(f"quality of photo {quoted(self.photo)}", self.quality)


@dataclass(frozen=True, slots=True)
class Coverage:
    """Amount of video that was searched, which gives "no hit" a meaning.

    Attributes:
        tracks: Tracks compared with the query.
        videos: Videos that are searchable, completely or in part.
        duration_s: Searchable length of these videos together, seconds.
        failed_videos: Videos that could not be indexed; they may show the person.
        partial_videos: Videos that were read only in part; ``videos`` includes them.
    """

    tracks: int
    videos: int
    duration_s: float
    failed_videos: int = 0
    partial_videos: int = 0

    def __post_init__(self) -> None:
        _check_finite("duration_s", self.duration_s)

    @property
    def complete(self) -> bool:
        """True if every video was read completely."""
        return not (self.failed_videos or self.partial_videos)


@dataclass(frozen=True, slots=True, eq=False)
class SearchResult:
    """Result of one search.

    Attributes:
        model_id: Model in whose space query and tracks were compared.
        query: The photos, in the order given.
        hits: Best first, ranks ascending from 1.
        coverage: Amount of video that was searched.
        thumbnails: ``track_id`` of a hit -> JPEG of the track's best face.
        durations_s: ``video_id`` of a hit -> length of the video, where it is known.
        false_hit_estimate: Number of impostors expected at each confidence level.
    """

    model_id: str
    query: tuple[QueryPhoto, ...]
    hits: tuple[Hit, ...]
    coverage: Coverage
    thumbnails: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    durations_s: Mapping[str, float] = field(default_factory=dict, repr=False)
    false_hit_estimate: FalseHitEstimate | None = None

    def __post_init__(self) -> None:
        for hit in self.hits:
            _check_hit(hit)
        for earlier, later in pairwise(self.hits):
            if later.rank <= earlier.rank:
                raise ShapeError(
                    f"hits must be in order of rank; {later.rank} follows {earlier.rank}"
                )

    @property
    def complete_query(self) -> bool:
        """True if every photo of the query was used."""
        warnings = (warning for photo in self.query for warning in photo.warnings)
        return all(warning.code is not WarningCode.PHOTO_LEFT_OUT for warning in warnings)

    @property
    def likely(self) -> tuple[Hit, ...]:
        """Hits with a confidence of ``LIKELY`` or more."""
        return tuple(hit for hit in self.hits if hit.confidence >= LIKELY)

    @property
    def weaker(self) -> tuple[Hit, ...]:
        """Hits with a confidence below ``LIKELY``."""
        return tuple(hit for hit in self.hits if hit.confidence < LIKELY)


@dataclass(frozen=True, slots=True)
class VideoHits:
    """Hits in one video, sorted by time."""

    video: str
    video_id: str
    hits: tuple[Hit, ...]

    @property
    def best(self) -> Hit:
        """The hit of the highest rank."""
        return min(self.hits, key=lambda hit: hit.rank)


def by_video(hits: tuple[Hit, ...]) -> tuple[VideoHits, ...]:
    """Group hits by video: the video of the best hit first, and the hits of a video by time.

    Identical files at several paths are separate groups: both video id and path must agree.
    """
    groups: dict[tuple[str, str], list[Hit]] = {}
    for hit in sorted(hits, key=lambda hit: hit.rank):
        groups.setdefault((hit.video_id, hit.video), []).append(hit)
    return tuple(
        VideoHits(
            video, video_id, tuple(sorted(group, key=lambda hit: (hit.span.start_s, hit.rank)))
        )
        for (video_id, video), group in groups.items()
    )


def _check_hit(hit: Hit) -> None:
    _check_box(f"box_xyxy of hit {hit.rank}", hit.box_xyxy)
    for name, value in (
        ("similarity", hit.similarity),
        ("start_s", hit.span.start_s),
        ("end_s", hit.span.end_s),
        ("best_s", hit.best_s),
    ):
        _check_finite(f"{name} of hit {hit.rank}", value)
    check_probability(hit.confidence)


def _check_box(name: str, box: Vector) -> None:
    check_array(name, box, (4,), np.float32)
    if not np.isfinite(box).all():
        raise ShapeError(f"{name} must be finite; got {box.tolist()}")


def _check_finite(name: str, value: float) -> None:
    if not math.isfinite(value):
        raise ShapeError(f"{name} must be finite; got {value}")
