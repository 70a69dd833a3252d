"""Curves of a report as data, computed from its scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vidsearch.errors import ConfigError
from vidsearch.evaluation.metrics.verification import roc
from vidsearch.evaluation.report import ReportTable, Scores, StoredReport

Floats = NDArray[np.float64]
MAX_POINTS = 600
_BINS = 60


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Lines over one pair of axes.

    Attributes:
        name: Name of the figure of the report that the curve replaces.
        title: Heading.
        x: Name of the horizontal axis.
        y: Name of the vertical axis.
        lines: Line name -> x (P,) and y (P,).
        shape: Kind of drawing.
        log_x: Draw the horizontal axis logarithmically.
    """

    name: str
    title: str
    x: str
    y: str
    lines: Mapping[str, tuple[Floats, Floats]]
    shape: Literal["line", "step", "area", "points"] = "line"
    log_x: bool = False


@dataclass(frozen=True, slots=True)
class Intervals:
    """Values with their intervals: one row of a table each."""

    measure: str
    labels: tuple[str, ...]
    values: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


def curves(stored: StoredReport) -> tuple[Curve, ...]:
    """Return every curve that can be drawn from the stored scores and metrics.

    Raises:
        ConfigError: Scores and metrics of the report contradict each other.
    """
    try:
        return _curves(stored)
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"{stored.folder} is damaged ({error!r}); evaluate again") from error


def _curves(stored: StoredReport) -> tuple[Curve, ...]:
    result: list[Curve] = []
    scores = stored.scores
    if scores is not None and {"similarity", "genuine"} <= set(scores.columns):
        result += _pair_curves(scores)
    ranks = _rank_lines(stored.document.get("metrics") or {})
    if ranks:
        result.append(
            Curve(
                "cmc",
                "Right answer among the first k",
                "k",
                "share of queries",
                ranks,
                "points",
                log_x=max(float(x[-1]) for x, _ in ranks.values()) > 20,
            )
        )
    if scores is not None:
        precision = _precision_lines(scores)
        if precision:
            result.append(
                Curve(
                    "precision",
                    "Average precision of every query, the worst first",
                    "share of queries",
                    "average precision",
                    precision,
                )
            )
    return tuple(result)


def _pair_curves(scores: Scores) -> list[Curve]:
    similarity = np.asarray(scores.columns["similarity"], np.float64)
    genuine = np.asarray(scores.columns["genuine"], bool)
    if genuine.all() or not genuine.any():
        return []
    result = roc(similarity, genuine)
    impostors = int((~genuine).sum())
    far, tar = thinned(np.maximum(result.far, 1 / impostors), result.tar)
    scored = similarity > -1  # a pair without a face has the score -1
    degrees = np.degrees(np.arccos(np.clip(similarity[scored], -1, 1)))
    edges = np.linspace(degrees.min(), max(degrees.max(), degrees.min() + 1e-6), _BINS + 1)
    middles = (edges[:-1] + edges[1:]) / 2
    angles = {
        f"{name} ({int(mask.sum()):,})": (
            middles,
            np.histogram(degrees[mask], edges)[0] / max(int(mask.sum()), 1),
        )
        for name, mask in (
            ("genuine pairs", genuine[scored]),
            ("impostor pairs", ~genuine[scored]),
        )
    }
    return [
        Curve(
            "roc",
            "True accepts over false accepts",
            "false accept rate",
            "true accept rate",
            {"ROC": (far, tar)},
            "step",
            log_x=True,
        ),
        Curve(
            "angles",
            "Angles between the two faces of a pair",
            "angle, degrees",
            "share of pairs",
            angles,
            "area",
        ),
    ]


def _rank_lines(metrics: Mapping[str, Any]) -> dict[str, tuple[Floats, Floats]]:
    """Return rank-k rates by protocol part (keys ``cmc`` or ``rank_k``)."""
    lines = {}
    for name, part in {"all": metrics, **metrics}.items():
        if not isinstance(part, Mapping):
            continue
        if isinstance(part.get("cmc"), Mapping):
            pairs = sorted((int(k), float(rate)) for k, rate in part["cmc"].items())
        elif isinstance(part.get("rank_k"), list):
            pairs = [(k, float(rate)) for k, rate in enumerate(part["rank_k"], start=1)]
        else:
            continue
        if len(pairs) > 1:
            x, y = np.array(pairs, np.float64).T
            lines[str(name)] = (x, y)
    return lines


def _precision_lines(scores: Scores) -> dict[str, tuple[Floats, Floats]]:
    lines = {}
    for measure in scores.measures:
        if measure.kind == "mean" and measure.column.startswith("ap_"):
            values = np.sort(np.asarray(scores.columns[measure.column], np.float64))
            share = np.arange(1, len(values) + 1) / len(values)
            lines[measure.name] = thinned(share, values)
    return lines


def thinned(x: Floats, y: Floats, limit: int = MAX_POINTS) -> tuple[Floats, Floats]:
    """Return at most about ``limit`` points of a line, with both ends and all corners.

    Args:
        x: (P,) coordinates.
        y: (P,) coordinates.
        limit: Number of points to keep.

    Example:
        >>> x, y = thinned(np.arange(10_000.0), np.arange(10_000.0))
        >>> len(x) <= MAX_POINTS + 1, x[0], x[-1]
        (True, np.float64(0.0), np.float64(9999.0))
    """
    # A repeated point lies in a vertical and in a horizontal stretch, and hides a corner from both.
    moved = np.append(True, (np.diff(x) != 0) | (np.diff(y) != 0))
    x, y = x[moved], y[moved]
    if len(x) > 2:  # points inside a horizontal or vertical stretch are redundant
        horizontal = (np.diff(y)[:-1] == 0) & (np.diff(y)[1:] == 0)
        vertical = (np.diff(x)[:-1] == 0) & (np.diff(x)[1:] == 0)
        corners = np.concatenate([[True], ~(horizontal | vertical), [True]])
        x, y = x[corners], y[corners]
    if len(x) <= limit:
        return x, y
    rows = np.unique(np.linspace(0, len(x) - 1, limit).round().astype(np.intp))
    return x[rows], y[rows]


def intervals(table: ReportTable) -> Intervals | None:
    """Return the values of a table with columns ``from`` and ``to``; None without such columns."""
    names = list(table.columns)
    if "from" not in names or "to" not in names or names.index("from") < 2:
        return None
    low = names.index("from")
    value, high = low - 1, names.index("to")
    rows = [
        row
        for row in table.rows
        if all(isinstance(row[column], int | float) for column in (value, low, high))
    ]
    if len(rows) < 2:
        return None
    if len({row[column] for row in rows for column in (value, low, high)}) == 1:
        return None  # all values are equal
    labels = [
        " ".join(str(cell) for cell in row[:value] if isinstance(cell, str | int)) for row in rows
    ]
    columns = [tuple(float(row[column]) for row in rows) for column in (value, low, high)]  # type: ignore[arg-type]
    return Intervals(names[value], tuple(labels), *columns)
