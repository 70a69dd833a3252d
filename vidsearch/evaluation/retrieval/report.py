"""Report on the search in a labelled archive."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vidsearch.archive import Archive
from vidsearch.catalog import Catalog
from vidsearch.evaluation.metrics.retrieval import cmc
from vidsearch.evaluation.protocols.lines import file_sha256
from vidsearch.evaluation.report import Figure, Headline, Provenance, Report, ReportTable, Section
from vidsearch.evaluation.report.ranked_retrieval import NAMES, SOURCES, RetrievalFigures
from vidsearch.evaluation.report.svg import COLOURS, svg_figure
from vidsearch.evaluation.retrieval import slices
from vidsearch.evaluation.retrieval.labels import Labels
from vidsearch.evaluation.retrieval.measure import FPIRS, RetrievalOptions, RetrievalResult
from vidsearch.evaluation.retrieval.query_results import QueryResult
from vidsearch.evaluation.retrieval.worst_queries import worst_queries
from vidsearch.models.registry import LoadedPack

OPEN_SET = (
    "TPIR at FPIR: rank 1, by similarity of the best video; an absent person has no labelled video"
)
NOT_FOUND = (
    "n: all labelled videos or times of the person; those that are not in the catalog count as not "
    "found"
)
MOMENTS = (
    "Moments: a labelled time is found by the best track whose overlap is at least half of the "
    "shorter span; later tracks over the same time are dropped"
)


def retrieval_report(
    catalog: Catalog,
    labels: Labels,
    result: RetrievalResult,
    options: RetrievalOptions,
    *,
    labels_file: str | os.PathLike[str],
    models: LoadedPack,
    started: float,
) -> Report:
    """Return the report on an archive.

    Args:
        catalog: The archive.
        labels: Its labels.
        result: Measured values.
        options: Options of the evaluation.
        labels_file: File of the labels.
        models: The catalog's pack.
        started: ``time.perf_counter()`` at the start of the evaluation.
    """
    confidence, levels = slices.confidence_table(result.present, result.absent, labels)
    status = Archive(catalog).status()
    queries = (*result.present, *result.absent)
    without_face = [photo for query in queries for photo in query.no_face]
    metrics: dict[str, Any] = {
        "videos": result.videos.metrics(),
        "open_set": [asdict(point) for point in result.open_set],
        "confidence": levels,
        "photos_without_a_face": without_face,
    }
    if result.moments is not None:
        metrics["moments"] = result.moments.metrics()
    name = Path(catalog.uri).name
    return Report(
        kind="retrieval",
        title=f"Finding people in {name}",
        lead=_lead(result, status.tracks, sum(status.videos.values()), len(without_face)),
        conventions=(*SOURCES, NOT_FOUND, OPEN_SET, MOMENTS),
        headlines=(*result.videos.headlines(), *_open_set_headlines(result)),
        metrics=metrics,
        provenance=Provenance(
            configuration={
                "catalog": catalog.uri,
                "labels": str(labels_file),
                "queries": "photos together" if options.together else "each photo",
                "tracks": status.tracks,
                "videos": status.videos,
                "index": status.index.kind,
            },
            data={
                Path(labels_file).name: file_sha256(labels_file),
                "photos, in their order": _photos_sha256(queries),
                "contents of the videos": _texts_sha256(sorted(catalog.video_statuses())),
            },
            model_id=catalog.model_id,
            pack_files={file.name: file.sha256 for file in models.pack.files},
            elapsed_s=time.perf_counter() - started,
            dataset=name,
            pack=models.pack.name,
        ),
        sections=_sections(result, labels, catalog, options, confidence),
        scores=result.videos.scores(),
    )


def _photos_sha256(results: Sequence[QueryResult]) -> str:
    photos = (p for r in results for p in r.query.photos if p not in r.unreadable)
    return _texts_sha256(map(file_sha256, photos))


def _texts_sha256(texts: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for line in texts:
        digest.update(f"{line}\n".encode())
    return digest.hexdigest()


def _lead(result: RetrievalResult, tracks: int, videos: int, without_face: int) -> str:
    people = len({r.query.identity for r in result.present})
    text = (
        f"{len(result.present):,} queries for {people:,} people in {videos:,} videos "
        f"({tracks:,} tracks), and {len(result.absent):,} for people who are in no video."
    )
    if without_face:
        text += f" No face was found in {without_face:,} photos: their queries count as not found."
    return text


def _open_set_headlines(result: RetrievalResult) -> tuple[Headline, ...]:
    return tuple(
        Headline(
            f"TPIR at FPIR {fpir:g}",
            f"{point.tpir:.4f}",
            f"FPIR {point.fpir:.4f}: {point.present:,} queries for people in the archive, "
            f"{point.absent:,} for people who are not in it",
            (point.tpir, point.tpir, point.tpir),
        )
        for fpir, point in zip(FPIRS, result.open_set, strict=False)
    )


def _sections(
    result: RetrievalResult,
    labels: Labels,
    catalog: Catalog,
    options: RetrievalOptions,
    confidence: ReportTable,
) -> tuple[Section, ...]:
    videos = result.videos
    sections = [
        Section(
            "Videos that show the person",
            "Videos are ranked by their best track.",
            (videos.conventions_table(), videos.ranks_table(), _cmc_figure(videos)),
        ),
        Section("Reliability of the confidence", "", (confidence,)),
    ]
    if result.moments is not None:
        sections.append(
            Section(
                "Times at which the person is visible",
                f"A track must find every labelled time. {MOMENTS}. Two people visible at the same "
                "time cannot be distinguished by time.",
                (_moments_table(result.moments),),
            )
        )
    sections.append(
        Section(
            "Results by size, quality and length",
            "",
            (
                slices.archive_slices(result.present, labels, catalog),
                slices.query_slices(result.present, videos.per_query["iqiyi"].tolist()),
            ),
        )
    )
    worst = worst_queries(result.present, videos, labels, catalog, options.worst)
    if worst is not None:
        sections.append(worst)
    return tuple(sections)


def _moments_table(moments: RetrievalFigures) -> ReportTable:
    rows = tuple(
        (NAMES[name], line.mean, line.low, line.high, line.queries)
        for name, line in moments.intervals.items()
    )
    return ReportTable(
        "moments",
        "Mean average precision over moments",
        ("convention", "MAP", "from", "to", "queries"),
        rows,
    )


def _cmc_figure(figures: RetrievalFigures) -> Figure:
    values = cmc(figures.rankings, 20)
    with svg_figure(size_in=(6.4, 3.2)) as figure:
        axes = figure.axes[0]
        axes.plot(range(1, 21), values, "o-", color=COLOURS[0], markersize=4)
        axes.set_ylim(min(0.98 * float(values[0]), 0.9), 1.005)
        axes.set_xlim(0.5, 20.5)
        axes.set_xticks([1, 5, 10, 15, 20])
        axes.set_xlabel("rank")
        axes.set_ylabel("share of queries with a right video")
    return Figure("cmc", "Cumulative match characteristic over videos.", figure.svg)
