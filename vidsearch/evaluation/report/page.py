"""A report as one self-contained HTML page."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from vidsearch.evaluation.report import tables
from vidsearch.evaluation.report.report import Figure, Headline, Report, ReportImage, ReportTable
from vidsearch.text.html import document
from vidsearch.text.templates import render
from vidsearch.version import __version__

_JPEG_MARK = b"\xff\xd8\xff"


def to_html(report: Report) -> str:
    """Return a complete HTML document, to be written as UTF-8; it needs no other file."""
    body = render(
        "vidsearch.evaluation.report",
        "report.html",
        report=report,
        groups=_provenance(report),
        bar=_bar,
        is_table=lambda block: isinstance(block, ReportTable),
        is_figure=lambda block: isinstance(block, Figure),
        table_html=tables.to_html,
        svg_data=lambda figure: base64.b64encode(figure.svg.encode()).decode("ascii"),
        jpeg_data=_jpeg_data,
    )
    return document(report.title, body, _style())


@cache
def _style() -> str:
    return (
        files("vidsearch.evaluation.report").joinpath("evaluation.css").read_text(encoding="utf-8")
    )


def _bar(line: Headline) -> dict[str, str] | None:
    """Return the positions of a headline's bar in per cent, or None without a bar."""
    if line.bar is None:
        return None
    value, low, high = (100 * end for end in line.bar)
    return {
        "low": f"{low:.2f}",
        "width": f"{max(high - low, 0.6):.2f}",
        "value": f"{min(value, 99.2):.2f}",
    }


def _jpeg_data(image: ReportImage) -> str | None:
    """Return an image as base64, or None if there is no JPEG."""
    if image.jpeg is None or not image.jpeg.startswith(_JPEG_MARK):
        return None
    return base64.b64encode(image.jpeg).decode("ascii")


def _provenance(report: Report) -> dict[str, dict[str, str]]:
    """Return heading -> name -> value of everything the figures depend on."""
    origin = report.provenance
    software: dict[str, Any] = {"vidsearch": __version__}
    if origin.model_id:
        software["model"] = origin.model_id
    if origin.elapsed_s is not None:
        software["time"] = f"{origin.elapsed_s:.1f} s"
    groups: dict[str, Mapping[str, Any]] = {
        "Software": software,
        "Configuration": origin.configuration,
        "Data, sha256": origin.data,
        "Model files, sha256": origin.pack_files,
    }
    return {
        title: {str(key): _plain(value) for key, value in values.items()}
        for title, values in groups.items()
        if values
    }


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
