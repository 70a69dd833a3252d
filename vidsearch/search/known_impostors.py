"""Threshold advice: how many false hits a search is to expect, for this query in this archive.

The estimate comes from the query's own similarities with tracks of the archive
(``vidsearch.search.false_hits``). Where people are named, it is held against pairs that certainly
show two people and lie in two videos, as a photo and a track do: tracks of people of different
names, and tracks of a named person with what was seen in one frame with that person elsewhere. How
far it was off there corrects it. Counts of that comparison are kept beside the tables as
``advice.json`` until they change.

Pairs inside one video are no measure: people filmed together share light and blur, which makes poor
faces alike. Tracks that somebody rejected are none either: they were looked at because they are
similar.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import astuple

import numpy as np

from vidsearch.catalog import Catalog
from vidsearch.catalog.people import Judgements, judgements
from vidsearch.catalog.snapshot import Snapshot
from vidsearch.datatypes import Matrix
from vidsearch.errors import VidsearchError
from vidsearch.models.calibration import Calibration
from vidsearch.results.threshold_advice import LEVELS, CertainPairs
from vidsearch.search.false_hits import expected_shares

_FILE = "advice.json"
_FORMAT = 2
_MOST_TRACKS = 300
"""Named tracks, and tracks seen together with them, that are compared at most."""
POSSIBLE = 0.1
"""From this confidence on a track may well show the person, so it is no stranger to learn from."""

Pairs = set[tuple[str, str]]


def bars(calibration: Calibration, prior: float) -> tuple[float, ...]:
    """Return the cosine of each of ``LEVELS``, and of ``POSSIBLE``, with this prior."""
    # Confidence with another prior is the same curve, moved.
    moved = np.log(prior / (1 - prior)) - np.log(
        calibration.genuine_share / (1 - calibration.genuine_share)
    )
    odds = [np.log(level / (1 - level)) - moved for level in (*LEVELS, POSSIBLE)]
    return tuple(calibration.similarity_at(float(1 / (1 + np.exp(-value)))) for value in odds)


def certain_pairs(
    catalog: Catalog, snapshot: Snapshot, calibration: Calibration, prior: float, sample: Matrix
) -> CertainPairs:
    """Return how pairs that certainly show two people, in two videos, do against the estimate.

    Args:
        catalog: The archive.
        snapshot: Its tables as they are searched.
        calibration: The pack's.
        prior: With which confidences are shown.
        sample: (M, D) templates of random tracks: what the estimate is made from.

    Raises:
        CatalogError: A table is missing or damaged.
    """
    known = judgements(catalog)
    if len(set(known.person_of.values())) == 0:
        return CertainPairs()
    key = {
        "format": _FORMAT,
        "model_id": catalog.model_id,
        "tables": snapshot.versions,
        "verdicts": int(catalog.table("verdicts").open().version()),
        "calibration": [calibration.slope, calibration.intercept, prior],
        "compared": len(sample),
    }
    kept = _kept(catalog, key)
    if kept is not None:
        return kept
    found = _measure(catalog, snapshot, known, bars(calibration, prior), sample)
    content = {"key": key, "certain": astuple(found)}
    with suppress(OSError, VidsearchError):  # an archive that is read-only is searched as well
        catalog.root.child(_FILE).write(json.dumps(content).encode())
    return found


def _kept(catalog: Catalog, key: dict[str, object]) -> CertainPairs | None:
    try:
        content = json.loads(catalog.root.child(_FILE).read())
        if content["key"] != key:
            return None
        pairs, reached, expected = content["certain"]
        return CertainPairs(int(pairs), tuple(map(int, reached)), tuple(map(float, expected)))
    except (OSError, ValueError, KeyError, TypeError):
        return None  # absent or damaged: it is made anew


def _measure(
    catalog: Catalog,
    snapshot: Snapshot,
    known: Judgements,
    levels: tuple[float, ...],
    sample: Matrix,
) -> CertainPairs:
    named = _some(known.person_of)
    company = _company(snapshot, {track: known.person_of[track] for track in named})
    ids = {*named, *_some(company)}
    rows, vectors = snapshot.templates(catalog.dim, ids)
    about = snapshot.tracks(["track_id", "video_id", "quality"], track_ids=ids).to_pylist()
    quality = {row["track_id"]: row["quality"] for row in about}
    video = {row["track_id"]: row["video_id"] for row in about}
    place = {track: row for row, track in enumerate(rows["track_id"].to_pylist())}
    others: dict[str, list[str]] = {}
    for one, other in _pairs(known, company, ids):
        if one in place and other in place and video[one] != video[other]:
            # The better face takes the part of the photo.
            asks, answers = sorted((one, other), key=lambda t: (-quality[t], t))
            others.setdefault(asks, []).append(answers)
    pairs, reached, expected = 0, np.zeros(len(LEVELS)), np.zeros(len(LEVELS))
    for track, tracks in sorted(others.items()):
        query = vectors[place[track]]
        strangers = sample @ query
        if (strangers < levels[-1]).sum() < 2:
            continue
        cosines = vectors[[place[other] for other in tracks]] @ query
        pairs += len(tracks)
        reached += [(cosines >= bar).sum() for bar in levels[:-1]]
        expected += len(tracks) * np.array(expected_shares(strangers, levels))
    return CertainPairs(pairs, tuple(int(n) for n in reached), tuple(expected.tolist()))


def _company(snapshot: Snapshot, named: dict[str, str]) -> dict[str, set[str]]:
    """Return the tracks whose stored faces share a frame with a named track, and with whom."""
    videos = set(snapshot.tracks(["track_id", "video_id"], track_ids=named)["video_id"].to_pylist())
    rows = snapshot.faces(["track_id", "video_id", "time_s"], video_ids=videos)
    frames: dict[tuple[str, float], set[str]] = {}
    columns = (rows[name].to_pylist() for name in ("video_id", "time_s", "track_id"))
    for video, time_s, track in zip(*columns, strict=True):
        frames.setdefault((video, time_s), set()).add(track)
    company: dict[str, set[str]] = {}
    for tracks in frames.values():
        for one in tracks & named.keys():
            for other in tracks - {one}:
                company.setdefault(other, set()).add(named[one])
    return company


def _pairs(known: Judgements, company: dict[str, set[str]], ids: set[str]) -> Pairs:
    """Return the pairs, smaller id first."""
    by_person: dict[str, list[str]] = {}
    for track in sorted(ids & known.person_of.keys()):
        by_person.setdefault(known.person_of[track], []).append(track)
    pairs: Pairs = set()
    for person, tracks in by_person.items():
        strangers = {
            other
            for other in ids
            if known.person_of.get(other, person) != person
            or (other not in known.person_of and person in company.get(other, ()))
        }
        pairs |= {(min(a, b), max(a, b)) for a in tracks for b in strangers}
    return pairs


def _some(tracks: Iterable[str]) -> list[str]:
    """Return at most ``_MOST_TRACKS`` of them, evenly spread and always the same."""
    ordered = sorted(tracks)
    step = max(len(ordered) / _MOST_TRACKS, 1.0)
    return [ordered[int(n * step)] for n in range(min(len(ordered), _MOST_TRACKS))]
