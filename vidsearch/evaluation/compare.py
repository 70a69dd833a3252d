"""Comparison of two reports by paired bootstrap."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidsearch.errors import ConfigError
from vidsearch.evaluation.metrics.paired import (
    Comparison,
    Weighted,
    compare,
    weighted_equal_error_rate,
    weighted_mean,
    weighted_tar,
)
from vidsearch.evaluation.report.read import StoredReport
from vidsearch.evaluation.report.report import (
    Figure,
    Headline,
    Measure,
    Provenance,
    Report,
    ReportTable,
    Scores,
    Section,
)
from vidsearch.evaluation.report.svg import COLOURS, INK, svg_figure

CONVENTION = (
    "paired bootstrap: both reports are scored on the same resamples of the rows they share. Whole "
    "people are drawn with replacement (rows, if people are unknown); the weight of a pair of "
    "people is the product of their counts. The interval is the middle 95 % of the differences"
)


def compare_reports(
    a: StoredReport, b: StoredReport, *, resamples: int = 2000, seed: int = 0
) -> Report:
    """Return a report on every measure that both reports have scores for.

    Args:
        a: First report.
        b: Second report.
        resamples: Number of resamples.
        seed: Seed of the random numbers.

    Raises:
        ConfigError: The reports are of different kinds, one has no scores, or they share no row or
            no measure.
    """
    started = time.perf_counter()
    scores_a, scores_b = _comparable(a, b)
    rows_a, rows_b = _shared_rows(scores_a, scores_b)
    groups = _groups(scores_a, rows_a)
    names_b = {measure.name for measure in scores_b.measures}
    measures = [measure for measure in scores_a.measures if measure.name in names_b]
    if not measures:
        raise ConfigError(f"{a.folder} and {b.folder} have no measure in common")
    comparisons = [
        (
            measure,
            compare(
                _weighted(measure, scores_a, rows_a),
                _weighted(measure, scores_b, rows_b),
                groups,
                resamples=resamples,
                seed=seed,
            ),
        )
        for measure in measures
    ]
    left_out = max(len(scores_a.columns["id"]), len(scores_b.columns["id"])) - len(rows_a)
    return _report(a, b, comparisons, (len(rows_a), left_out, resamples, seed, started))


def verdict(measure: Measure, comparison: Comparison) -> str:
    """Return "B is better", "A is better" or "no difference shown"."""
    if comparison.low <= 0 <= comparison.high:
        return "no difference shown"
    return "B is better" if (comparison.low > 0) == measure.higher_is_better else "A is better"


def _comparable(a: StoredReport, b: StoredReport) -> tuple[Scores, Scores]:
    if a.kind != b.kind:
        raise ConfigError(
            f"{a.folder} is a report on {a.kind}, {b.folder} is a report on {b.kind}; compare "
            "reports of one kind"
        )
    for report in (a, b):
        if report.scores is None:
            raise ConfigError(f"{report.folder} holds no scores per row, so it cannot be compared")
    assert a.scores is not None
    assert b.scores is not None
    return a.scores, b.scores


def _shared_rows(a: Scores, b: Scores) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    row_in_b = {str(name): row for row, name in enumerate(b.columns["id"])}
    shared = [
        (row, row_in_b[str(name)])
        for row, name in enumerate(a.columns["id"])
        if str(name) in row_in_b
    ]
    if not shared:
        raise ConfigError(
            f"the reports share no {a.unit}: they were made from different data; evaluate both on "
            "the same data"
        )
    rows = np.array(shared, np.intp)
    return rows[:, 0], rows[:, 1]


def _groups(scores: Scores, rows: NDArray[np.intp]) -> tuple[NDArray[np.intp], ...]:
    """Return the people of every row as numbers; a row of unknown people is its own group."""
    if not scores.identities:
        return (np.arange(len(rows)),)
    numbers: dict[tuple[str, int], int] = {}
    columns = []
    for name in scores.identities:
        column = np.asarray(scores.columns[name])[rows]
        keys = [(str(person), -1) if person else ("", row) for row, person in enumerate(column)]
        columns.append(np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.intp))
    return tuple(columns)


def _weighted(measure: Measure, scores: Scores, rows: NDArray[np.intp]) -> Weighted:
    def column(name: str) -> NDArray[np.float64]:
        if name not in scores.columns:
            raise ConfigError(f"scores lack the column {name!r} of measure {measure.name!r}")
        return np.asarray(scores.columns[name], np.float64)[rows]

    if measure.kind == "mean":
        return weighted_mean(column(measure.column))
    similarities, genuine = column("similarity"), column("genuine")
    if measure.kind == "tar_at_far":
        return weighted_tar(similarities, genuine, far=measure.far)
    if measure.kind == "equal_error_rate":
        return weighted_equal_error_rate(similarities, genuine)
    raise ConfigError(f"measure {measure.name!r} has the unknown kind {measure.kind!r}")


def _report(
    a: StoredReport,
    b: StoredReport,
    comparisons: list[tuple[Measure, Comparison]],
    counts: tuple[int, int, int, int, float],
) -> Report:
    rows, left_out, resamples, seed, started = counts
    assert a.scores is not None
    same_data = a.document.get("data_sha256") == b.document.get("data_sha256")
    notes = (
        f"A: {a.title} ({a.folder.name}). B: {b.title} ({b.folder.name}). "
        f"{rows:,} {a.scores.unit} rows are in both."
    )
    if left_out:
        notes += f" {left_out:,} rows that are in one report only are left out."
    if not same_data:
        notes += " The data files of the two reports differ, so differences may come from the data."
    headlines = [
        Headline(
            f"{measure.name}: {verdict(measure, line)}",
            f"{line.difference:+.4f}",
            f"95 % interval {line.low:+.4f} to {line.high:+.4f}",
        )
        for measure, line in comparisons
    ]
    sides = ReportTable(
        "sides",
        "Compared reports",
        ("", "title", "model", "folder"),
        tuple(
            (
                name,
                side.title,
                str(side.document.get("model", {}).get("model_id", "")),
                side.folder.name,
            )
            for name, side in (("A", a), ("B", b))
        ),
    )
    return Report(
        kind="comparison",
        title="Is B better?",
        lead=notes,
        conventions=(CONVENTION, *(str(line) for line in a.document.get("conventions", []))),
        headlines=tuple(headlines),
        metrics={measure.name: _numbers(measure, line) for measure, line in comparisons},
        provenance=Provenance(
            configuration={
                "a": str(a.folder),
                "b": str(b.folder),
                "resamples": resamples,
                "seed": seed,
            },
            data={
                f"{side}/{name}": str(value)
                for side, report in (("a", a), ("b", b))
                for name, value in report.document.get("data_sha256", {}).items()
            },
            elapsed_s=time.perf_counter() - started,
        ),
        sections=(
            Section("Side by side", "", (sides, _table(comparisons))),
            Section("Differences", "", (_figure(comparisons),)),
        ),
    )


def _numbers(measure: Measure, line: Comparison) -> dict[str, Any]:
    return {
        "a": line.a,
        "b": line.b,
        "difference": line.difference,
        "interval": [line.low, line.high],
        "b_above": line.b_above,
        "resamples": line.resamples,
        "verdict": verdict(measure, line),
    }


def _table(comparisons: list[tuple[Measure, Comparison]]) -> ReportTable:
    return ReportTable(
        "comparison",
        "B minus A, with 95 % intervals",
        ("measure", "A", "B", "difference", "from", "to", "B above A", "verdict"),
        tuple(
            (m.name, c.a, c.b, c.difference, c.low, c.high, c.b_above, verdict(m, c))
            for m, c in comparisons
        ),
    )


def _figure(comparisons: list[tuple[Measure, Comparison]]) -> Figure:
    with svg_figure(size_in=(6.4, 1.0 + 0.45 * len(comparisons))) as figure:
        axes = figure.axes[0]
        for row, (measure, line) in enumerate(reversed(comparisons)):
            colour = COLOURS[7] if line.low <= 0 <= line.high else COLOURS[0]
            if verdict(measure, line) == "A is better":
                colour = COLOURS[1]
            axes.plot([line.low, line.high], [row, row], color=colour, linewidth=3)
            axes.plot([line.difference], [row], "o", color=colour, markersize=7)
        axes.axvline(0, color=INK, linewidth=1)
        axes.set_yticks(
            range(len(comparisons)), [measure.name for measure, _ in reversed(comparisons)]
        )
        axes.set_ylim(-0.6, len(comparisons) - 0.4)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("B minus A")
    caption = "Difference of every measure (dot) and its 95 % interval (line); 0: no difference."
    return Figure("differences", caption, figure.svg)
