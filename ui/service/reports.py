"""Evaluation reports: list, open and compare."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ui.service.allowed_folders import checked_folder, folders_with
from vidsearch.errors import ConfigError
from vidsearch.evaluation.compare import compare_reports
from vidsearch.evaluation.report import (
    Headline,
    Report,
    ReportTable,
    Section,
    StoredReport,
    read_outline,
    read_report,
)
from vidsearch.evaluation.report.report import Cell
from vidsearch.text.parse import read_json
from vidsearch.text.printable import printable

_METRICS = "metrics.json"
RESAMPLES = 1000
_WHOLE_NUMBER = re.compile(r"-?[0-9]+")
_NUMBER = re.compile(r"-?[0-9]+\.?[0-9]*([eE][+-]?[0-9]+)?")


@dataclass(frozen=True, slots=True)
class ListedReport:
    """A report that can be opened."""

    folder: Path
    kind: str
    title: str
    written: datetime


@dataclass(frozen=True, slots=True, eq=False)
class OpenedReport:
    """An opened report.

    Attributes:
        stored: Metrics, scores and provenance.
        lead: Description of the data.
        headlines: Main figures.
        sections: Tables, figures and images in order.
        complete: False for a report of an older version, of which only tables are stored.
    """

    stored: StoredReport
    lead: str
    headlines: tuple[Headline, ...]
    sections: tuple[Section, ...]
    complete: bool = True


def list_reports(allowed: Sequence[str]) -> tuple[ListedReport, ...]:
    """Return the reports below the allowed folders, newest first; other folders are left out."""
    reports = []
    for folder in folders_with(_METRICS, allowed):
        try:
            document = read_json((folder / _METRICS).read_text(encoding="utf-8"))
            written = datetime.fromtimestamp((folder / _METRICS).stat().st_mtime, UTC)
            if "format" in document:
                entry = ListedReport(folder, str(document["kind"]), str(document["title"]), written)
                reports.append(entry)
        except (OSError, ValueError, KeyError, TypeError):
            continue  # a metrics.json of another program
    return tuple(reports)


def written_at(folder: str, allowed: Sequence[str]) -> int:
    """Return the time stamp of a report, nanoseconds; 0 if there is no report.

    Raises:
        ConfigError: The folder is not allowed.
    """
    try:
        return (checked_folder(folder, allowed) / _METRICS).stat().st_mtime_ns
    except OSError:
        return 0


def open_report(folder: str, allowed: Sequence[str]) -> OpenedReport:
    """Read a report.

    Raises:
        ConfigError: The folder is not allowed, holds no report, or the report is damaged.
    """
    path = checked_folder(folder, allowed)
    stored = read_report(path)
    outline = read_outline(path)
    if outline is not None:
        return OpenedReport(stored, *outline)
    tables = tuple(_read_table(table) for table in sorted((path / "tables").glob("*.csv")))
    sections = (Section("Tables", "", tables),) if tables else ()
    return OpenedReport(stored, "", (), sections, complete=False)


def compare_folders(a: str, b: str, allowed: Sequence[str]) -> Report:
    """Compare report B with report A by paired bootstrap.

    Raises:
        ConfigError: A report cannot be opened, or the two cannot be compared.
    """
    first, second = (read_report(checked_folder(folder, allowed)) for folder in (a, b))
    if first.folder == second.folder:
        raise ConfigError("choose two different reports; A and B are the same report")
    return compare_reports(first, second, resamples=RESAMPLES)


def provenance(stored: StoredReport) -> dict[str, str]:
    """Return folder, version, model, time, configuration and data hashes of a report."""
    document = stored.document
    model = document.get("model") or {}
    elapsed = document.get("elapsed_s")
    lines = {
        "folder": str(stored.folder),
        "vidsearch": str(document.get("vidsearch", "")),
        "model": str(model.get("model_id", "")),
        "time": f"{elapsed:.1f} s" if isinstance(elapsed, int | float) else "",
    }
    for name in ("configuration", "data_sha256"):
        for key, value in (document.get(name) or {}).items():
            lines[f"{'data' if name == 'data_sha256' else name}: {key}"] = _plain(value)
    return {printable(name): printable(value) for name, value in lines.items() if value}


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _read_table(path: Path) -> ReportTable:
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            head, *rows = list(csv.reader(stream))
        cells = tuple(tuple(_cell(cell) for cell in row) for row in rows)
        return ReportTable(path.stem, path.stem.replace("-", " "), tuple(head), cells)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} is damaged ({error}); evaluate again") from error


def _cell(text: str) -> Cell:
    # Python's own conversions also accept names such as "2024_05", "Infinity" and "nan".
    if _WHOLE_NUMBER.fullmatch(text):
        return int(text)
    if _NUMBER.fullmatch(text):
        return float(text)
    return text if text else None
