"""Evaluation of templates (IJB-B, IJB-C): verification 1:1 and identification 1:N."""

from __future__ import annotations

import time

from vidsearch.evaluation.photo_embeddings import EmbeddingOptions
from vidsearch.evaluation.report import Report, with_inputs
from vidsearch.evaluation.templates.data import TemplateOptions, read_template_set
from vidsearch.evaluation.templates.measure import (
    TemplateFigures,
    identify,
    merge_galleries,
    verify,
)
from vidsearch.evaluation.templates.report import templates_report


def evaluate_templates(options: TemplateOptions, embedding: EmbeddingOptions) -> Report:
    """Read the lists, pool the templates, compare them, and return the report.

    Raises:
        ConfigError: Files that are malformed or do not match each other.
        ShapeError: An embedding that is not finite.
    """
    started = time.perf_counter()
    data = read_template_set(options, embedding)
    figures = TemplateFigures(
        verification=None if data.pairs is None else verify(data, options.threads),
        galleries=identify(data),
        merged=merge_galleries(data) if len(data.galleries) > 1 else None,
    )
    report = templates_report(options, embedding, data, figures, started)
    return with_inputs(report, data.left_out)
