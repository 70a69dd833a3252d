"""People: unknown tracks put together, who is seen with whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidsearch.catalog import Catalog
from vidsearch.catalog.people import Judgements, judgements
from vidsearch.datatypes import Matrix, TimeSpan, Vector
from vidsearch.models.calibration import Calibration
from vidsearch.search.search import PRIOR

MOST_TRACKS = 2000
"""Unknown tracks that are clustered at a time, the clearest first: the work grows as the square."""

_NEVER = 4.0
"""Distance of tracks that cannot be one person: beyond any of two unit vectors."""

_COLUMNS = ["track_id", "video_id", "start_s", "end_s", "best_s", "quality"]


@dataclass(frozen=True, slots=True, eq=False)
class TrackCard:
    """What a screen shows of a track; the box is that of its best face."""

    track_id: str
    video_id: str
    video: str
    span: TimeSpan
    best_s: float
    jpeg: bytes | None = field(repr=False)
    box_xyxy: Vector = field(repr=False)


@dataclass(frozen=True, slots=True)
class Unknown:
    """Tracks of nobody known, put together.

    Attributes:
        clusters: Tracks of what seems one person each, the largest cluster first.
        clustered: How many tracks were looked at.
        left_out: How many more there are.
    """

    clusters: tuple[tuple[TrackCard, ...], ...]
    clustered: int
    left_out: int


def unknown_people(catalog: Catalog, calibration: Calibration, most: int = MOST_TRACKS) -> Unknown:
    """Put together the tracks that were given to nobody.

    Two tracks seen at the same time in one video are never put together.

    Raises:
        CatalogError: The catalog cannot be read.
    """
    known = judgements(catalog)
    rows = [
        row
        for row in catalog.tracks(_COLUMNS).to_pylist()
        if row["track_id"] not in known.person_of
    ]
    rows.sort(key=lambda row: (-row["quality"], row["track_id"]))
    used = rows[:most]
    if not used:
        return Unknown((), 0, 0)
    ids = [row["track_id"] for row in used]
    found, templates = catalog.snapshot().templates(catalog.dim, ids)
    place = {track_id: at for at, track_id in enumerate(found["track_id"].to_pylist())}
    used = [row for row in used if row["track_id"] in place]
    vectors = templates[[place[row["track_id"]] for row in used]]
    labels = cluster(vectors, together(used), least_similarity(calibration))
    groups: dict[int, list[dict[str, Any]]] = {}
    for row, label in zip(used, labels.tolist(), strict=True):
        groups.setdefault(label, []).append(row)
    cards = {card.track_id: card for card in track_cards(catalog, ids)}
    ordered = sorted(groups.values(), key=lambda group: (-len(group), group[0]["track_id"]))
    return Unknown(
        tuple(tuple(cards[row["track_id"]] for row in group) for group in ordered),
        len(used),
        len(rows) - len(used),
    )


def least_similarity(calibration: Calibration, prior: float = PRIOR) -> float:
    """Return the cosine from which two tracks count as one person: a confidence of one half."""
    share = calibration.genuine_share
    odds = (1 - prior) / prior * share / (1 - share)
    return calibration.similarity_at(odds / (1 + odds))


def together(rows: Sequence[dict[str, Any]]) -> NDArray[np.bool_]:
    """Return (N, N): which tracks are seen at the same time in one video."""
    videos = np.array([row["video_id"] for row in rows])
    start = np.array([row["start_s"] for row in rows])
    end = np.array([row["end_s"] for row in rows])
    overlap = (start[:, None] < end[None, :]) & (start[None, :] < end[:, None])
    both: NDArray[np.bool_] = (videos[:, None] == videos[None, :]) & overlap
    np.fill_diagonal(both, val=False)
    return both


def cluster(
    templates: Matrix, apart: NDArray[np.bool_], least_similarity: float
) -> NDArray[np.intp]:
    """Return the cluster of each track.

    Complete linkage: every two tracks of a cluster are at least so similar, and none of them are
    ``apart``.

    Args:
        templates: (N, D) float32, unit length.
        apart: (N, N) pairs that are different people.
        least_similarity: Cosine.
    """
    if len(templates) < 2:
        return np.zeros(len(templates), np.intp)
    from sklearn.cluster import AgglomerativeClustering

    distances = 1.0 - np.clip(templates @ templates.T, -1.0, 1.0).astype(np.float64)
    np.fill_diagonal(distances, 0.0)
    distances[apart] = _NEVER
    model = AgglomerativeClustering(
        n_clusters=None,
        metric="precomputed",
        linkage="complete",
        distance_threshold=1.0 - least_similarity + 1e-9,
    )
    labels: NDArray[np.intp] = model.fit_predict(distances)
    return labels


def track_cards(catalog: Catalog, track_ids: Sequence[str]) -> tuple[TrackCard, ...]:
    """Return what a screen shows of these tracks, by video and time; those gone are left out."""
    if not track_ids:
        return ()
    snapshot = catalog.snapshot()
    rows = snapshot.tracks([*_COLUMNS, "box_xyxy"], track_ids=track_ids).to_pylist()
    faces = snapshot.faces(["track_id", "position", "aligned_jpeg"], track_ids=track_ids)
    jpegs = {
        row["track_id"]: row["aligned_jpeg"] for row in faces.to_pylist() if row["position"] == 0
    }
    places = catalog.locations({row["video_id"] for row in rows})
    rows.sort(key=lambda row: (row["video_id"], row["start_s"], row["track_id"]))
    return tuple(
        TrackCard(
            row["track_id"],
            row["video_id"],
            next(iter(places[row["video_id"]]), row["video_id"]),
            TimeSpan(row["start_s"], row["end_s"]),
            row["best_s"],
            jpegs.get(row["track_id"]),
            np.array(row["box_xyxy"], np.float32),
        )
        for row in rows
    )


@dataclass(frozen=True, slots=True)
class Company:
    """Somebody who is seen together with a person: how often, and for how long."""

    name: str
    times: int
    seconds: float


def company(catalog: Catalog, known: Judgements, person_id: str) -> tuple[Company, ...]:
    """Return who is visible at the same time as a person, the longest first."""
    others = [track for track in known.person_of if known.person_of[track] in known.names]
    rows = catalog.tracks(_COLUMNS, track_ids=others).to_pylist() if others else []
    mine = [row for row in rows if known.person_of[row["track_id"]] == person_id]
    found: dict[str, tuple[int, float]] = {}
    for row in rows:
        other = known.person_of[row["track_id"]]
        for own in mine if other != person_id else ():
            if own["video_id"] != row["video_id"]:
                continue
            shared = min(own["end_s"], row["end_s"]) - max(own["start_s"], row["start_s"])
            if shared > 0:
                times, seconds = found.get(other, (0, 0.0))
                found[other] = (times + 1, seconds + shared)
    listed = [Company(known.names[other], *counts) for other, counts in found.items()]
    return tuple(sorted(listed, key=lambda one: (-one.seconds, one.name)))
