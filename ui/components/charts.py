"""Interactive charts, in colours that suit light and dark pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import altair as alt
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ui.service.curves import Curve, Intervals
from ui.service.runs import TrainingRun

COLOURS = ("#2a8aa3", "#cf6a3c", "#5f9d4f", "#8a63c9", "#b0851a", "#c0488f")
_HEIGHT = 300
_LEGEND = 50
AnyChart: TypeAlias = alt.Chart | alt.LayerChart | alt.FacetChart
_GREY = "#8996a3"


def curve_chart(curve: Curve) -> AnyChart:
    """Return the chart of a report's curve."""
    table = pd.concat(
        [pd.DataFrame({"x": x, "y": y, "line": name}) for name, (x, y) in curve.lines.items()]
    )
    names = list(curve.lines)
    scale = alt.Scale(type="log") if curve.log_x else alt.Scale(zero=False, nice=False)
    base = alt.Chart(table).encode(
        x=alt.X("x:Q", title=curve.x, scale=scale),
        y=alt.Y("y:Q", title=curve.y, scale=alt.Scale(zero=curve.shape == "area")),
        color=_colour("line", names),
        tooltip=[
            alt.Tooltip("line:N", title="line"),
            alt.Tooltip("x:Q", title=curve.x, format=".4~g"),
            alt.Tooltip("y:Q", title=curve.y, format=".4f"),
        ],
    )
    if curve.shape == "area":
        chart = base.mark_area(opacity=0.45, interpolate="step", line=True).encode(
            y=alt.Y("y:Q", title=curve.y, stack=None)
        )
    elif curve.shape == "step":
        chart = base.mark_line(interpolate="step-after", strokeWidth=2.5)
    elif curve.shape == "points":
        chart = base.mark_line(strokeWidth=2.5, point=alt.OverlayMarkDef(size=45))
    else:
        chart = base.mark_line(strokeWidth=2.5)
    return _interactive(chart, _HEIGHT + _LEGEND * (len(names) > 1))


def interval_chart(intervals: Intervals, *, zero: bool = False) -> AnyChart:
    """Return a chart of values as dots and their intervals as lines, one row each.

    Args:
        intervals: Values with lower and upper limits.
        zero: Draw a line at 0, where the two compared reports are equal.
    """
    table = pd.DataFrame(
        {
            "row": intervals.labels,
            "value": intervals.values,
            "low": intervals.low,
            "high": intervals.high,
        }
    )
    rows = alt.Y("row:N", title=None, sort=None, axis=alt.Axis(labelLimit=260))
    tips = [
        alt.Tooltip("row:N", title=" "),
        alt.Tooltip("value:Q", title=intervals.measure, format=".4f"),
        alt.Tooltip("low:Q", title="from", format=".4f"),
        alt.Tooltip("high:Q", title="to", format=".4f"),
    ]
    base = alt.Chart(table).encode(y=rows, tooltip=tips)
    layers: list[alt.Chart] = [
        base.mark_rule(strokeWidth=4, opacity=0.5, color=COLOURS[0]).encode(
            x=alt.X("low:Q", title=intervals.measure, scale=alt.Scale(zero=zero)), x2="high:Q"
        ),
        base.mark_circle(size=110, opacity=1, color=COLOURS[0]).encode(x="value:Q"),
    ]
    if zero:
        line = alt.Chart(pd.DataFrame({"zero": [0.0]})).mark_rule(color=_GREY, strokeDash=[4, 3])
        layers.insert(0, line.encode(x="zero:Q"))
    return _interactive(alt.layer(*layers), 34 * len(intervals.labels) + 80)


def run_chart(
    run: TrainingRun, names: Sequence[str], y: str, *, log_y: bool = False
) -> AnyChart | None:
    """Return metrics of a run over its steps; None if none of them is logged."""
    logged = [name for name in names if name in run.columns]
    if not logged:
        return None
    table = pd.concat(
        [
            pd.DataFrame({"step": run.columns[n][0], "value": run.columns[n][1], "line": n})
            for n in logged
        ]
    )
    positive = bool((table["value"] > 0).all())
    scale = alt.Scale(type="log" if log_y and positive else "linear", zero=False)
    chart = (
        alt.Chart(table)
        .mark_line(strokeWidth=2, point=len(table) < 40)
        .encode(
            x=alt.X("step:Q", title="step"),
            y=alt.Y("value:Q", title=y, scale=scale),
            color=_colour("line", logged),
            tooltip=[
                alt.Tooltip("step:Q", format=","),
                alt.Tooltip("value:Q", title=y, format=".4~g"),
                alt.Tooltip("line:N", title="line"),
            ],
        )
    )
    return _interactive(chart, _HEIGHT + _LEGEND * (len(logged) > 1))


def validation_chart(run: TrainingRun) -> AnyChart | None:
    """Return verification accuracy over the steps, with one standard deviation over folds."""
    if not run.validations:
        return None
    table = pd.DataFrame(run.validations, columns=["step", "accuracy", "std", "best"])
    table["low"], table["high"] = table["accuracy"] - table["std"], table["accuracy"] + table["std"]
    table["kept"] = np.where(table["best"], "best so far: kept", "not better")
    steps = alt.X("step:Q", title="step")
    base = alt.Chart(table)
    band = base.mark_area(opacity=0.18, color=COLOURS[0]).encode(
        x=steps,
        y=alt.Y("low:Q", title="verification accuracy", scale=alt.Scale(zero=False)),
        y2="high:Q",
    )
    line = base.mark_line(strokeWidth=2, color=COLOURS[0]).encode(x=steps, y="accuracy:Q")
    dots = base.mark_circle(size=70, opacity=1).encode(
        x=steps,
        y="accuracy:Q",
        color=alt.Color(
            "kept:N",
            title=None,
            legend=alt.Legend(orient="bottom"),
            scale=alt.Scale(domain=["best so far: kept", "not better"], range=[COLOURS[1], _GREY]),
        ),
        tooltip=[
            alt.Tooltip("step:Q", format=","),
            alt.Tooltip("accuracy:Q", format=".4f"),
            alt.Tooltip("std:Q", title="standard deviation over folds", format=".4f"),
        ],
    )
    return _interactive(alt.layer(band, line, dots), _HEIGHT + _LEGEND)


def angle_map(run: TrainingRun) -> AnyChart | None:
    """Return a heat map of angles between faces and their class: one column per logged step."""
    if len(run.angles) < 2:
        return None
    steps = [step for step, _ in run.angles]
    # A column reaches to the next logged step.
    ends = [*steps[1:], 2 * steps[-1] - steps[-2]]
    bins = _used_bins([share for _, share in run.angles])
    table = pd.DataFrame(
        [
            (step, end, run.bin_deg * b, run.bin_deg * (b + 1), share[b])
            for (step, share), end in zip(run.angles, ends, strict=True)
            for b in bins
            if share[b] > 0
        ],
        columns=["step", "end", "low", "high", "share"],
    )
    chart = (
        alt.Chart(table)
        .mark_rect(color=COLOURS[0])
        .encode(
            x=alt.X("step:Q", title="step", scale=alt.Scale(nice=False, zero=False)),
            x2="end:Q",
            y=alt.Y("low:Q", title="angle to own class, degrees", scale=alt.Scale(zero=False)),
            y2="high:Q",
            opacity=alt.Opacity("share:Q", legend=None, scale=alt.Scale(range=[0.06, 1])),
            tooltip=[
                alt.Tooltip("step:Q", format=","),
                alt.Tooltip("low:Q", title="from, degrees"),
                alt.Tooltip("share:Q", format=".3f"),
            ],
        )
    )
    return _interactive(chart, _HEIGHT + _LEGEND)


def angle_chart(run: TrainingRun) -> AnyChart | None:
    """Return the angle histograms at the start, in the middle and now (Figure 4a of the paper)."""
    if not run.angles:
        return None
    last = len(run.angles) - 1
    chosen = {f"step {run.angles[row][0]:,}": run.angles[row][1] for row in (0, last // 2, last)}
    bins = _used_bins(list(chosen.values()))
    middles = run.bin_deg * (np.array(bins) + 0.5)
    lines = {name: (middles, share[bins]) for name, share in chosen.items()}
    return curve_chart(
        Curve("theta", "", "angle to own class, degrees", "share of faces", lines, "area")
    )


def _used_bins(shares: Sequence[NDArray[np.float64]]) -> list[int]:
    filled = np.flatnonzero(np.sum(shares, axis=0))
    return list(range(max(int(filled[0]) - 1, 0), min(int(filled[-1]) + 2, len(shares[0]))))


def _colour(column: str, names: Sequence[str]) -> Any:
    legend = alt.Legend(orient="bottom", title=None, labelLimit=320) if len(names) > 1 else None
    colours = [COLOURS[i % len(COLOURS)] for i in range(len(names))]
    return alt.Color(
        f"{column}:N", sort=None, scale=alt.Scale(domain=list(names), range=colours), legend=legend
    )


def _interactive(chart: Any, height: int) -> AnyChart:
    interactive: AnyChart = chart.properties(height=height).interactive(bind_y=False)
    return interactive
