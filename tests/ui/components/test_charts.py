"""Data of charts: values by hand, and logarithmic axes only where they can be drawn."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ui.components.charts import (
    COLOURS,
    angle_chart,
    angle_map,
    curve_chart,
    interval_chart,
    run_chart,
    validation_chart,
)
from ui.service.curves import Curve, Intervals
from ui.service.runs import TrainingRun


def run_of(**changes: Any) -> TrainingRun:
    fields: dict[str, Any] = {
        "folder": Path("run"),
        "state": "running",
        "step": 20,
        "steps": 100,
        "written": datetime(2024, 5, 31, tzinfo=UTC),
        "columns": {},
        "validations": (),
        "angles": (),
        "bin_deg": 2.0,
        "config": "",
        "about": {},
    }
    return TrainingRun(**{**fields, **changes})


def drawn(chart: Any) -> dict[str, Any]:
    assert chart is not None
    specification: dict[str, Any] = chart.to_dict()
    return specification


def rows(specification: dict[str, Any], column: str) -> list[dict[str, Any]]:
    """Return the rows of the data set that has this column."""
    (found,) = (data for data in specification["datasets"].values() if column in data[0])
    return list(found)


def test_lines_keep_their_points_and_names() -> None:
    x = np.array([1.0, 2.0])
    lines = {"b": (x, np.array([0.5, 0.6])), "a": (x, np.array([0.7, 0.8]))}
    chart = drawn(curve_chart(Curve("cmc", "", "k", "share", lines, "points")))
    assert rows(chart, "line") == [
        {"x": 1.0, "y": 0.5, "line": "b"},
        {"x": 2.0, "y": 0.6, "line": "b"},
        {"x": 1.0, "y": 0.7, "line": "a"},
        {"x": 2.0, "y": 0.8, "line": "a"},
    ]
    # The order of the report, not the alphabet, chooses the colours.
    assert chart["encoding"]["color"]["scale"] == {"domain": ["b", "a"], "range": [*COLOURS[:2]]}


def test_more_lines_than_colours_begin_again() -> None:
    line = (np.array([0.0, 1.0]), np.array([0.0, 1.0]))
    lines = {f"line {row}": line for row in range(len(COLOURS) + 1)}
    chart = drawn(curve_chart(Curve("roc", "", "x", "y", lines, "step")))
    assert chart["encoding"]["color"]["scale"]["range"] == [*COLOURS, COLOURS[0]]
    assert chart["mark"]["interpolate"] == "step-after"


def test_a_rate_axis_is_logarithmic_only_on_request() -> None:
    line = {"ROC": (np.array([0.1, 1.0]), np.array([0.5, 1.0]))}
    for log in (True, False):
        chart = drawn(curve_chart(Curve("roc", "", "x", "y", line, "step", log_x=log)))
        assert (chart["encoding"]["x"]["scale"].get("type") == "log") is log


def test_areas_of_two_lines_are_not_stacked() -> None:
    # Stacked, the shares of impostor pairs would be drawn on top of those of genuine pairs.
    line = (np.array([0.0, 1.0]), np.array([0.5, 0.5]))
    chart = drawn(curve_chart(Curve("angles", "", "x", "y", {"a": line, "b": line}, "area")))
    assert chart["encoding"]["y"]["stack"] is None


def test_intervals_end_at_their_limits() -> None:
    found = Intervals("MAP", ("a", "b"), (0.5, -0.1), (0.4, -0.2), (0.6, 0.1))
    chart = drawn(interval_chart(found, zero=True))
    assert rows(chart, "low") == [
        {"row": "a", "value": 0.5, "low": 0.4, "high": 0.6},
        {"row": "b", "value": -0.1, "low": -0.2, "high": 0.1},
    ]
    assert rows(chart, "zero") == [{"zero": 0.0}]
    assert "zero" not in str(drawn(interval_chart(found))["datasets"])


@pytest.mark.parametrize(("lowest", "scale"), [(0.5, "log"), (0.0, "linear"), (-1.0, "linear")])
def test_a_metric_that_reaches_zero_has_a_linear_axis(lowest: float, scale: str) -> None:
    logged = (np.array([10, 20]), np.array([2.0, lowest]))
    run = run_of(columns={"loss": logged})
    chart = drawn(run_chart(run, ["loss"], "loss", log_y=True))
    assert chart["encoding"]["y"]["scale"]["type"] == scale


def test_metrics_that_are_not_logged_leave_the_others() -> None:
    run = run_of(columns={"loss": (np.array([10]), np.array([2.0]))})
    chart = drawn(run_chart(run, ["loss_intra", "loss"], "loss"))
    assert rows(chart, "line") == [{"step": 10, "value": 2.0, "line": "loss"}]


def test_one_standard_deviation_around_the_accuracy() -> None:
    run = run_of(validations=((10, 0.9, 0.02, True), (20, 0.85, 0.01, False)))
    table = rows(drawn(validation_chart(run)), "accuracy")
    bands = [(row["low"], row["high"]) for row in table]
    assert bands == [pytest.approx((0.88, 0.92)), pytest.approx((0.84, 0.86))]
    assert [row["kept"] for row in table] == ["best so far: kept", "not better"]


def shares(**filled: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return 90 bins of two degrees, with the given ones filled: ``b3=0.5``."""
    bins = np.zeros(90)
    for name, share in filled.items():
        bins[int(name.removeprefix("b"))] = share
    return bins


def test_a_column_of_the_angle_map_reaches_to_the_next_step() -> None:
    run = run_of(angles=((10, shares(b40=1.0)), (30, shares(b20=0.25, b21=0.75))))
    table = rows(drawn(angle_map(run)), "share")
    # The last column is as wide as the one before: 30 to 50. Bin 20 is 40 to 42 degrees.
    assert [(r["step"], r["end"], r["low"], r["high"], r["share"]) for r in table] == [
        (10, 30, 80.0, 82.0, 1.0),
        (30, 50, 40.0, 42.0, 0.25),
        (30, 50, 42.0, 44.0, 0.75),
    ]
    assert angle_map(run_of(angles=((10, shares(b40=1.0)),))) is None


def test_angle_histograms_of_start_middle_and_end() -> None:
    run = run_of(angles=tuple((step, shares(b5=1.0)) for step in (1, 10, 100, 1000, 2000)))
    chart = drawn(angle_chart(run))
    assert chart["encoding"]["color"]["scale"]["domain"] == ["step 1", "step 100", "step 2,000"]
    # The only filled bin is 10 to 12 degrees; one empty bin on either side ends the area.
    first = [(row["x"], row["y"]) for row in rows(chart, "line") if row["line"] == "step 1"]
    assert first == [(9.0, 0.0), (11.0, 1.0), (13.0, 0.0)]


@pytest.mark.parametrize(("filled", "middles"), [("b0", [1.0, 3.0]), ("b89", [177.0, 179.0])])
def test_angles_at_either_end_of_the_range(filled: str, middles: list[float]) -> None:
    run = run_of(angles=((1, shares(**{filled: 1.0})),))
    assert [row["x"] for row in rows(drawn(angle_chart(run)), "line")] == middles
