"""The paper's figures, drawn from our data. Number and meaning follow ArcFace (Deng et al.)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vidsearch.metrics.verification import roc
from vidsearch.report.canvas import COLOURS, GENUINE, IMPOSTOR, INK, canvas
from vidsearch.report.report import Figure

Floats = NDArray[np.float64]
Margins = tuple[float, float, float]

PAPER_MARGINS: Mapping[str, Margins] = {
    "Softmax (1, 0, 0)": (1.0, 0.0, 0.0),
    "SphereFace (1.35, 0, 0)": (1.35, 0.0, 0.0),
    "ArcFace (1, 0.5, 0)": (1.0, 0.5, 0.0),
    "CosFace (1, 0, 0.35)": (1.0, 0.0, 0.35),
    "CM1 (1, 0.3, 0.2)": (1.0, 0.3, 0.2),
    "CM2 (0.9, 0.4, 0.15)": (0.9, 0.4, 0.15),
}
"""Table 2: (m1, m2, m3) of cos(m1 theta + m2) - m3."""


def toy_embeddings(panels: Mapping[str, tuple[ArrayLike, ArrayLike]]) -> Figure:
    """Draw Figure 3: two-dimensional embeddings on the circle, a line to each identity's centre.

    Args:
        panels: By name of the loss: (N, 2) embeddings of any length, (N,) identities.
    """
    with canvas(size_in=(3.6 * len(panels), 3.9), grid=(1, len(panels))) as made:
        for axes, (name, (points, labels)) in zip(made.axes, panels.items(), strict=True):
            unit = _unit(points)
            identities = np.asarray(labels)
            for number, identity in enumerate(np.unique(identities)):
                colour = COLOURS[number % len(COLOURS)]
                here = unit[identities == identity]
                axes.plot(*here.T, ".", color=colour, markersize=3, alpha=0.35, rasterized=False)
                centre = here.sum(axis=0)
                axes.plot(*zip((0, 0), centre / np.linalg.norm(centre), strict=True), color=colour)
            axes.set(aspect="equal", xlim=(-1.12, 1.12), ylim=(-1.12, 1.12), title=name)
            axes.grid(visible=False)
            axes.set_xticks([])
            axes.set_yticks([])
    caption = (
        "Figure 3: two-dimensional embeddings of the toy identities, normalised. Dots are samples, "
        "lines the centre direction of each identity."
    )
    return Figure("figure-3-toy", caption, made.svg)


def theta_distributions(angles_deg: Mapping[str, ArrayLike]) -> Figure:
    """Draw Figure 4a: distribution of the angle between embedding and its class weight.

    Args:
        angles_deg: By name of the moment in training ("start", "middle", "end"): (N,) degrees.
    """
    with canvas() as made:
        axes = made.axes[0]
        for number, (name, angles) in enumerate(angles_deg.items()):
            _outline(axes, np.asarray(angles, np.float64), COLOURS[number % len(COLOURS)], name)
        axes.set(xlabel="angle between embedding and its class weight, degrees", ylabel="share")
        axes.legend()
    caption = "Figure 4a: distribution of the target angle from start to end of training."
    return Figure("figure-4a-theta", caption, made.svg)


def target_logits(margins: Mapping[str, Margins] = PAPER_MARGINS) -> Figure:
    """Draw Figure 4b: target logit cos(m1 theta + m2) - m3 over 20 to 100 degrees."""
    degrees = np.linspace(20, 100, 321)
    with canvas() as made:
        axes = made.axes[0]
        for number, (name, triple) in enumerate(margins.items()):
            values = target_logit(degrees, triple)
            axes.plot(degrees, values, color=COLOURS[number % len(COLOURS)], label=name)
        axes.set(xlabel="target angle, degrees", ylabel="target logit", xlim=(20, 100))
        axes.legend(fontsize=8)
    caption = (
        "Figure 4b: target logit curves cos(m1 theta + m2) - m3, with the margins (m1, m2, m3)."
    )
    return Figure("figure-4b-target-logits", caption, made.svg)


def target_logit(degrees: ArrayLike, margins: Margins) -> Floats:
    """Return cos(m1 theta + m2) - m3, as the paper's equation 4 has it (m2 in radians)."""
    m1, m2, m3 = margins
    return np.asarray(np.cos(m1 * np.radians(np.asarray(degrees, np.float64)) + m2) - m3)


def decision_margins() -> Figure:
    """Draw Figure 5: decision margins of two classes in the plane of their two angles.

    A sample at (theta1, theta2) is given to class 1 with a margin where cos(m1 theta1 + m2) - m3 is
    above cos(theta2), and to class 2 likewise; between the two lies the margin.
    """
    shown = {
        "Softmax": (1.0, 0.0, 0.0),
        "SphereFace": (1.35, 0.0, 0.0),
        "CosFace": (1.0, 0.0, 0.35),
        "ArcFace": (1.0, 0.5, 0.0),
    }
    theta = np.linspace(0, 90, 181)
    first, second = np.meshgrid(theta, theta)
    with canvas(size_in=(11, 3.2), grid=(1, 4)) as made:
        for axes, (name, margins) in zip(made.axes, shown.items(), strict=True):
            for_one = target_logit(first, margins) - np.cos(np.radians(second))
            for_two = target_logit(second, margins) - np.cos(np.radians(first))
            margin = np.maximum(for_one, for_two)
            axes.contourf(first, second, margin, levels=[-10, 0], colors=["#8a94a0"], alpha=0.55)
            for values, colour in ((for_one, COLOURS[0]), (for_two, COLOURS[1])):
                if margins != (1.0, 0.0, 0.0):
                    axes.contour(first, second, values, levels=[0], colors=[colour])
            axes.plot([0, 90], [0, 90], "--", color=INK, linewidth=1)
            axes.set(aspect="equal", title=name, xlabel="angle to class 1, degrees")
            axes.set_xticks([0, 30, 60, 90])
            axes.set_yticks([0, 30, 60, 90])
            axes.grid(visible=False)
        made.axes[0].set_ylabel("angle to class 2, degrees")
    caption = (
        "Figure 5: decision margins with two classes. Dashed: the boundary of softmax; grey: the "
        "margin, whose borders are the boundaries that training asks for."
    )
    return Figure("figure-5-margins", caption, made.svg)


def angle_histogram(
    similarities: ArrayLike, issame: ArrayLike, *, title: str = "", name: str = "angles"
) -> Figure:
    """Draw Figure 6 or 7: angles of genuine (red) and impostor (blue) pairs, degrees.

    Args:
        similarities: (N,) cosines.
        issame: (N,) True for genuine pairs.
        title: Above it.
        name: Of the figure's file.
    """
    cosines = np.clip(np.asarray(similarities, np.float64), -1, 1)
    degrees = np.degrees(np.arccos(cosines))
    genuine = np.asarray(issame, bool)
    ends = float(degrees.min()), float(degrees.max())
    bins = np.linspace(ends[0], max(ends[1], ends[0] + 1e-6), 91)
    with canvas() as made:
        axes = made.axes[0]
        for which, colour, label in (
            (genuine, GENUINE, "genuine pairs"),
            (~genuine, IMPOSTOR, "impostor pairs"),
        ):
            if which.any():
                weights = np.full(int(which.sum()), 1 / int(which.sum()))
                axes.hist(degrees[which], bins, weights=weights, color=colour, alpha=0.6,
                          label=f"{label} ({int(which.sum()):,})")  # fmt: skip
        axes.set(xlabel="angle, degrees", ylabel="share of its kind", title=title)
        axes.legend()
    return Figure(name, "Angles between the two embeddings of a pair.", made.svg)


def cmc(curves: Mapping[str, Floats], *, name: str = "figure-8-cmc") -> Figure:
    """Draw Figure 8a: rank-k identification rate; each curve's value k - 1 belongs to rank k."""
    with canvas() as made:
        axes = made.axes[0]
        for number, (label, rates) in enumerate(curves.items()):
            ranks = np.arange(1, len(rates) + 1)
            axes.step(ranks, rates, where="post", color=COLOURS[number % len(COLOURS)], label=label)
        axes.set(xscale="log", xlabel="rank", ylabel="identification rate")
        axes.legend()
    caption = "Cumulative match characteristic: share of searches whose mate is among the first k."
    return Figure(name, caption, made.svg)


def roc_curves(
    curves: Mapping[str, tuple[Floats, Floats]], *, least_far: float, name: str = "figure-9-roc"
) -> Figure:
    """Draw Figure 9 (and 8b): TAR over FAR, logarithmic.

    Args:
        curves: By name: FAR and TAR, both ascending.
        least_far: Left end of the drawing.
        name: Of the figure's file.
    """
    with canvas() as made:
        axes = made.axes[0]
        lowest = 1.0
        for number, (label, (far, tar)) in enumerate(curves.items()):
            x, y = _thinned(np.maximum(far, least_far), tar)
            axes.step(x, y, where="post", color=COLOURS[number % len(COLOURS)], label=label)
            lowest = min(lowest, float(y[0]))
        axes.set(xscale="log", xlabel="false accept rate", ylabel="true accept rate")
        axes.set(xlim=(least_far, 1), ylim=(max(0.0, lowest - 0.05), 1.005))
        axes.legend(loc="lower right")
    caption = "Receiver operating characteristic: true accept rate over false accept rate."
    return Figure(name, caption, made.svg)


def roc_of_pairs(similarities: ArrayLike, issame: ArrayLike, *, label: str, name: str) -> Figure:
    """Draw the ROC of pairs, from the first false accept on."""
    curve = roc(similarities, issame)
    impostors = int((~np.asarray(issame, bool)).sum())
    return roc_curves({label: (curve.far, curve.tar)}, least_far=1 / impostors, name=name)


def _thinned(x: Floats, y: Floats, points: int = 1500) -> tuple[Floats, Floats]:
    """Return the last point of every column of pixels, so that a long curve stays a small file."""
    if len(x) <= points:
        return x, y
    column = np.floor(np.log(x / x[0]) / max(np.log(x[-1] / x[0]), 1e-12) * points)
    last = np.append(np.flatnonzero(np.diff(column)), len(x) - 1)
    return x[last], y[last]


def _outline(axes: object, values: Floats, colour: str, label: str) -> None:
    share, edges = np.histogram(values, bins=np.linspace(0, 180, 181))
    used = np.flatnonzero(share)
    inside = slice(max(used[0] - 1, 0), min(used[-1] + 2, 180))
    heights = share[inside] / len(values)
    left = edges[inside.start : inside.stop + 1]
    axes.stairs(heights, left, color=colour, fill=True, alpha=0.25)  # type: ignore[attr-defined]
    axes.stairs(heights, left, color=colour, linewidth=1.6, label=label)  # type: ignore[attr-defined]


def _unit(points: ArrayLike) -> Floats:
    table = np.asarray(points, np.float64)
    return np.asarray(table / np.linalg.norm(table, axis=1, keepdims=True))


def tar_columns(fars: Sequence[float]) -> tuple[str, ...]:
    """Return how a FAR is written in headings."""
    return tuple(f"{far:.0e}".replace("e-0", "e-").replace("e+00", "") for far in fars)
