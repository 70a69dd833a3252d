"""Figures of the search on a labelled archive."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vidsearch.catalog import Catalog
from vidsearch.errors import ConfigError
from vidsearch.evaluation.metrics.open_set import OpenSetPoint, tpir_at_fpir
from vidsearch.evaluation.metrics.retrieval import Rankings
from vidsearch.evaluation.report.ranked_retrieval import RetrievalFigures
from vidsearch.evaluation.retrieval.labels import Labels
from vidsearch.evaluation.retrieval.query_results import (
    QueryResult,
    moment_flags,
    run_query,
    video_flags,
)
from vidsearch.models.registry import LoadedPack
from vidsearch.search.search import PhotoSearcher
from vidsearch.text.printable import printable

FPIRS = (0.01, 0.1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalOptions:
    """Options of the evaluation of an archive.

    Attributes:
        together: True: all photos of a person are one query; False: each photo is a query.
        worst: Number of worst queries in the report.
        device: Device of the models.
    """

    together: bool = False
    worst: int = 8
    device: str = "auto"


@dataclass(frozen=True, slots=True, eq=False)
class RetrievalResult:
    """All measured values, before the report is rendered.

    Attributes:
        videos: Figures over videos, for queries of people who are in the archive.
        moments: Figures over labelled times; None if a label has no time.
        open_set: One point per FPIR; empty without queries for absent people.
        present: Results of the queries for people who are in the archive.
        absent: Results of the queries for people who are not in the archive.
        unreadable: Photos that cannot be read; queries without another photo are in no figure.
    """

    videos: RetrievalFigures
    moments: RetrievalFigures | None
    open_set: tuple[OpenSetPoint, ...]
    present: tuple[QueryResult, ...]
    absent: tuple[QueryResult, ...]
    unreadable: tuple[str, ...] = ()


def measure(
    catalog: Catalog,
    labels: Labels,
    options: RetrievalOptions,
    *,
    models: LoadedPack | None = None,
    progress: Callable[[Sequence[Any]], Iterable[Any]] = iter,
) -> RetrievalResult:
    """Search for every labelled person and compare the hits with the labels.

    Args:
        catalog: The archive.
        labels: See :func:`vidsearch.evaluation.retrieval.labels.read_labels`.
        options: Options of the evaluation.
        models: The catalog's pack, loaded; None: it is loaded here.
        progress: Wraps the list of queries, e.g. ``tqdm``.

    Raises:
        ConfigError: No query is for a person who is in the archive, or none of their photos can be
            read.
    """
    searcher = PhotoSearcher(catalog, models, options.device)
    tracks = catalog.status().tracks
    queries = labels.queries(together=options.together)
    all_results = [run_query(searcher, query, tracks) for query in progress(queries)]
    unreadable = tuple(photo for result in all_results for photo in result.unreadable)
    results = [result for result in all_results if result.usable]
    if not any(labels.people[r.query.identity].spans for r in results) and unreadable:
        raise ConfigError(
            f"{len(unreadable)} photos cannot be read, e.g. '{printable(unreadable[0])}', and no "
            "query is left; check the photos"
        )
    present = [r for r in results if labels.people[r.query.identity].spans]
    absent = [r for r in results if not labels.people[r.query.identity].spans]
    people = [labels.people[r.query.identity] for r in present]
    names = [r.query.name for r in present]
    identities = [r.query.identity for r in present]
    pairs = list(zip(present, people, strict=True))
    videos = Rankings.of([video_flags(r, p) for r, p in pairs], [len(p.spans) for p in people])
    timed = None
    if labels.timed:
        timed = Rankings.of([moment_flags(r, p) for r, p in pairs], [p.appearances for p in people])
    return RetrievalResult(
        videos=RetrievalFigures.of(videos, names, identities),
        moments=RetrievalFigures.of(timed, names, identities) if timed is not None else None,
        open_set=_open_set(present, absent, labels),
        present=tuple(present),
        absent=tuple(absent),
        unreadable=unreadable,
    )


def _open_set(
    present: Sequence[QueryResult], absent: Sequence[QueryResult], labels: Labels
) -> tuple[OpenSetPoint, ...]:
    if not absent:
        return ()

    def top(result: QueryResult) -> float:
        return result.hits[0].similarity if result.hits else -np.inf

    right = [
        bool(r.hits) and r.hits[0].video_id in labels.people[r.query.identity].spans
        for r in present
    ]
    scores = [top(result) for result in present]
    alarms = [top(result) for result in absent]
    return tuple(tpir_at_fpir(scores, right, alarms, fpir=fpir) for fpir in FPIRS)
