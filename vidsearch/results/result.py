"""The answer to one search: what was asked, what was found, and how much was looked through."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from vidsearch.datatypes import Hit, Vector, check_array
from vidsearch.errors import ShapeError
from vidsearch.results.threshold_advice import FEWEST_TRACKS, FEWEST_VIDEOS, ThresholdAdvice
from vidsearch.results.words import (
    LIKELY,
    clock,
    confidence_number,
    confidence_word,
    counted,
)


@dataclass(frozen=True, slots=True, eq=False)
class QueryPhoto:
    """One photo of the query, and the face in it that was searched for.

    Attributes:
        photo: Path or name, as the user gave it.
        box_xyxy: (4,) float32, pixels of the upright photo.
        quality: Of the face, [0, 1], see ``vidsearch.faces.quality``.
        faces_in_photo: How many faces were seen; more than one means that a choice was made.
        warnings: What makes the answer less reliable, one sentence each.
        face_jpeg: The face that was searched for, as a picture, or None.
    """

    photo: str
    box_xyxy: Vector
    quality: float
    faces_in_photo: int = 1
    warnings: tuple[str, ...] = ()
    face_jpeg: bytes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        _check_box(f"box_xyxy of photo {self.photo!r}", self.box_xyxy)
        _check_finite(f"quality of photo {self.photo!r}", self.quality)


@dataclass(frozen=True, slots=True)
class Searched:
    """How much was looked through, so that "no hit" means something.

    Attributes:
        tracks: Tracks compared with the query.
        videos: Videos that are searchable, wholly or in part.
        duration_s: Their length together, seconds.
        failed_videos: Videos that could not be indexed: they may show the person.
        partial_videos: Videos of which only a part could be read (counted in ``videos`` too).
    """

    tracks: int
    videos: int
    duration_s: float
    failed_videos: int = 0
    partial_videos: int = 0

    def __post_init__(self) -> None:
        _check_finite("duration_s", self.duration_s)


@dataclass(frozen=True, slots=True, eq=False)
class SearchResult:
    """The answer to one search.

    Attributes:
        model_id: The model in whose space query and tracks were compared.
        query: The photos, in the order given.
        hits: Best first, ranks rising from 1.
        searched: How much was looked through.
        thumbnails: Hit's ``track_id`` -> JPEG of the track's best face.
        durations_s: Hit's ``video_id`` -> length of the video, where it is known.
        advice: How many strangers reach each confidence by chance.
    """

    model_id: str
    query: tuple[QueryPhoto, ...]
    hits: tuple[Hit, ...]
    searched: Searched
    thumbnails: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    durations_s: Mapping[str, float] = field(default_factory=dict, repr=False)
    advice: ThresholdAdvice | None = None

    def __post_init__(self) -> None:
        for hit in self.hits:
            _check_hit(hit)
        for earlier, later in pairwise(self.hits):
            if later.rank <= earlier.rank:
                raise ShapeError(
                    f"hits must be in order of rank; {later.rank} follows {earlier.rank}"
                )

    @property
    def likely(self) -> tuple[Hit, ...]:
        """The hits that count as answers: ``LIKELY`` or better."""
        return tuple(hit for hit in self.hits if hit.confidence >= LIKELY)

    @property
    def weaker(self) -> tuple[Hit, ...]:
        """The other hits."""
        return tuple(hit for hit in self.hits if hit.confidence < LIKELY)


@dataclass(frozen=True, slots=True)
class VideoHits:
    """All hits in one video, by time; ``best`` is the one of the highest rank."""

    video: str
    video_id: str
    hits: tuple[Hit, ...]

    @property
    def best(self) -> Hit:
        return min(self.hits, key=lambda hit: hit.rank)

    @property
    def counted(self) -> str:
        """How many there are, called by what they are."""
        return counted(
            len(self.hits), "appearance" if self.best.confidence >= LIKELY else "weaker hit"
        )


def by_video(hits: tuple[Hit, ...]) -> tuple[VideoHits, ...]:
    """Group hits by video: the video of the best hit first, and the hits of a video by time.

    One content may lie at several paths; hits are of one group if both video and path agree.
    """
    groups: dict[tuple[str, str], list[Hit]] = {}
    for hit in sorted(hits, key=lambda hit: hit.rank):
        groups.setdefault((hit.video_id, hit.video), []).append(hit)
    return tuple(
        VideoHits(
            video, video_id, tuple(sorted(found, key=lambda hit: (hit.span.start_s, hit.rank)))
        )
        for (video_id, video), found in groups.items()
    )


def headline(result: SearchResult) -> str:
    """Say in one sentence whether the person was found."""
    likely = result.likely
    if likely:
        videos = len({hit.video_id for hit in likely})
        return f"Found {counted(len(likely), 'likely appearance')} in {counted(videos, 'video')}."
    if not result.hits:
        return "No hit."
    best = result.hits[0].confidence
    return (
        f"No likely appearance: the nearest of {counted(len(result.hits), 'hit')} is "
        f'"{confidence_word(best)}" ({confidence_number(best)}).'
    )


def coverage(searched: Searched) -> str:
    """Say how much was looked through, and what could not be."""
    text = (
        f"Searched {counted(searched.tracks, 'track')} in {counted(searched.videos, 'video')} "
        f"({clock(searched.duration_s)} of video)."
    )
    if searched.partial_videos:
        were = "was" if searched.partial_videos == 1 else "were"
        text += f" {counted(searched.partial_videos, 'video')} {were} read only in part."
    if searched.failed_videos:
        text += (
            f" {counted(searched.failed_videos, 'video')} could not be indexed and may show the "
            "person."
        )
    if searched.partial_videos or searched.failed_videos:
        text += ' "vidsearch status" names them.'
    if not searched.tracks:
        text += ' Nothing is searchable yet: "vidsearch index" adds videos.'
    return text


def advice_line(advice: ThresholdAdvice) -> str:
    """Say how many false hits to expect at each confidence."""
    if not advice.levels:
        return (
            "How many false hits to expect cannot be said: that takes "
            f"{FEWEST_TRACKS} tracks of other people in {FEWEST_VIDEOS} videos to compare with."
        )
    parts = [
        f"{_about(line.expected)} from {line.confidence:g} "
        f"({_about(line.at_least)} to {_about(line.at_most)})"
        for line in advice.levels
    ]
    text = (
        f"False hits to expect among {counted(advice.tracks, 'track')}: {', '.join(parts)}. "
        f"Extrapolated from how far {counted(advice.compared, 'track')} are from this query"
    )
    certain = advice.certain
    if certain.pairs:
        text += (
            f", and corrected by {counted(certain.pairs, 'pair')} of tracks that certainly show "
            "two people"
        )
    return f"{text}; 95 % intervals."


def _about(count: float) -> str:
    """Return a mean count with the digits it deserves.

    Example:
        >>> [_about(count) for count in (0.0, 0.034, 2.34, 1234.5)]
        ['0', '0.03', '2.3', '1,234']
    """
    if count >= 10:
        return f"{count:,.0f}"
    if count >= 1:
        return f"{count:.1f}"
    return f"{count:.2f}" if count >= 0.005 else "0" if not count else "<0.01"


def _check_hit(hit: Hit) -> None:
    _check_box(f"box_xyxy of hit {hit.rank}", hit.box_xyxy)
    for name, value in (
        ("similarity", hit.similarity),
        ("start_s", hit.span.start_s),
        ("end_s", hit.span.end_s),
        ("best_s", hit.best_s),
    ):
        _check_finite(f"{name} of hit {hit.rank}", value)
    confidence_word(hit.confidence)  # raises unless it is a probability


def _check_box(name: str, box: Vector) -> None:
    check_array(name, box, (4,), np.float32)
    if not np.isfinite(box).all():
        raise ShapeError(f"{name} must be finite; got {box.tolist()}")


def _check_finite(name: str, value: float) -> None:
    if not math.isfinite(value):
        raise ShapeError(f"{name} must be finite; got {value}")
