"""Evaluation of the steps in Table 9 of ArcFace on a labelled set."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from vidsearch.errors import ConfigError
from vidsearch.evaluation.ablation.data import LabelledSet
from vidsearch.evaluation.ablation.measure import AblationOptions, measure_steps
from vidsearch.evaluation.ablation.report import ablation_report
from vidsearch.evaluation.report import Report, with_inputs


def evaluate_ablation(
    data: LabelledSet, options: AblationOptions, configuration: Mapping[str, Any]
) -> Report:
    """Measure every step of the ablation and return the report.

    Args:
        data: The labelled set.
        options: Steps to measure.
        configuration: All options, recorded in the report.

    Raises:
        ConfigError: Too few training clips for the MLP, or no identity has a test clip.
    """
    started = time.perf_counter()
    if options.mlp and data.training.sum() < 2 * len(data.classes):
        raise ConfigError(
            f"the MLP needs about two training clips per identity; got {int(data.training.sum())} "
            f"clips of {len(data.classes)} identities; pass --no-mlp"
        )
    steps = measure_steps(data, options)
    report = ablation_report(data, steps, configuration, time.perf_counter() - started)
    return with_inputs(report, data.unusable, data.passed_over)
