"""Evaluation page: open, read and compare reports."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from ui.components.charts import curve_chart, interval_chart
from ui.components.choices import choose_one
from ui.components.context import errors_shown, readable_folders
from ui.components.markup import markdown
from ui.components.report_markup import headlines, image_rows
from ui.service.curves import Curve, Intervals, curves, intervals
from ui.service.reports import (
    RESAMPLES,
    ListedReport,
    OpenedReport,
    compare_folders,
    list_reports,
    open_report,
    provenance,
    written_at,
)
from vidsearch.evaluation.report import Figure, ImageRows, ReportTable
from vidsearch.evaluation.report.report import Block
from vidsearch.evaluation.report.tables import to_html
from vidsearch.text.html import text
from vidsearch.text.labels import distinct_labels

_OTHER = ""
_LIST_TTL_S = 20.0
_MAX_CACHED = 4
"""Cached reports: a report of millions of pairs takes seconds to read and draw."""


@st.cache_data(ttl=_LIST_TTL_S, show_spinner="Looking for reports ...")
def _listed_reports(allowed: tuple[str, ...]) -> tuple[ListedReport, ...]:
    return list_reports(allowed)


@st.cache_resource(max_entries=_MAX_CACHED, show_spinner="Reading the report ...")
def _read_report(
    folder: str,
    allowed: tuple[str, ...],
    stamp: int,  # noqa: ARG001 (part of the cache key: a rewritten report is read again)
) -> tuple[OpenedReport, tuple[Curve, ...]]:
    report = open_report(folder, allowed)
    return report, curves(report.stored)


def render() -> None:
    """Draw the page."""
    st.title("Evaluation", anchor=False)
    allowed = readable_folders()
    listed = _listed_reports(allowed)
    with errors_shown():
        reading, comparing = st.tabs(["Read a report", "Compare two"])
        with reading, errors_shown():
            folder = _choose_report(listed, "Report", "report")
            if folder:
                _show_report(*_read_report(folder, allowed, written_at(folder, allowed)))
            else:
                _show_no_report(listed, allowed)
        with comparing, errors_shown():
            _show_comparison(listed, allowed)


def _show_no_report(listed: Sequence[ListedReport], allowed: Sequence[str]) -> None:
    if listed:
        return
    searched = ", ".join(map(markdown, allowed)) if allowed else "no folder is allowed"
    st.info(
        f"No report yet (searched: {searched}). `vidsearch evaluate` writes one; keep it in a "
        "folder **reports** beside the catalog, or start the app with **--root FOLDER**.",
        icon=":material/monitoring:",
    )
    st.code(
        "vidsearch evaluate retrieval CATALOG --labels labels.csv --out reports/first",
        language=None,
    )


def _choose_report(listed: Sequence[ListedReport], label: str, key: str, default: int = 0) -> str:
    """Show a box to choose or name a report; return its folder, or empty text.

    Args:
        listed: Reports, newest first.
        label: Label of the box.
        key: Key of the box, unique on the page.
        default: Index of the report chosen at first.
    """
    labels = distinct_labels(
        {
            str(r.folder): f"{r.title}  ·  {r.folder.name}, {r.written:%Y-%m-%d %H:%M}"
            for r in listed
        },
        {str(report.folder): str(report.folder.parent) for report in listed},
    )
    labels[_OTHER] = "Another folder ..."
    if not listed:
        return st.text_input("Folder of a report on the server", key=f"{key}-folder").strip()
    folder = choose_one(label, labels, key=key, default=default)
    if not folder:
        folder = st.text_input("Folder of a report on the server", key=f"{key}-folder").strip()
    return folder


def _show_report(report: OpenedReport, report_curves: Sequence[Curve]) -> None:
    stored = report.stored
    st.subheader(markdown(stored.title), anchor=False)
    if report.lead:
        st.write(markdown(report.lead))
    if not report.complete:
        st.caption(
            "Written by an older version, which stored tables only. "
            "Evaluate again to see figures and images."
        )
    if report.headlines:
        st.html(headlines(report.headlines))
    drawn = {curve.name: curve for curve in report_curves}
    for section in report.sections:
        st.subheader(markdown(section.title), divider="gray", anchor=False)
        if section.text:
            st.write(markdown(section.text))
        for block in section.blocks:
            _show_block(block, drawn)
    if drawn:
        st.subheader("Curves", divider="gray", anchor=False)
        columns = st.columns(2, gap="large")
        for number, curve in enumerate(drawn.values()):
            with columns[number % 2]:
                _show_curve(curve)
    with st.expander("Provenance of the figures", icon=":material/fact_check:"):
        for line in stored.document.get("conventions", []):
            st.caption(markdown(str(line)))
        rows = [{"": name, "value": value} for name, value in provenance(stored).items()]
        st.dataframe(pd.DataFrame(rows), hide_index=True, width="stretch")


def _show_block(block: Block, drawn: dict[str, Curve]) -> None:
    if isinstance(block, ReportTable):
        _show_table(block)
    elif isinstance(block, ImageRows):
        st.html(image_rows(block))
    elif block.name.removeprefix("figure-8-") in drawn:
        _show_curve(drawn.pop(block.name.removeprefix("figure-8-")))
    elif block.svg:
        _show_figure(block)


def _show_figure(figure: Figure) -> None:
    # An SVG inside an img element runs no script and fetches nothing.
    data = base64.b64encode(figure.svg.encode()).decode("ascii")
    st.html(
        f'<figure class="vs-figure"><img src="data:image/svg+xml;base64,{data}" '
        f'alt="{text(figure.caption)}"><figcaption>{text(figure.caption)}</figcaption></figure>'
    )


def _show_curve(curve: Curve) -> None:
    st.markdown(f"**{markdown(curve.title)}**")
    st.altair_chart(curve_chart(curve), width="stretch", key=f"curve-{curve.name}")


def _show_table(table: ReportTable) -> None:
    table_intervals = intervals(table)
    if table_intervals is not None:
        st.altair_chart(
            interval_chart(table_intervals), width="stretch", key=f"intervals-{table.name}"
        )
    st.html(to_html(table))


def _show_comparison(listed: Sequence[ListedReport], allowed: Sequence[str]) -> None:
    if len(listed) < 2:
        st.info(
            "Two reports of one kind over the same data can be compared, for example before and "
            "after a change of model.",
            icon=":material/compare_arrows:",
        )
        return
    left, right = st.columns(2)
    # Default: the newest report, and the next older one of the same kind.
    older = [row for row, report in enumerate(listed) if row and report.kind == listed[0].kind]
    with left:
        a = _choose_report(listed, "A", "compare-a", default=older[0] if older else 1)
    with right:
        b = _choose_report(listed, "B", "compare-b")
    if not a or not b or not st.button("Compare", type="primary", key="compare"):
        st.caption(
            f"Paired bootstrap: both reports are scored on the same {RESAMPLES:,} resamples of "
            "their common people."
        )
        return
    with st.spinner("Resampling ..."):
        report = compare_folders(a, b, allowed)
    st.write(markdown(report.lead))
    st.html(headlines(report.headlines))
    lines = report.metrics
    names = tuple(lines)
    st.altair_chart(
        interval_chart(
            Intervals(
                "B minus A",
                names,
                tuple(lines[name]["difference"] for name in names),
                tuple(lines[name]["interval"][0] for name in names),
                tuple(lines[name]["interval"][1] for name in names),
            ),
            zero=True,
        ),
        width="stretch",
    )
    for table in report.tables:
        st.html(to_html(table))
