"""The curves of a report as data, computed from its scores: to be drawn and read off."""

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
MOST_POINTS = 600
_BINS = 60


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Lines over one pair of axes.

    Attributes:
        name: That of the report's own figure which it stands for.
        title: Above it.
        x: Name of the horizontal axis.
        y: Name of the vertical axis.
        lines: By name: x and y, equally long.
        shape: How they are drawn.
        log_x: Whether the horizontal axis is logarithmic.
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
    """Values with their intervals, a row each, from a table that has them."""

    measure: str
    labels: tuple[str, ...]
    values: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


def curves(stored: StoredReport) -> tuple[Curve, ...]:
    """Return every curve that can be drawn from what the report stored.

    Raises:
        ConfigError: Its scores and metrics do not fit together.
    """
    try:
        return _curves(stored)
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"{stored.folder} is damaged ({error!r}); evaluate again") from error


def _curves(stored: StoredReport) -> tuple[Curve, ...]:
    found: list[Curve] = []
    scores = stored.scores
    if scores is not None and {"similarity", "genuine"} <= set(scores.columns):
        found += _of_pairs(scores)
    ranks = _rank_lines(stored.document.get("metrics") or {})
    if ranks:
        found.append(
            Curve("cmc", "Right answer among the first k", "k", "share of queries", ranks,
                  "points", log_x=max(float(x[-1]) for x, _ in ranks.values()) > 20)
        )  # fmt: skip
    if scores is not None:
        precision = _precision_lines(scores)
        if precision:
            found.append(
                Curve("precision", "Average precision of every query, the worst first",
                      "share of queries", "average precision", precision)
            )  # fmt: skip
    return tuple(found)


def _of_pairs(scores: Scores) -> list[Curve]:
    similarity = np.asarray(scores.columns["similarity"], np.float64)
    genuine = np.asarray(scores.columns["genuine"], bool)
    if genuine.all() or not genuine.any():
        return []
    found = roc(similarity, genuine)
    impostors = int((~genuine).sum())
    far, tar = thinned(np.maximum(found.far, 1 / impostors), found.tar)
    seen = similarity > -1  # the score of a pair without a face
    degrees = np.degrees(np.arccos(np.clip(similarity[seen], -1, 1)))
    edges = np.linspace(degrees.min(), max(degrees.max(), degrees.min() + 1e-6), _BINS + 1)
    middles = (edges[:-1] + edges[1:]) / 2
    angles = {
        f"{name} ({int(which.sum()):,})": (
            middles,
            np.histogram(degrees[which], edges)[0] / max(int(which.sum()), 1),
        )
        for name, which in (("genuine pairs", genuine[seen]), ("impostor pairs", ~genuine[seen]))
    }
    return [
        Curve("roc", "True accepts over false accepts", "false accept rate", "true accept rate",
              {"ROC": (far, tar)}, "step", log_x=True),
        Curve("angles", "Angles between the two faces of a pair", "angle, degrees",
              "share of its kind", angles, "area"),
    ]  # fmt: skip


def _rank_lines(metrics: Mapping[str, Any]) -> dict[str, tuple[Floats, Floats]]:
    """Return rank-k rates, wherever a protocol keeps them."""
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


def thinned(x: Floats, y: Floats, most: int = MOST_POINTS) -> tuple[Floats, Floats]:
    """Return at most about so many points of a line, both ends and every turn's end kept.

    Example:
        >>> x, y = thinned(np.arange(10_000.0), np.arange(10_000.0))
        >>> len(x) <= MOST_POINTS + 1, x[0], x[-1]
        (True, np.float64(0.0), np.float64(9999.0))
    """
    if len(x) > 2:  # points inside a level or upright stretch say nothing
        flat = (np.diff(y)[:-1] == 0) & (np.diff(y)[1:] == 0)
        upright = (np.diff(x)[:-1] == 0) & (np.diff(x)[1:] == 0)
        kept = np.concatenate([[True], ~(flat | upright), [True]])
        x, y = x[kept], y[kept]
    if len(x) <= most:
        return x, y
    rows = np.unique(np.linspace(0, len(x) - 1, most).round().astype(np.intp))
    return x[rows], y[rows]


def intervals(table: ReportTable) -> Intervals | None:
    """Return the values of a table with columns ``from`` and ``to``; None where it has none."""
    names = list(table.columns)
    if "from" not in names or "to" not in names or names.index("from") < 2:
        return None
    low = names.index("from")
    value, high = low - 1, names.index("to")
    rows = [
        row
        for row in table.rows
        if all(isinstance(row[at], int | float) for at in (value, low, high))
    ]
    if len(rows) < 2:
        return None
    if len({row[at] for row in rows for at in (value, low, high)}) == 1:
        return None  # nothing to tell apart
    labels = [
        " ".join(str(cell) for cell in row[:value] if isinstance(cell, str | int)) for row in rows
    ]
    columns = [tuple(float(row[at]) for row in rows) for at in (value, low, high)]  # type: ignore[arg-type]
    return Intervals(names[value], tuple(labels), *columns)
