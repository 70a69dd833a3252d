"""Curves of reports: values by hand, and reports that lack what a curve needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui.service.curves import Curve, curves, intervals, thinned
from vidsearch.evaluation.report import Measure, ReportTable, Scores, StoredReport


def stored(
    columns: dict[str, list[float]] | None, metrics: dict[str, Any] | None = None
) -> StoredReport:
    scores = None
    if columns is not None:
        measures = tuple(
            Measure(name.removeprefix("ap_"), column=name)
            for name in columns
            if name.startswith("ap_")
        )
        arrays = {name: np.array(values) for name, values in columns.items()}
        ids = [str(row) for row in range(len(next(iter(columns.values()))))]
        scores = Scores("pair", {"id": ids, **arrays}, measures)
    document = {"metrics": metrics} if metrics is not None else {}
    return StoredReport(Path("report"), "verification", "Pairs", document, scores)


def by_name(report: StoredReport) -> dict[str, Curve]:
    return {curve.name: curve for curve in curves(report)}


def test_angles_of_cosines_by_hand() -> None:
    # Angles of 0, 61 and 120 degrees: the range is [0, 120] in 60 bins of 2 degrees.
    cosines = [1.0, float(np.cos(np.radians(61))), -0.5]
    found = by_name(stored({"similarity": cosines, "genuine": [1, 1, 0]}))["angles"]
    middles, genuine = found.lines["genuine pairs (2)"]
    assert middles == pytest.approx(np.arange(1, 120, 2))
    assert {row: genuine[row] for row in np.flatnonzero(genuine)} == {0: 0.5, 30: 0.5}
    _, impostor = found.lines["impostor pairs (1)"]
    assert list(np.flatnonzero(impostor)) == [59], "the right edge belongs to the last bin"


def test_equal_angles_still_have_a_range() -> None:
    found = by_name(stored({"similarity": [0.5, 0.5], "genuine": [1, 0]}))["angles"]
    for _, share in found.lines.values():
        assert share.sum() == 1.0


def test_separated_pairs_reach_every_true_accept_before_the_first_false_one() -> None:
    # No FAR below 1/3 is drawn. At 1/3, TAR rises from 0 to 1 and stays there.
    pairs = {"similarity": [0.9, 0.8, 0.5, 0.4, 0.3], "genuine": [1.0, 1, 0, 0, 0]}
    far, tar = by_name(stored(pairs))["roc"].lines["ROC"]
    assert far == pytest.approx([1 / 3, 1 / 3, 1])
    assert list(tar) == [0, 1, 1]


@pytest.mark.parametrize("genuine", [[1, 1], [0, 0]])
def test_pairs_of_one_kind_have_no_error_rates(genuine: list[float]) -> None:
    assert by_name(stored({"similarity": [0.5, 0.4], "genuine": genuine})) == {}


def test_a_report_without_scores_and_metrics_has_no_curve() -> None:
    assert curves(stored(None)) == ()


def test_ranks_of_both_formats() -> None:
    # An object maps k to a rate, as text and in any order; a list begins at rank 1.
    metrics = {"photos": {"rank_k": [0.5, 0.75]}, "videos": {"cmc": {"10": 1.0, "2": 0.5}}}
    found = by_name(stored(None, metrics))["cmc"]
    lines = {name: [list(part) for part in line] for name, line in found.lines.items()}
    assert lines == {"photos": [[1, 2], [0.5, 0.75]], "videos": [[2, 10], [0.5, 1.0]]}
    assert not found.log_x


@pytest.mark.parametrize(("last", "log"), [("20", False), ("21", True)])
def test_ranks_beyond_twenty_get_a_logarithmic_axis(last: str, log: bool) -> None:
    (found,) = curves(stored(None, {"cmc": {"1": 0.5, last: 1.0}}))
    assert list(found.lines) == ["all"]
    assert found.log_x is log


def test_a_single_rank_is_no_curve() -> None:
    assert curves(stored(None, {"cmc": {"1": 0.5}})) == ()


def test_queries_are_sorted_from_the_worst() -> None:
    found = by_name(stored({"ap_official": [0.9, 0.1, 0.5, 0.3]}))["precision"]
    share, precision = found.lines["official"]
    assert list(share) == [0.25, 0.5, 0.75, 1.0]
    assert list(precision) == [0.1, 0.3, 0.5, 0.9]


@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=60).map(np.cumsum),
    st.integers(0, 2**32 - 1),
)
def test_thinning_below_the_limit_draws_the_same_line(
    steps: np.ndarray[Any, Any], seed: int
) -> None:
    # Coordinates of a ROC curve: both ascend, with horizontal and vertical stretches.
    x = steps.astype(np.float64)
    y = np.cumsum(np.random.default_rng(seed).integers(0, 2, len(x))).astype(np.float64)
    kept_x, kept_y = thinned(x, y, limit=len(x))
    assert (kept_x[0], kept_x[-1], kept_y[0], kept_y[-1]) == (x[0], x[-1], y[0], y[-1])
    kept = set(zip(kept_x.tolist(), kept_y.tolist(), strict=True))
    assert kept <= set(zip(x.tolist(), y.tolist(), strict=True)), "no point is invented"
    # The area between line and axis does not change.
    assert np.trapezoid(kept_y, kept_x) == pytest.approx(np.trapezoid(y, x))


def test_rows_without_a_number_are_left_out_of_intervals() -> None:
    table = ReportTable(
        "t",
        "",
        ("set", "FAR", "TAR", "from", "to"),
        (
            ("a", 0.001, 0.5, 0.4, 0.6),
            ("b", 0.001, None, None, None),
            ("c", 0.001, 0.7, 0.6, 0.8),
        ),
    )
    found = intervals(table)
    assert found is not None
    assert (found.measure, found.values, found.high) == ("TAR", (0.5, 0.7), (0.6, 0.8))
    assert found.labels == ("a", "c"), "a float beside the name is no label"


def test_equal_values_draw_no_intervals() -> None:
    rows = (("a", 1.0, 1.0, 1.0), ("b", 1.0, 1.0, 1.0))
    assert intervals(ReportTable("t", "", ("set", "MAP", "from", "to"), rows)) is None


def test_a_table_that_begins_with_its_limits_has_no_value() -> None:
    rows = ((0.1, 0.2), (0.3, 0.4))
    assert intervals(ReportTable("t", "", ("from", "to"), rows)) is None
