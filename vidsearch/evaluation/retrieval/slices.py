"""Retrieval figures by size, quality and length of the faces and tracks."""

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
from vidsearch.evaluation.report.report import Cell
from vidsearch.evaluation.retrieval.labels import Labels
from vidsearch.evaluation.retrieval.query_results import QueryResult, best_hits_by_video

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
class _FoundVideo:
    """A labelled video with a hit.

    Attributes:
        values: Height, quality and length of its track nearest to the query, as in ``_EDGES``.
        precision: Precision at its rank, 0 beyond rank ``LIMIT``.
        identity: Person searched for.
    """

    values: tuple[float, float, float]
    precision: float
    identity: str


def query_slices(results: Sequence[QueryResult], precisions: Sequence[float]) -> ReportTable:
    """Return MAP by number of photos, face height and face quality of the query.

    Args:
        results: Q query results.
        precisions: Average precision of each of the Q queries.
    """
    values = {
        "photos in the query": [len(r.query.photos) - len(r.no_face) for r in results],
        "height of the query's face, pixels": [r.face_height for r in results],
        "quality of the query's face": [r.quality for r in results],
    }
    rows: list[tuple[Cell, ...]] = []
    for name, edges in _QUERY_EDGES.items():
        column = np.asarray(values[name], np.float64)
        for low, high in pairwise(edges):
            inside = np.flatnonzero((column >= low) & (column < high)).tolist()
            if len(inside):
                line = bootstrap_mean(
                    np.asarray(precisions)[inside], [results[n].query.identity for n in inside]
                )
                rows.append((name, _range(low, high), line.mean, line.low, line.high, len(inside)))
    return ReportTable(
        "query-slices",
        "MAP@100 (iQIYI official) by properties of the query; a query without a face counts as 0",
        ("of the query", "range", "MAP", "from", "to", "queries"),
        tuple(rows),
    )


def archive_slices(results: Sequence[QueryResult], labels: Labels, catalog: Catalog) -> ReportTable:
    """Return the precision of labelled videos by properties of their track nearest to the query.

    The precision of a labelled video is that at its rank, and 0 beyond rank ``LIMIT``: its term in
    the sum of the average precision.

    Args:
        results: Q query results.
        labels: Labels of the archive.
        catalog: The archive.
    """
    best = best_hits_by_video(results)
    rows = catalog.tracks(["track_id", "quality"]).to_pylist()
    quality = {row["track_id"]: row["quality"] for row in rows}
    found: list[_FoundVideo] = []
    not_found = 0
    for result in results:
        hits = best[result.query.name]
        spans = labels.people[result.query.identity].spans
        ranks = sorted(rank for video, (rank, _) in hits.items() if video in spans)
        for video in spans:
            if video not in hits:
                not_found += 1
                continue
            rank, hit = hits[video]
            precision = (ranks.index(rank) + 1) / rank if rank <= LIMIT else 0.0
            height = float(hit.box_xyxy[3] - hit.box_xyxy[1])
            values = (height, quality.get(hit.track_id, 0.0), hit.span.duration_s)
            found.append(_FoundVideo(values, precision, result.query.identity))
    table_rows = _slice_rows(found)
    if not_found:
        label = "no track at all, or no face to search with"
        table_rows.append((label, "", 0.0, 0.0, 0.0, not_found))
    return ReportTable(
        "archive-slices",
        "Mean precision at the rank of labelled videos (0 beyond rank 100), by properties of their "
        "track that is nearest to the query",
        ("of the track", "range", "worth", "from", "to", "videos"),
        tuple(table_rows),
    )


def _slice_rows(found: Sequence[_FoundVideo]) -> list[tuple[Cell, ...]]:
    rows: list[tuple[Cell, ...]] = []
    for column, (name, edges) in enumerate(_EDGES.items()):
        for low, high in pairwise(edges):
            inside = [video for video in found if low <= video.values[column] < high]
            if inside:
                line = bootstrap_mean(
                    [video.precision for video in inside], [video.identity for video in inside]
                )
                rows.append((name, _range(low, high), line.mean, line.low, line.high, len(inside)))
    return rows


def _range(low: float, high: float) -> str:
    if np.isinf(high):
        return f"{low:g} and more"
    return f"{low:g} to {min(high, 1.0) if high == 1.01 else high:g}"


def confidence_table(
    present: Sequence[QueryResult], absent: Sequence[QueryResult], labels: Labels
) -> tuple[ReportTable, Mapping[str, Any]]:
    """Return right and wrong videos above each confidence, as a table and for ``metrics.json``."""
    rows = []
    for level in (0.5, 0.9, 0.99):
        right = wrong = 0
        for result in present:
            spans = labels.people[result.query.identity].spans
            for hit in result.videos:
                if hit.confidence >= level:
                    right += hit.video_id in spans
                    wrong += hit.video_id not in spans
        relevant = sum(len(labels.people[r.query.identity].spans) for r in present)
        alarms = sum(1 for r in absent if r.hits and r.hits[0].confidence >= level)
        rows.append(
            (
                level,
                right,
                wrong,
                right / (right + wrong) if right + wrong else None,
                right / relevant if relevant else None,
                alarms if absent else None,
                len(absent),
            )
        )
    table = ReportTable(
        "confidence",
        "Videos found at each confidence; an appearance that the labels lack counts as wrong",
        (
            "confidence",
            "right",
            "wrong",
            "share right",
            "share found",
            "absent people with a hit",
            "absent people searched for",
        ),
        tuple(rows),
    )
    return table, {
        str(row[0]): {"right": row[1], "wrong": row[2], "absent_with_hit": row[5]} for row in rows
    }
