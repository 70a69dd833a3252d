"""Where the search is weak: figures by size, quality and length of what was to be found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from vidsearch.catalog import Catalog
from vidsearch.evaluation.metrics.bootstrap import bootstrap_mean
from vidsearch.evaluation.metrics.retrieval import LIMIT
from vidsearch.evaluation.report import ReportTable
from vidsearch.evaluation.retrieval.answers import Answer, best_of_videos
from vidsearch.evaluation.retrieval.labels import Labels

_EDGES: dict[str, tuple[float, ...]] = {
    "face height, pixels": (0, 40, 80, 160, np.inf),
    "face quality": (0, 0.5, 0.7, 0.85, 1.01),
    "track length, s": (0, 1, 3, 10, np.inf),
}
_QUERY_EDGES: dict[str, tuple[float, ...]] = {
    "photos in the query": (0, 1, 2, 4, 8, np.inf),
    "height of the query's face, pixels": (0, 40, 80, 160, np.inf),
    "quality of the query's face": (0, 0.5, 0.7, 0.85, 1.01),
}


@dataclass(frozen=True, slots=True)
class _Found:
    """A labelled video: height, quality and length of its nearest track, and its worth."""

    shape: tuple[float, float, float]
    worth: float
    identity: str


def query_slices(answers: Sequence[Answer], precisions: Sequence[float]) -> ReportTable:
    """Return MAP by what the query was like."""
    values = {
        "photos in the query": [len(a.query.photos) - len(a.no_face) for a in answers],
        "height of the query's face, pixels": [a.face_height for a in answers],
        "quality of the query's face": [a.quality for a in answers],
    }
    rows: list[tuple[str | float | int, ...]] = []
    for name, edges in _QUERY_EDGES.items():
        column = np.asarray(values[name], np.float64)
        for low, high in pairwise(edges):
            inside = np.flatnonzero((column >= low) & (column < high)).tolist()
            if len(inside):
                line = bootstrap_mean(
                    np.asarray(precisions)[inside], [answers[n].query.identity for n in inside]
                )
                rows.append((name, _range(low, high), line.mean, line.low, line.high, len(inside)))
    return ReportTable(
        "query-slices",
        "MAP@100 (iQIYI official) by what the query was like; a query without a face counts as 0",
        ("of the query", "range", "MAP", "from", "to", "queries"),
        tuple(rows),
    )


def archive_slices(answers: Sequence[Answer], labels: Labels, catalog: Catalog) -> ReportTable:
    """Return how well labelled videos are found, by what their track nearest to the query is like.

    A labelled video's worth is the precision at its rank, 0 beyond rank ``LIMIT``: the term that it
    adds to the average precision.
    """
    best = best_of_videos(answers)
    rows = catalog.tracks(["track_id", "quality"]).to_pylist()
    quality = {row["track_id"]: row["quality"] for row in rows}
    found: list[_Found] = []
    blind: list[tuple[float, str]] = []
    for answer in answers:
        known = labels.people[answer.query.identity]
        ranks = sorted(
            rank for video, (rank, _) in best[answer.query.name].items() if video in known.spans
        )
        for video in known.spans:
            if video not in best[answer.query.name]:
                blind.append((0.0, answer.query.identity))
                continue
            rank, hit = best[answer.query.name][video]
            worth = (ranks.index(rank) + 1) / rank if rank <= LIMIT else 0.0
            height = float(hit.box_xyxy[3] - hit.box_xyxy[1])
            shape = (height, quality.get(hit.track_id, 0.0), hit.span.duration_s)
            found.append(_Found(shape, worth, answer.query.identity))
    return ReportTable(
        "archive-slices",
        "Worth of labelled videos (mean precision at their rank, 0 beyond rank 100) by their track "
        "that is nearest to the query",
        ("of the track", "range", "worth", "from", "to", "videos"),
        (*_slices(found), *_blind(blind)),
    )


def _slices(
    found: Sequence[_Found],
) -> list[tuple[str | float | int, ...]]:
    rows: list[tuple[str | float | int, ...]] = []
    for at, (name, edges) in enumerate(_EDGES.items()):
        for low, high in pairwise(edges):
            inside = [pair for pair in found if low <= pair.shape[at] < high]
            if inside:
                line = bootstrap_mean(
                    [pair.worth for pair in inside], [pair.identity for pair in inside]
                )
                rows.append((name, _range(low, high), line.mean, line.low, line.high, len(inside)))
    return rows


def _blind(blind: Sequence[tuple[float, str]]) -> list[tuple[str | float | int, ...]]:
    """Labelled videos without any track (or whose query had no face), so of unknown size."""
    return (
        [("no track at all, or no face to search with", "", 0.0, 0.0, 0.0, len(blind))]
        if (blind)
        else []
    )


def _range(low: float, high: float) -> str:
    if np.isinf(high):
        return f"{low:g} and more"
    return f"{low:g} to {min(high, 1.0) if high == 1.01 else high:g}"


def confidence_table(
    present: Sequence[Answer], absent: Sequence[Answer], labels: Labels
) -> tuple[ReportTable, Mapping[str, Any]]:
    """Return what hits at each confidence are worth, by videos."""
    rows = []
    for level in (0.5, 0.9, 0.99):
        right = wrong = 0
        for answer in present:
            known = labels.people[answer.query.identity]
            for hit in answer.videos:
                if hit.confidence >= level:
                    right += hit.video_id in known.spans
                    wrong += hit.video_id not in known.spans
        relevant = sum(len(labels.people[a.query.identity].spans) for a in present)
        alarms = sum(1 for a in absent if a.hits and a.hits[0].confidence >= level)
        rows.append(
            (level, right, wrong, right / (right + wrong) if right + wrong else None,
             right / relevant if relevant else None,
             alarms if absent else None, len(absent))
        )  # fmt: skip
    table = ReportTable(
        "confidence",
        "What is found at each confidence, in videos; an appearance that the labels lack counts as "
        "wrong",
        ("confidence", "right", "wrong", "share right", "share found",
         "absent people with a hit", "absent people searched for"),
        tuple(rows),
    )  # fmt: skip
    return table, {
        str(row[0]): {"right": row[1], "wrong": row[2], "absent_with_hit": row[5]} for row in rows
    }
