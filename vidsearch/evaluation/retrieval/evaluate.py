"""Evaluation of the search on a labelled archive: labels in, report out."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from vidsearch.catalog import Catalog
from vidsearch.device import resolve_device
from vidsearch.evaluation.report import LeftOutInputs, Report, with_inputs
from vidsearch.evaluation.retrieval.labels import read_labels
from vidsearch.evaluation.retrieval.measure import RetrievalOptions, measure
from vidsearch.evaluation.retrieval.report import retrieval_report
from vidsearch.models.registry import LoadedPack, load_pack


def evaluate_retrieval(
    catalog: Catalog,
    labels_file: str | os.PathLike[str],
    options: RetrievalOptions,
    *,
    models: LoadedPack | None = None,
    progress: Callable[[Sequence[Any]], Iterable[Any]] = iter,
) -> Report:
    """Search an archive for every labelled person and return the report.

    Args:
        catalog: The archive.
        labels_file: CSV file; see :func:`vidsearch.evaluation.retrieval.labels.read_labels`.
        options: Options of the evaluation.
        models: The catalog's pack, loaded; None: it is loaded here.
        progress: Wraps the list of queries, e.g. ``tqdm``.

    Raises:
        ConfigError: The labels are malformed or do not match the catalog.
    """
    started = time.perf_counter()
    labels = read_labels(labels_file, catalog)
    if models is None:
        models = load_pack(catalog.pack, resolve_device(options.device))
    result = measure(catalog, labels, options, models=models, progress=progress)
    report = retrieval_report(
        catalog, labels, result, options, labels_file=labels_file, models=models, started=started
    )
    unreadable = LeftOutInputs()
    for photo in result.unreadable:
        unreadable.add("photo", "photo unreadable", photo)
    return with_inputs(report, (*labels.left_out, *unreadable.groups(), *labels.remarks))
