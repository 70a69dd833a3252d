"""Evaluation among distractors: MegaFace and Trillion-Pairs."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from vidsearch.errors import ConfigError, ShapeError
from vidsearch.evaluation.distractors.measure import DistractorOptions, Mapper, measure_rows
from vidsearch.evaluation.distractors.report import distractors_report
from vidsearch.evaluation.metrics.distractors import DISTRACTOR
from vidsearch.evaluation.protocols.vectors import open_vectors, read_names, read_noise
from vidsearch.evaluation.report import Report


def evaluate_distractors(options: DistractorOptions, mapper: Mapper = map) -> Report:
    """Stream all pairs and return the report.

    Args:
        options: Inputs and operating points.
        mapper: Runs the tasks, one per part of the gallery.

    Raises:
        ConfigError: Files that are malformed or do not match each other; see the readers.
        ShapeError: Probes and gallery of different dimensions, or unusable vectors.
    """
    started = time.perf_counter()
    probes, gallery = open_vectors(options.probes), open_vectors(options.gallery)
    if probes.shape[1] != gallery.shape[1]:
        raise ShapeError(
            f"{options.probes.name} has {probes.shape[1]} numbers per row, {options.gallery.name} "
            f"{gallery.shape[1]}; embed both with one model"
        )
    names, people = read_names(options.probe_list, len(probes), subjects=True)
    numbers = {subject: number for number, subject in enumerate(dict.fromkeys(people))}
    labels = np.array([numbers[subject] for subject in people], np.int64)
    gallery_names, subjects = _gallery_names(options, len(gallery), numbers)
    all_rows = np.ones(len(labels), bool), np.ones(len(gallery), bool)
    figures = {"all": measure_rows(options, mapper, labels, subjects, all_rows)}
    if options.noise:
        keep_probes, keep_gallery = read_noise(options.noise, names, gallery_names)
        clean_rows = keep_probes, keep_gallery
        figures["R"] = measure_rows(options, mapper, labels, subjects, clean_rows)
    return distractors_report(options, figures, time.perf_counter() - started)


def _gallery_names(
    options: DistractorOptions, rows: int, numbers: dict[str, int]
) -> tuple[list[str], NDArray[np.int64] | None]:
    """Return the names of the gallery rows and, if the list has them, their (G,) subjects."""
    if options.gallery_list is None:
        if options.noise or options.gallery_subjects:
            raise ConfigError("noise lists and subjects of the gallery need --gallery-list")
        return [], None
    names, subjects = read_names(options.gallery_list, rows, subjects=options.gallery_subjects)
    if not options.gallery_subjects:
        return names, None
    return names, np.array([numbers.get(subject, DISTRACTOR) for subject in subjects], np.int64)
