"""Writing a report folder, which appears complete or not at all."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from vidsearch.errors import ConfigError
from vidsearch.evaluation.report import page, tables
from vidsearch.evaluation.report.as_json import write_outline
from vidsearch.evaluation.report.report import Report, Scores
from vidsearch.storage.files import arrow_file, folder_mode
from vidsearch.text.json_text import valid_json
from vidsearch.text.names import portable_name
from vidsearch.text.printable import quoted, valid_unicode
from vidsearch.version import __version__

METRICS = "metrics.json"
SCORES = "scores.parquet"
PAGE = "report.html"
FORMAT = 1


def check_target(folder: str | os.PathLike[str]) -> Path:
    """Return the path of a report folder, checked before the evaluation starts.

    A folder that holds a report may be replaced. Any other folder with files is refused.

    Raises:
        ConfigError: The path is a file or link, or a folder with other files than a report's.
    """
    target = Path(folder)
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise ConfigError(f"--out {quoted(folder)} is not a folder; name a new one")
    if target.is_dir() and any(target.iterdir()) and not (target / METRICS).is_file():
        raise ConfigError(
            f"--out {quoted(folder)} holds other files than a report's; name a new folder"
        )
    return target


def write_report(report: Report, folder: str | os.PathLike[str]) -> Path:
    """Write ``metrics.json``, ``report.html``, ``tables/``, ``figures/`` and ``scores.parquet``.

    ``outline.json`` and ``pictures/`` hold the content of the page for other front ends.

    Returns:
        Path of the folder.

    Raises:
        ConfigError: See :func:`check_target`; or the folder cannot be written.
    """
    target = check_target(folder)
    try:
        target.absolute().parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=".report-", dir=target.absolute().parent))
        try:
            _write_files(partial, report)
            _publish(partial, target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        raise ConfigError(
            f"--out {quoted(folder)} cannot be written ({error.strerror}); name another folder"
        ) from error
    return target


def _publish(partial: Path, target: Path) -> None:
    partial.chmod(folder_mode())  # mkdtemp gives access to this user only
    if not target.exists() or not any(target.iterdir()):
        partial.replace(target)
        return
    old = Path(tempfile.mkdtemp(prefix=".report-old-", dir=target.absolute().parent))
    target.replace(old)
    partial.replace(target)
    shutil.rmtree(old, ignore_errors=True)


def _write_files(folder: Path, report: Report) -> None:
    (folder / METRICS).write_text(
        json.dumps(_metrics(report), indent=2, ensure_ascii=False, allow_nan=False) + "\n",
        encoding="utf-8",
    )
    for name, content in (("tables", report.tables), ("figures", report.figures)):
        if content:
            (folder / name).mkdir()
    for table in report.tables:
        stem = folder / "tables" / table.name
        stem.with_suffix(".csv").write_text(tables.to_csv(table), encoding="utf-8", newline="")
        stem.with_suffix(".md").write_text(tables.to_markdown(table), encoding="utf-8")
    for figure in report.figures:
        path = folder / "figures" / f"{figure.name}.svg"
        path.write_text(figure.svg, encoding="utf-8")
    (folder / PAGE).write_text(page.to_html(report), encoding="utf-8")
    write_outline(folder, report)
    if report.scores is not None:
        _write_scores(folder / SCORES, report.scores)


def _metrics(report: Report) -> dict[str, Any]:
    origin = report.provenance
    metrics: dict[str, Any] = {
        "format": FORMAT,
        "kind": report.kind,
        "title": report.title,
        "vidsearch": __version__,
        "conventions": list(report.conventions),
        "metrics": report.metrics,
        "configuration": origin.configuration,
        "data_sha256": origin.data,
        "dataset": origin.dataset,
        "model": {
            "model_id": origin.model_id,
            "pack": origin.pack,
            "files_sha256": origin.pack_files,
        },
        "elapsed_s": origin.elapsed_s,
        "left_out": _groups(report, remark=False),
        "remarks": _groups(report, remark=True),
        "passed_over": report.passed_over,
    }
    if report.scores is not None:
        metrics["scores"] = {
            "unit": report.scores.unit,
            "identities": list(report.scores.identities),
            "measures": [
                {
                    "name": measure.name,
                    "kind": measure.kind,
                    "column": measure.column,
                    "far": measure.far,
                    "higher_is_better": measure.higher_is_better,
                }
                for measure in report.scores.measures
            ],
        }
    plain: dict[str, Any] = valid_json(_plain(metrics))
    return plain


def _groups(report: Report, *, remark: bool) -> list[dict[str, Any]]:
    columns = ("unit", "count", "reason", "names")
    groups = (group for group in report.left_out if group.remark == remark)
    return [{column: getattr(group, column) for column in columns} for group in groups]


def _plain(value: Any) -> Any:
    """Return a value as JSON types."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, os.PathLike):
        return portable_name(os.fspath(value))
    return value


def _valid_column(values: Any) -> Any:
    """Return a column whose texts Parquet can hold."""
    if np.asarray(values).dtype.kind not in "OU":
        return values
    return [valid_unicode(value) if isinstance(value, str) else value for value in values]


def _write_scores(path: Path, scores: Scores) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {name: _valid_column(values) for name, values in scores.columns.items()}
    with arrow_file(path, "wb") as file:
        pq.write_table(pa.table(columns), file, compression="zstd")
