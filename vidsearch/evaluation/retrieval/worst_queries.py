"""Worst queries of an archive, with the faces of false hits and of missed videos."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import PurePath, PurePosixPath

import numpy as np

from vidsearch.catalog import Catalog
from vidsearch.datatypes import Hit
from vidsearch.evaluation.report import ImageRow, ImageRows, ReportImage, Section
from vidsearch.evaluation.report.ranked_retrieval import RetrievalFigures
from vidsearch.evaluation.retrieval.labels import LabelledPerson, Labels
from vidsearch.evaluation.retrieval.query_results import QueryResult, best_hits_by_video
from vidsearch.results.words import clock, confidence_number

_EXAMPLES = 4
"""False hits, and missed videos, per query in the report."""


@dataclass(frozen=True, slots=True)
class _Errors:
    """Errors of one query: false hits, and missed videos with their rank and best hit, if any."""

    result: QueryResult
    average_precision: float
    person: LabelledPerson
    false_hits: list[tuple[int, Hit]]
    missed: list[tuple[str, tuple[int, Hit] | None]]


def worst_queries(
    results: Sequence[QueryResult],
    figures: RetrievalFigures,
    labels: Labels,
    catalog: Catalog,
    count: int,
) -> Section | None:
    """Return the queries of lowest average precision, or None if every query is perfect.

    Args:
        results: Q query results.
        figures: Figures of the same Q queries.
        labels: Labels of the archive.
        catalog: The archive.
        count: Largest number of queries.
    """
    precision = figures.per_query["truncated"]
    order = [int(row) for row in np.argsort(precision, kind="stable") if precision[row] < 1]
    if not order[:count]:
        return None
    worst = [
        _query_errors(
            results[row], float(precision[row]), labels.people[results[row].query.identity]
        )
        for row in order[:count]
    ]
    track_ids = {hit.track_id for query in worst for _, hit in query.false_hits}
    track_ids |= {best[1].track_id for query in worst for _, best in query.missed if best}
    faces = catalog.snapshot().best_faces(track_ids)
    names = _video_file_names(catalog, {video for query in worst for video, _ in query.missed})
    rows = tuple(_image_row(query, faces, names) for query in worst)
    return Section(
        "The worst queries",
        "Red borders: other people (or labels that lack an appearance) ranked above a right video. "
        "Green borders: right videos that were ranked too low or not found, with their track that "
        "is nearest to the query.",
        (ImageRows("Lowest average precision (truncated) first", rows),),
    )


def _query_errors(result: QueryResult, average_precision: float, person: LabelledPerson) -> _Errors:
    ranks = best_hits_by_video([result])[result.query.name]
    last = max((rank for video, (rank, _) in ranks.items() if video in person.spans), default=0)
    false_hits = [
        (rank, hit)
        for video, (rank, hit) in ranks.items()
        if video not in person.spans and (rank < last or not last)
    ]
    missed = [
        (video, ranks.get(video))
        for video in person.spans
        if video not in ranks or ranks[video][0] > len(person.spans)
    ]
    missed.sort(key=lambda pair: pair[1][0] if pair[1] is not None else np.inf, reverse=True)
    return _Errors(result, average_precision, person, false_hits[:_EXAMPLES], missed[:_EXAMPLES])


def _image_row(query: _Errors, faces: dict[str, bytes], names: dict[str, str]) -> ImageRow:
    result = query.result
    title = result.query.identity
    if result.query.name != result.query.identity:
        title = f"{PurePath(result.query.name).name} ({result.query.identity})"
    note = (
        f"average precision {query.average_precision:.3f}, {len(query.person.spans):,} right videos"
    )
    return ImageRow(
        title,
        note if result.hits else f"{note}; no face was found in the photo",
        (
            ReportImage(result.face_jpeg, "searched for"),
            *(
                ReportImage(faces.get(hit.track_id), _label(rank, hit), "bad")
                for rank, hit in query.false_hits
            ),
            *(_missed_image(video, best, faces, names) for video, best in query.missed),
        ),
    )


def _missed_image(
    video: str, best: tuple[int, Hit] | None, faces: dict[str, bytes], names: dict[str, str]
) -> ReportImage:
    if best is None:
        return ReportImage(None, f"not found: {names.get(video, video)}", "good")
    rank, hit = best
    return ReportImage(faces.get(hit.track_id), f"only {_label(rank, hit)}", "good")


def _label(rank: int, hit: Hit) -> str:
    name = PurePosixPath(hit.video).name
    return f"rank {rank}, {confidence_number(hit.confidence)}: {name} {clock(hit.best_s)}"


def _video_file_names(catalog: Catalog, video_ids: Collection[str]) -> dict[str, str]:
    rows = catalog.videos(["video_id", "uri"], video_ids=video_ids).to_pylist()
    return {row["video_id"]: PurePosixPath(row["uri"]).name for row in rows}
