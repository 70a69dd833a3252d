"""CMC (Figure 8a of ArcFace) and ROC curves (Figures 8b and 9)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vidsearch.evaluation.metrics.verification import roc
from vidsearch.evaluation.report.report import Figure
from vidsearch.evaluation.report.svg import COLOURS, label_text, svg_figure

Floats = NDArray[np.float64]
_RANKS = (1, 2, 5, 10, 20, 50, 100, 1000, 10_000, 100_000, 1_000_000)


def cmc(curves: Mapping[str, Floats], *, name: str = "figure-8-cmc") -> Figure:
    """Draw Figure 8a of ArcFace: identification rate over rank.

    Args:
        curves: Label -> (K,) rates; value k - 1 belongs to rank k.
        name: Stem of the figure's file.
    """
    with svg_figure() as figure:
        axes = figure.axes[0]
        for number, (label, rates) in enumerate(curves.items()):
            ranks = np.arange(1, len(rates) + 1)
            axes.step(
                ranks,
                rates,
                where="post",
                color=COLOURS[number % len(COLOURS)],
                label=label_text(label),
            )
        longest = max(len(rates) for rates in curves.values())
        ticks = [rank for rank in _RANKS if rank <= longest]
        axes.set(xscale="log", xlabel="rank", ylabel="identification rate")
        axes.set_xticks(ticks, [f"{rank:,}" for rank in ticks])
        axes.minorticks_off()
        axes.legend(loc="lower right")
    caption = "Cumulative match characteristic: share of searches whose mate is among the first k."
    return Figure(name, caption, figure.svg)


def roc_curves(
    curves: Mapping[str, tuple[Floats, Floats]], *, least_far: float, name: str = "figure-9-roc"
) -> Figure:
    """Draw Figure 9 or 8b of ArcFace: TAR over logarithmic FAR.

    Args:
        curves: Label -> (P,) FAR and (P,) TAR, both ascending.
        least_far: Left end of the axis.
        name: Stem of the figure's file.
    """
    with svg_figure() as figure:
        axes = figure.axes[0]
        lowest = 1.0
        for number, (label, (far, tar)) in enumerate(curves.items()):
            x, y = _thinned(np.maximum(far, least_far), tar)
            axes.step(
                x, y, where="post", color=COLOURS[number % len(COLOURS)], label=label_text(label)
            )
            lowest = min(lowest, float(y[0]))
        axes.set(xscale="log", xlabel="false accept rate", ylabel="true accept rate")
        largest_far = max(float(far[-1]) for far, _ in curves.values())
        axes.set(xlim=(least_far, largest_far), ylim=(max(0.0, lowest - 0.05), 1.005))
        axes.legend(loc="lower right")
    caption = "Receiver operating characteristic: true accept rate over false accept rate."
    return Figure(name, caption, figure.svg)


def roc_of_pairs(similarities: ArrayLike, issame: ArrayLike, *, label: str, name: str) -> Figure:
    """Draw the ROC of pairs, starting at the FAR of one false accept.

    Args:
        similarities: (N,) similarities, higher is closer.
        issame: (N,) True for genuine pairs.
        label: Label of the curve.
        name: Stem of the figure's file.
    """
    curve = roc(similarities, issame)
    impostors = int((~np.asarray(issame, bool)).sum())
    return roc_curves({label: (curve.far, curve.tar)}, least_far=1 / impostors, name=name)


def _thinned(x: Floats, y: Floats, points: int = 1500) -> tuple[Floats, Floats]:
    """Return one point per pixel column, which keeps the file of a long curve small."""
    if len(x) <= points:
        return x, y
    column = np.floor(np.log(x / x[0]) / max(np.log(x[-1] / x[0]), 1e-12) * points)
    last = np.append(np.flatnonzero(np.diff(column)), len(x) - 1)
    return x[last], y[last]
