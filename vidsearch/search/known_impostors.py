"""Pairs of tracks known to show two people, which correct the estimate of false hits.

The estimate is made from the query's own similarities with tracks of the archive
(``vidsearch.search.false_hits``). Verdicts give pairs that show two people and lie in two videos,
like a photo and a track: tracks of two named people, and tracks of a named person with tracks that
share a frame with that person elsewhere. The estimate's error on these pairs corrects it. The
counts are cached beside the tables in ``advice.json`` until the tables change.

Two kinds of pairs are not used. People in one video share light and blur, which makes poor faces
alike. Rejected tracks were judged because they are similar.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import astuple

import numpy as np

from vidsearch.catalog.catalog import Catalog
from vidsearch.catalog.people import Judgements, judgements
from vidsearch.catalog.snapshot import Snapshot
from vidsearch.datatypes import Matrix
from vidsearch.errors import VidsearchError
from vidsearch.models.calibration import Calibration
from vidsearch.results.threshold_advice import LEVELS, KnownImpostorPairs
from vidsearch.search.false_hits import expected_shares
from vidsearch.text.parse import read_json

_FILE = "advice.json"
_FORMAT = 2
_MAX_TRACKS = 300
"""Named tracks, and tracks that share a frame with them, that are compared at most."""
POSSIBLE = 0.1
"""Confidence from which a track may show the person, so that it does not count as an impostor."""

Pairs = set[tuple[str, str]]


def threshold_table(calibration: Calibration, prior: float) -> tuple[float, ...]:
    """Return the cosine of each of ``LEVELS``, and of ``POSSIBLE``, at a prior."""
    return tuple(
        calibration.similarity_at(confidence, prior=prior) for confidence in (*LEVELS, POSSIBLE)
    )


def known_impostor_pairs(
    catalog: Catalog, snapshot: Snapshot, calibration: Calibration, prior: float, sample: Matrix
) -> KnownImpostorPairs:
    """Return the number of known impostor pairs that reach each level, counted and estimated.

    Args:
        catalog: Catalog of the archive.
        snapshot: Its tables at the version that is searched.
        calibration: Calibration of the pack.
        prior: Prior of the confidences.
        sample: (M, D) templates of random tracks that the estimate is made from.

    Raises:
        CatalogError: A table is missing or damaged.
    """
    verdicts = judgements(catalog)
    if not verdicts.person_of:
        return KnownImpostorPairs()
    key = {
        "format": _FORMAT,
        "model_id": catalog.model_id,
        "tables": snapshot.versions,
        "verdicts": int(catalog.table("verdicts").open().version()),
        "calibration": [calibration.slope, calibration.intercept, prior],
        "compared": len(sample),
    }
    cached = _cached(catalog, key)
    if cached is not None:
        return cached
    measured = _measure(catalog, snapshot, verdicts, threshold_table(calibration, prior), sample)
    content = {"key": key, "certain": astuple(measured)}
    with suppress(OSError, VidsearchError):  # a read-only archive can be searched without a cache
        catalog.root.child(_FILE).write(json.dumps(content).encode())
    return measured


def _cached(catalog: Catalog, key: dict[str, object]) -> KnownImpostorPairs | None:
    try:
        content = read_json(catalog.root.child(_FILE).read())
        if content["key"] != key:
            return None
        pairs, reached, expected = content["certain"]
        return KnownImpostorPairs(int(pairs), tuple(map(int, reached)), tuple(map(float, expected)))
    except (OSError, ValueError, KeyError, TypeError):
        return None  # a missing or damaged cache is rebuilt


def _measure(
    catalog: Catalog,
    snapshot: Snapshot,
    verdicts: Judgements,
    thresholds: tuple[float, ...],
    sample: Matrix,
) -> KnownImpostorPairs:
    named = _evenly_spread(verdicts.person_of)
    seen_with = _seen_with(snapshot, {track: verdicts.person_of[track] for track in named})
    ids = {*named, *_evenly_spread(seen_with)}
    rows, vectors = snapshot.templates(catalog.dim, ids)
    columns = snapshot.tracks(["track_id", "video_id", "quality"], track_ids=ids).to_pylist()
    quality = {row["track_id"]: row["quality"] for row in columns}
    video = {row["track_id"]: row["video_id"] for row in columns}
    row_of = {track: row for row, track in enumerate(rows["track_id"].to_pylist())}
    impostors_of: dict[str, list[str]] = {}
    for first, second in _pairs(verdicts, seen_with, ids):
        if first in row_of and second in row_of and video[first] != video[second]:
            # The better face plays the part of the query photo.
            query, impostor = sorted((first, second), key=lambda t: (-quality[t], t))
            impostors_of.setdefault(query, []).append(impostor)
    pairs, reached, expected = 0, np.zeros(len(LEVELS)), np.zeros(len(LEVELS))
    for track, tracks in sorted(impostors_of.items()):
        template = vectors[row_of[track]]
        sample_cosines = sample @ template
        if (sample_cosines < thresholds[-1]).sum() < 2:
            continue
        cosines = vectors[[row_of[impostor] for impostor in tracks]] @ template
        pairs += len(tracks)
        reached += [(cosines >= threshold).sum() for threshold in thresholds[:-1]]
        expected += len(tracks) * np.array(expected_shares(sample_cosines, thresholds))
    return KnownImpostorPairs(pairs, tuple(int(n) for n in reached), tuple(expected.tolist()))


def _seen_with(snapshot: Snapshot, named: dict[str, str]) -> dict[str, set[str]]:
    """Return tracks whose stored faces share a frame with a named track -> those people."""
    videos = set(snapshot.tracks(["track_id", "video_id"], track_ids=named)["video_id"].to_pylist())
    rows = snapshot.faces(["track_id", "video_id", "time_s"], video_ids=videos)
    frames: dict[tuple[str, float], set[str]] = {}
    columns = (rows[name].to_pylist() for name in ("video_id", "time_s", "track_id"))
    for video, time_s, track in zip(*columns, strict=True):
        frames.setdefault((video, time_s), set()).add(track)
    people: dict[str, set[str]] = {}
    for tracks in frames.values():
        for named_track in tracks & named.keys():
            for other in tracks - {named_track}:
                people.setdefault(other, set()).add(named[named_track])
    return people


def _pairs(verdicts: Judgements, seen_with: dict[str, set[str]], ids: set[str]) -> Pairs:
    """Return the known impostor pairs, smaller id first."""
    by_person: dict[str, list[str]] = {}
    for track in sorted(ids & verdicts.person_of.keys()):
        by_person.setdefault(verdicts.person_of[track], []).append(track)
    pairs: Pairs = set()
    for person, tracks in by_person.items():
        impostors = {
            other
            for other in ids
            if verdicts.person_of.get(other, person) != person
            or (other not in verdicts.person_of and person in seen_with.get(other, ()))
        }
        pairs |= {(min(a, b), max(a, b)) for a in tracks for b in impostors}
    return pairs


def _evenly_spread(tracks: Iterable[str]) -> list[str]:
    """Return at most ``_MAX_TRACKS`` of the sorted tracks, evenly spread."""
    ordered = sorted(tracks)
    step = max(len(ordered) / _MAX_TRACKS, 1.0)
    return [ordered[int(n * step)] for n in range(min(len(ordered), _MAX_TRACKS))]
