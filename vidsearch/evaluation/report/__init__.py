"""Evaluation reports: a folder with figures, tables, scores and one HTML page."""

from vidsearch.evaluation.report.as_json import read_outline
from vidsearch.evaluation.report.left_out import LeftOutInputs, with_inputs
from vidsearch.evaluation.report.read import StoredReport, read_report
from vidsearch.evaluation.report.report import (
    Figure,
    Headline,
    ImageRow,
    ImageRows,
    LeftOut,
    Measure,
    Provenance,
    Report,
    ReportImage,
    ReportTable,
    Scores,
    Section,
)
from vidsearch.evaluation.report.write import check_target, write_report

__all__ = [
    "Figure",
    "Headline",
    "ImageRow",
    "ImageRows",
    "LeftOut",
    "LeftOutInputs",
    "Measure",
    "Provenance",
    "Report",
    "ReportImage",
    "ReportTable",
    "Scores",
    "Section",
    "StoredReport",
    "check_target",
    "read_outline",
    "read_report",
    "with_inputs",
    "write_report",
]
