"""People: clusters of unknown tracks, and named people who are visible together."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidsearch.catalog.catalog import Catalog
from vidsearch.catalog.commits import read_again
from vidsearch.catalog.people import Judgements, judgements
from vidsearch.catalog.records import read_options
from vidsearch.catalog.sources.live_path import live_first
from vidsearch.datatypes import Matrix, TimeSpan, Vector
from vidsearch.models.calibration import Calibration
from vidsearch.read_options import DEFAULT_READ, ReadOptions
from vidsearch.search.search import PRIOR

MOST_TRACKS = 2000
"""Unknown tracks that are clustered at a time, best quality first. Time grows with the square."""

_APART = 4.0
"""Distance of tracks that cannot be one person, above any distance of two unit vectors."""


@dataclass(frozen=True, slots=True)
class TrackTime:
    """Video and time span of a track."""

    track_id: str
    video_id: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True, eq=False)
class TrackCard:
    """A track as screens show it.

    Attributes:
        track_id: Id of the track.
        video_id: Id of its video.
        video: Path or URI of the video.
        span: Time span of the track.
        best_s: Time of the best face, seconds.
        jpeg: Best face as JPEG, or None.
        box_xyxy: (4,) float32, box of the best face, pixels.
        read: Options with which the video is opened to show the track.
    """

    track_id: str
    video_id: str
    video: str
    span: TimeSpan
    best_s: float
    jpeg: bytes | None = field(repr=False)
    box_xyxy: Vector = field(repr=False)
    read: ReadOptions = DEFAULT_READ


@dataclass(frozen=True, slots=True)
class UnknownPeople:
    """Clusters of tracks that were assigned to nobody.

    Attributes:
        clusters: Tracks that seem to show one person each, the largest cluster first.
        clustered: Number of tracks that were clustered.
        left_out: Number of unknown tracks that were not clustered.
    """

    clusters: tuple[tuple[TrackCard, ...], ...]
    clustered: int
    left_out: int


@read_again
def unknown_people(
    catalog: Catalog, calibration: Calibration, most: int = MOST_TRACKS
) -> UnknownPeople:
    """Cluster the tracks that were assigned to nobody.

    Two tracks visible at the same time in one video never share a cluster.

    Args:
        catalog: Catalog of the tracks.
        calibration: Calibration of its pack.
        most: Maximum number of tracks to cluster.

    Raises:
        CatalogError: The catalog cannot be read.
    """
    person_of = judgements(catalog).person_of
    rows = catalog.tracks(["track_id", "video_id", "start_s", "end_s", "quality"]).to_pylist()
    unknown = [row for row in rows if row["track_id"] not in person_of]
    unknown.sort(key=lambda row: (-row["quality"], row["track_id"]))
    if not unknown[:most]:
        return UnknownPeople((), 0, 0)
    ids = [row["track_id"] for row in unknown[:most]]
    found, templates = catalog.snapshot().templates(catalog.dim, ids)
    template_row = {track_id: row for row, track_id in enumerate(found["track_id"].to_pylist())}
    tracks = [_track_time(row) for row in unknown[:most] if row["track_id"] in template_row]
    vectors = templates[[template_row[track.track_id] for track in tracks]]
    similarity = calibration.similarity_at(0.5, prior=PRIOR)
    labels = cluster(vectors, visible_together(tracks), similarity)
    groups: dict[int, list[str]] = {}
    for track, label in zip(tracks, labels.tolist(), strict=True):
        groups.setdefault(label, []).append(track.track_id)
    cards = {card.track_id: card for card in track_cards(catalog, ids)}
    ordered = sorted(groups.values(), key=lambda group: (-len(group), group[0]))
    return UnknownPeople(
        tuple(
            tuple(cards[track_id] for track_id in group if track_id in cards) for group in ordered
        ),
        len(tracks),
        len(unknown) - len(tracks),
    )


def visible_together(tracks: Sequence[TrackTime]) -> NDArray[np.bool_]:
    """Return (N, N) bool: True for two tracks visible at the same time in one video."""
    videos = np.array([track.video_id for track in tracks])
    start = np.array([track.start_s for track in tracks])
    end = np.array([track.end_s for track in tracks])
    overlap = (start[:, None] < end[None, :]) & (start[None, :] < end[:, None])
    together: NDArray[np.bool_] = (videos[:, None] == videos[None, :]) & overlap
    np.fill_diagonal(together, val=False)
    return together


def cluster(
    templates: Matrix, apart: NDArray[np.bool_], least_similarity: float
) -> NDArray[np.intp]:
    """Return the cluster of each track, by complete linkage.

    Every two tracks of a cluster have at least the given similarity and are not ``apart``.

    Args:
        templates: (N, D) float32, unit length.
        apart: (N, N) bool, True for tracks of different people.
        least_similarity: Cosine.

    Returns:
        (N,) cluster numbers.
    """
    if len(templates) < 2:
        return np.zeros(len(templates), np.intp)
    from sklearn.cluster import AgglomerativeClustering

    distances = 1.0 - np.clip(templates @ templates.T, -1.0, 1.0).astype(np.float64)
    np.fill_diagonal(distances, 0.0)
    distances[apart] = _APART
    model = AgglomerativeClustering(
        n_clusters=None,
        metric="precomputed",
        linkage="complete",
        distance_threshold=1.0 - least_similarity + 1e-9,
    )
    labels: NDArray[np.intp] = model.fit_predict(distances)
    return labels


@read_again
def track_cards(catalog: Catalog, track_ids: Collection[str]) -> tuple[TrackCard, ...]:
    """Return cards of these tracks, sorted by video and time; deleted tracks are left out.

    Raises:
        CatalogError: The catalog cannot be read.
    """
    if not track_ids:
        return ()
    snapshot = catalog.snapshot()
    columns = ["track_id", "video_id", "start_s", "end_s", "best_s", "box_xyxy", "stream"]
    rows = snapshot.tracks(columns, track_ids=track_ids).to_pylist()
    jpegs = snapshot.best_faces(track_ids)
    video_ids = {row["video_id"] for row in rows}
    paths = catalog.locations(video_ids)
    streams = {
        row["video_id"]: row["streams"]
        for row in snapshot.videos(["video_id", "streams"], video_ids).to_pylist()
    }
    rows.sort(key=lambda row: (row["video_id"], row["start_s"], row["track_id"]))
    return tuple(
        TrackCard(
            row["track_id"],
            row["video_id"],
            next(iter(live_first(paths[row["video_id"]])), row["video_id"]),
            TimeSpan(row["start_s"], row["end_s"]),
            row["best_s"],
            jpegs.get(row["track_id"]),
            np.array(row["box_xyxy"], np.float32),
            read_options(streams.get(row["video_id"]), row["stream"]),
        )
        for row in rows
    )


@dataclass(frozen=True, slots=True)
class Companion:
    """A named person who is visible together with another person.

    Attributes:
        name: Name of the person.
        times: Number of pairs of tracks visible at the same time.
        seconds: Their common time, seconds.
        person_id: Id of the person.
    """

    name: str
    times: int
    seconds: float
    person_id: str = field(default="", compare=False)


def companions(catalog: Catalog, verdicts: Judgements, person_id: str) -> tuple[Companion, ...]:
    """Return the named people visible at the same time as a person, the longest first.

    Raises:
        CatalogError: The catalog cannot be read.
    """
    named = [track for track, person in verdicts.person_of.items() if person in verdicts.names]
    columns = ["track_id", "video_id", "start_s", "end_s"]
    rows = catalog.tracks(columns, track_ids=named).to_pylist() if named else []
    tracks = [_track_time(row) for row in rows]
    own = [track for track in tracks if verdicts.person_of[track.track_id] == person_id]
    totals: dict[str, tuple[int, float]] = {}
    for track in tracks:
        other = verdicts.person_of[track.track_id]
        for own_track in own if other != person_id else ():
            if own_track.video_id != track.video_id:
                continue
            shared = min(own_track.end_s, track.end_s) - max(own_track.start_s, track.start_s)
            if shared > 0:
                times, seconds = totals.get(other, (0, 0.0))
                totals[other] = (times + 1, seconds + shared)
    found = [Companion(verdicts.names[other], *total, other) for other, total in totals.items()]
    return tuple(sorted(found, key=lambda person: (-person.seconds, person.name)))


def _track_time(row: Mapping[str, Any]) -> TrackTime:
    return TrackTime(row["track_id"], row["video_id"], row["start_s"], row["end_s"])
