"""Measuring the search on somebody's own archive: labelled queries in, one report out."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vidsearch.archive import Archive
from vidsearch.catalog import Catalog
from vidsearch.device import resolve_device
from vidsearch.evaluation.metrics.open_set import OpenSetPoint, tpir_at_fpir
from vidsearch.evaluation.metrics.retrieval import Rankings, cmc
from vidsearch.evaluation.report import Figure, Headline, Provenance, Report, ReportTable, Section
from vidsearch.evaluation.report.ranked_retrieval import (
    NAMES,
    SOURCES,
    RetrievalFigures,
    file_sha256,
)
from vidsearch.evaluation.report.svg import COLOURS, svg_figure
from vidsearch.evaluation.retrieval import slices
from vidsearch.evaluation.retrieval.answers import Answer, ask, moment_flags, moments, video_flags
from vidsearch.evaluation.retrieval.labels import Labels, read_labels
from vidsearch.evaluation.retrieval.worst_queries import worst_queries
from vidsearch.models.registry import LoadedPack, load_pack
from vidsearch.search.search import PhotoSearcher

FPIRS = (0.01, 0.1)
OPEN_SET = "TPIR at FPIR: rank 1, by similarity of the best video; people without a labelled video"
MOMENTS = (
    "Moments: a labelled time counts as found by the best track that covers at least half of the "
    "shorter of both; a later track over the same time is dropped"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalOptions:
    """How an archive is measured.

    Attributes:
        together: All photos of a person make one query; else each photo is one.
        worst: How many of the worst queries are shown with pictures.
        device: Where the models run.
    """

    together: bool = False
    worst: int = 8
    device: str = "auto"


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """Everything that was found out, before it is put into words.

    Attributes:
        videos: Figures over videos, queries of people who are in the archive.
        moments: The same over labelled times; None where a label has no time.
        open_set: One point per FPIR; empty without queries for absent people.
        present: Answers for people who are in the archive.
        absent: Answers for people who are not.
    """

    videos: RetrievalFigures
    moments: RetrievalFigures | None
    open_set: tuple[OpenSetPoint, ...]
    present: tuple[Answer, ...]
    absent: tuple[Answer, ...]


def measure(
    catalog: Catalog,
    labels: Labels,
    options: RetrievalOptions,
    *,
    models: LoadedPack | None = None,
    progress: Callable[[Sequence[Any]], Iterable[Any]] = iter,
) -> Measured:
    """Search for everybody in the labels and judge the answers.

    Args:
        catalog: The archive.
        labels: See :func:`vidsearch.evaluation.retrieval.labels.read_labels`.
        options: How.
        models: The catalog's pack, loaded.
        progress: Wraps the list of queries, to show how far it is.

    Raises:
        PhotoError: A photo cannot be read.
    """
    searcher = PhotoSearcher(catalog, models, options.device)
    tracks = catalog.status().tracks
    queries = labels.queries(together=options.together)
    answers = [ask(searcher, query, tracks) for query in progress(queries)]
    present = [a for a in answers if labels.people[a.query.identity].spans]
    absent = [a for a in answers if not labels.people[a.query.identity].spans]
    known = [labels.people[a.query.identity] for a in present]
    names = [a.query.name for a in present]
    identities = [a.query.identity for a in present]
    pairs = list(zip(present, known, strict=True))
    videos = Rankings.of([video_flags(a, k) for a, k in pairs], [len(k.spans) for k in known])
    timed = None
    if labels.timed:
        timed = Rankings.of([moment_flags(a, k) for a, k in pairs], [moments(k) for k in known])
    return Measured(
        videos=RetrievalFigures.of(videos, names, identities),
        moments=RetrievalFigures.of(timed, names, identities) if timed is not None else None,
        open_set=_open_set(present, absent, labels),
        present=tuple(present),
        absent=tuple(absent),
    )


def _open_set(
    present: Sequence[Answer], absent: Sequence[Answer], labels: Labels
) -> tuple[OpenSetPoint, ...]:
    if not absent:
        return ()

    def top(answer: Answer) -> float:
        return answer.hits[0].similarity if answer.hits else -np.inf

    right = [
        bool(a.hits) and a.hits[0].video_id in labels.people[a.query.identity].spans
        for a in present
    ]
    scores = [top(a) for a in present]
    alarms = [top(a) for a in absent]
    return tuple(tpir_at_fpir(scores, right, alarms, fpir=fpir) for fpir in FPIRS)


def retrieval_report(
    catalog: Catalog,
    labels_file: str | os.PathLike[str],
    options: RetrievalOptions,
    *,
    models: LoadedPack | None = None,
    progress: Callable[[Sequence[Any]], Iterable[Any]] = iter,
) -> Report:
    """Measure an archive and return the report.

    Raises:
        ConfigError: The labels are malformed or do not fit the catalog.
        PhotoError: A photo cannot be read.
    """
    started = time.perf_counter()
    labels = read_labels(labels_file, catalog)
    if models is None:
        models = load_pack(catalog.pack, resolve_device(options.device))
    found = measure(catalog, labels, options, models=models, progress=progress)
    confidence, levels = slices.confidence_table(found.present, found.absent, labels)
    status = Archive(catalog).status()
    blind = [photo for a in (*found.present, *found.absent) for photo in a.no_face]
    metrics: dict[str, Any] = {
        "videos": found.videos.metrics(),
        "open_set": [_point(point) for point in found.open_set],
        "confidence": levels,
        "photos_without_a_face": blind,
    }
    if found.moments is not None:
        metrics["moments"] = found.moments.metrics()
    return Report(
        kind="retrieval",
        title=f"Finding people in {Path(catalog.uri).name}",
        lead=_lead(found, status.tracks, sum(status.videos.values()), len(blind)),
        conventions=(*SOURCES, OPEN_SET, MOMENTS),
        headlines=(*found.videos.headlines(), *_open_headlines(found)),
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
                "photos, in their order": _photos_sha256((*found.present, *found.absent)),
                "contents of the videos": _texts_sha256(sorted(catalog.video_statuses())),
            },
            model_id=catalog.model_id,
            pack_files={file.name: file.sha256 for file in models.pack.files},
            elapsed_s=time.perf_counter() - started,
        ),
        sections=_sections(found, labels, catalog, options, confidence),
        scores=found.videos.scores(),
    )


def _photos_sha256(answers: Sequence[Answer]) -> str:
    return _texts_sha256(file_sha256(photo) for a in answers for photo in a.query.photos)


def _texts_sha256(texts: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for line in texts:
        digest.update(f"{line}\n".encode())
    return digest.hexdigest()


def _lead(found: Measured, tracks: int, videos: int, blind: int) -> str:
    people = len({a.query.identity for a in found.present})
    text = (
        f"{len(found.present):,} queries for {people:,} people in {videos:,} videos "
        f"({tracks:,} tracks), and {len(found.absent):,} for people who are in none of them."
    )
    if blind:
        text += f" In {blind:,} photos no face was found: they bring nothing up and count."
    return text


def _open_headlines(found: Measured) -> tuple[Headline, ...]:
    return tuple(
        Headline(
            f"TPIR at FPIR {wanted:g}",
            f"{point.tpir:.4f}",
            f"FPIR {point.fpir:.4f}: {point.present:,} queries for people who are there, "
            f"{point.absent:,} for people who are not",
            (point.tpir, point.tpir, point.tpir),
        )
        for wanted, point in zip(FPIRS, found.open_set, strict=False)
    )


def _point(point: OpenSetPoint) -> dict[str, Any]:
    return {name: getattr(point, name) for name in point.__slots__}


def _sections(
    found: Measured,
    labels: Labels,
    catalog: Catalog,
    options: RetrievalOptions,
    confidence: ReportTable,
) -> tuple[Section, ...]:
    videos = found.videos
    sections = [
        Section(
            "Which videos show the person?",
            "Videos are ranked by their best track.",
            (videos.conventions_table(), videos.ranks_table(), _curve(videos)),
        ),
        Section("What is a confidence worth here?", "", (confidence,)),
    ]
    if found.moments is not None:
        timed = found.moments
        rows = tuple(
            (NAMES[name], line.mean, line.low, line.high, line.queries)
            for name, line in timed.intervals.items()
        )
        table = ReportTable(
            "moments", "The same over moments", ("convention", "MAP", "from", "to", "queries"), rows
        )
        sections.append(
            Section(
                "At which times?",
                f"Every labelled time is to be found by a track. {MOMENTS}. Somebody who is seen "
                "together with the person cannot be told apart by time.",
                (table,),
            )
        )
    sections.append(
        Section(
            "Where is it weak?",
            "",
            (
                slices.archive_slices(found.present, labels, catalog),
                slices.query_slices(found.present, videos.per_query["iqiyi"].tolist()),
            ),
        )
    )
    shown = worst_queries(found.present, videos, labels, catalog, options.worst)
    if shown is not None:
        sections.append(shown)
    return tuple(sections)


def _curve(figures: RetrievalFigures) -> Figure:
    values = cmc(figures.rankings, 20)
    with svg_figure(size_in=(6.4, 3.2)) as made:
        axes = made.axes[0]
        axes.plot(range(1, 21), values, "o-", color=COLOURS[0], markersize=4)
        axes.set_ylim(min(0.98 * float(values[0]), 0.9), 1.005)
        axes.set_xlim(0.5, 20.5)
        axes.set_xticks([1, 5, 10, 15, 20])
        axes.set_xlabel("rank")
        axes.set_ylabel("share of queries with a right video")
    return Figure("cmc", "Cumulative match characteristic over videos.", made.svg)
