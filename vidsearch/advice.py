"""Threshold advice: from people who are certainly different, how far strangers reach in an archive.

Two tracks whose stored faces were seen in one frame are two people; so are two tracks that somebody
gave to different people, or took away from one. Their similarities say how often a stranger reaches
each confidence in this very archive, with its light, cameras and faces. What comes out is kept
beside the tables as ``advice.json`` (counts only) until they change.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from vidsearch.catalog import Catalog
from vidsearch.catalog.people import Judgements, judgements
from vidsearch.catalog.snapshot import Snapshot
from vidsearch.errors import VidsearchError
from vidsearch.metrics.false_hits import LEVELS, ImpostorTail, impostor_tail
from vidsearch.models.calibration import Calibration

_FILE = "advice.json"
_FORMAT = 1
_VIDEOS = 2000
"""At most so many videos are looked at: ids are hashes, so the first ones are a fair sample."""
_PAIRS = 20_000
"""At most so many pairs of each kind."""
FEWEST = 100
"""Below so many pairs nothing is said."""

Pairs = list[tuple[str, str]]


def archive_tail(
    catalog: Catalog, snapshot: Snapshot, calibration: Calibration, prior: float
) -> ImpostorTail | None:
    """Return how the archive's impostor pairs do, or None where it has fewer than ``FEWEST``.

    Args:
        catalog: The archive.
        snapshot: Its tables as they are searched.
        calibration: The pack's.
        prior: With which confidences are shown.

    Raises:
        CatalogError: A table is missing or damaged.
    """
    known = judgements(catalog)
    key = {
        "format": _FORMAT,
        "model_id": catalog.model_id,
        "tables": snapshot.versions,
        "verdicts": int(catalog.table("verdicts").open().version()),
        "calibration": [calibration.slope, calibration.intercept, prior],
        "levels": list(LEVELS),
    }
    kept = _kept(catalog, key)
    tail = kept if kept is not None else _measure(catalog, snapshot, known, calibration, prior)
    if kept is None:
        content = {"key": key, "tail": [tail.together, tail.labelled, list(tail.reached)]}
        with suppress(OSError, VidsearchError):  # an archive that is read-only is searched as well
            catalog.place.child(_FILE).write(json.dumps(content).encode())
    return tail if tail.pairs >= FEWEST else None


def _kept(catalog: Catalog, key: dict[str, object]) -> ImpostorTail | None:
    try:
        content = json.loads(catalog.place.child(_FILE).read())
        if content["key"] != key:
            return None
        together, labelled, reached = content["tail"]
        return ImpostorTail(int(together), int(labelled), tuple(map(int, reached)))
    except (OSError, ValueError, KeyError, TypeError):
        return None  # absent or damaged: it is made anew


def _measure(
    catalog: Catalog, snapshot: Snapshot, known: Judgements, calibration: Calibration, prior: float
) -> ImpostorTail:
    together, labelled = _together(snapshot), _labelled(known)
    ids = {track for pair in (*together, *labelled) for track in pair}
    rows, vectors = snapshot.templates(catalog.dim, ids)
    place = {track: row for row, track in enumerate(rows["track_id"].to_pylist())}
    # Confidence with another prior is the same curve, moved.
    odds = np.log(prior / (1 - prior)) - np.log(
        calibration.genuine_share / (1 - calibration.genuine_share)
    )
    bars = [
        calibration.similarity_at(1 / (1 + np.exp(-(np.log(level / (1 - level)) - odds))))
        for level in LEVELS
    ]

    def cosines(pairs: Pairs) -> NDArray[np.float64]:
        there = [(place[a], place[b]) for a, b in pairs if a in place and b in place]
        if not there:
            return np.zeros(0)
        one, other = np.array(there).T
        products = np.einsum("nd,nd->n", vectors[one], vectors[other], dtype=np.float64)
        return np.asarray(products, np.float64)

    return impostor_tail(cosines(together), cosines(labelled), bars)


def _together(snapshot: Snapshot) -> Pairs:
    """Return pairs of tracks whose stored faces were seen in one frame."""
    videos = sorted(snapshot.videos(["video_id"])["video_id"].to_pylist())[:_VIDEOS]
    rows = snapshot.faces(["track_id", "video_id", "time_s"], video_ids=videos)
    frames: dict[tuple[str, float], set[str]] = {}
    columns = (rows[name].to_pylist() for name in ("video_id", "time_s", "track_id"))
    for video, time_s, track in zip(*columns, strict=True):
        frames.setdefault((video, time_s), set()).add(track)
    pairs = {pair for tracks in frames.values() for pair in combinations(sorted(tracks), 2)}
    return _some(pairs)


def _labelled(known: Judgements) -> Pairs:
    """Return pairs of tracks that somebody said show different people."""
    tracks = sorted(known.person_of)[:_PAIRS]
    pairs: set[tuple[str, str]] = set()
    for person, rejected in known.rejected.items():
        mine = known.confirmed(person)
        pairs |= {(min(a, b), max(a, b)) for a in mine for b in rejected}
    for a, b in combinations(tracks, 2):
        if len(pairs) >= 5 * _PAIRS:
            break
        if known.person_of[a] != known.person_of[b]:
            pairs.add((a, b))
    return _some(pairs)


def _some(pairs: Iterable[tuple[str, str]]) -> Pairs:
    """Return at most ``_PAIRS`` of them, evenly spread and always the same."""
    ordered = sorted(pairs)
    step = max(len(ordered) / _PAIRS, 1.0)
    return [ordered[int(n * step)] for n in range(min(len(ordered), _PAIRS))]
