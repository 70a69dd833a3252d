"""The paper's figures about angles: 3 (the toy), 4a (through training), 6 and 7 (pairs).

Number and meaning follow ArcFace (Deng et al. 2019).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vidsearch.errors import ShapeError
from vidsearch.evaluation.report.report import Figure
from vidsearch.evaluation.report.svg import COLOURS, GENUINE, IMPOSTOR, canvas

Floats = NDArray[np.float64]
Angles: TypeAlias = "ArrayLike | AngleCounts"
_BINS = 90
_COLUMNS = 3
_DRAWN = 120  # samples of an identity in the toy: more only make the file large


@dataclass(frozen=True, slots=True, eq=False)
class AngleCounts:
    """A histogram of angles.

    Attributes:
        edges_deg: (B + 1,) ends of the bins, ascending.
        counts: (B,).
    """

    edges_deg: Floats = field(repr=False)
    counts: Floats = field(repr=False)

    def __post_init__(self) -> None:
        if self.edges_deg.shape != (len(self.counts) + 1,) or not self.counts.sum() > 0:
            raise ShapeError(
                f"a histogram needs one end more than bins, and something in it; got "
                f"{self.edges_deg.shape} ends and {self.counts.shape} bins"
            )

    @property
    def mean_deg(self) -> float:
        centres = (self.edges_deg[1:] + self.edges_deg[:-1]) / 2
        return float((centres * self.counts).sum() / self.counts.sum())


def toy_embeddings(panels: Mapping[str, tuple[ArrayLike, ArrayLike]]) -> Figure:
    """Draw Figure 3: two-dimensional embeddings on the circle, a line to each identity's centre.

    All samples lie on the circle, so they are spread outwards a little, each identity's in the
    order they come: a dense arc shows as a broad band.

    Args:
        panels: By name of the loss: (N, 2) embeddings of any length, (N,) identities.
    """
    with canvas(size_in=(3.7 * len(panels), 4.0), grid=(1, len(panels))) as made:
        for axes, (name, (points, labels)) in zip(made.axes, panels.items(), strict=True):
            unit = _unit(points)
            identities = np.asarray(labels)
            for number, identity in enumerate(np.unique(identities)):
                colour = COLOURS[number % len(COLOURS)]
                here = unit[identities == identity]
                some = np.unique(np.linspace(0, len(here) - 1, _DRAWN).astype(int))
                centre = here.sum(axis=0)
                centre /= np.linalg.norm(centre)
                spread = 1 + 0.1 * np.linspace(0, 1, len(some))[:, None]
                # One path of very short strokes with round ends: a tenth of the bytes of dots.
                dots = np.repeat(here[some] * spread, 3, axis=0)
                dots[1::3] *= 1.004
                dots[2::3] = np.nan
                axes.plot(*dots.T, color=colour, linewidth=2.6, alpha=0.75,
                          solid_capstyle="round")  # fmt: skip
                axes.plot([0, centre[0]], [0, centre[1]], color=colour, linewidth=1.6)
                axes.text(*(centre * 1.24), str(identity), color=colour, ha="center", va="center")
            axes.set(aspect="equal", xlim=(-1.34, 1.34), ylim=(-1.34, 1.34), title=name)
            axes.set_axis_off()
    caption = (
        "Figure 3: two-dimensional embeddings of the toy identities, normalised. Dots are samples "
        f"(at most {_DRAWN} of an identity, spread outwards from the circle, so that they do not "
        "hide each other), lines the centre direction of each identity."
    )
    return Figure("figure-3-toy", caption, made.svg)


def theta_distributions(moments: Mapping[str, AngleCounts]) -> Figure:
    """Draw Figure 4a: distribution of the angle between embedding and its class weight.

    Args:
        moments: By name of the moment in training, in order: "start", "middle", "end".
    """
    with canvas() as made:
        axes = made.axes[0]
        highest = 0.0
        for number, (name, moment) in enumerate(moments.items()):
            colour = COLOURS[number % len(COLOURS)]
            used = np.flatnonzero(moment.counts)
            inside = slice(max(used[0] - 1, 0), min(used[-1] + 2, len(moment.counts)))
            widths = np.diff(moment.edges_deg)
            density = (moment.counts / moment.counts.sum() / widths)[inside]
            edges = moment.edges_deg[inside.start : inside.stop + 1]
            label = f"{name}: mean {moment.mean_deg:.0f}°"
            axes.stairs(density, edges, color=colour, fill=True, alpha=0.22)
            axes.stairs(density, edges, color=colour, linewidth=1.6, label=label)
            highest = max(highest, float(density.max()))
        axes.set(xlabel="angle between embedding and its class weight, degrees")
        axes.set(ylabel="share per degree", ylim=(0, 1.1 * highest))
        axes.legend(fontsize=9)
    caption = (
        "Figure 4a: distribution of the angle theta between an embedding and the weight of its own "
        "class, from start to end of training."
    )
    return Figure("figure-4a-theta", caption, made.svg)


def angle_panels(panels: Mapping[str, tuple[Angles, Angles]], *, name: str, caption: str) -> Figure:
    """Draw Figure 6 or 7: angles of genuine (red) and impostor (blue) pairs, a panel each.

    Args:
        panels: By title (a loss, or a test set): angles of genuine and of impostor pairs, degrees,
            or their histograms.
        name: Of the figure's file.
        caption: Under it.
    """
    columns = min(len(panels), _COLUMNS)
    rows = -(-len(panels) // columns)
    sides = _counted(panels)
    ends = _ends(sides)
    size = (6.4, 4.0) if len(panels) == 1 else (3.6 * columns, 2.9 * rows)
    with canvas(size_in=size, grid=(rows, columns)) as made:
        for place, (axes, (title, pair)) in enumerate(zip(made.axes, sides.items(), strict=False)):
            _pair_histogram(axes, pair)
            axes.set(title=title, xlim=ends, ylim=(0, 1.3 * axes.dataLim.ymax))
            axes.legend(fontsize=10 if len(panels) == 1 else 7.5, loc="upper left")
            if place + columns >= len(panels):
                axes.set_xlabel("angle, degrees")
            if place % columns == 0:
                axes.set_ylabel("share per degree")
        for axes in made.axes[len(panels) :]:
            axes.set_axis_off()
    return Figure(name, caption, made.svg)


def angle_histogram(
    similarities: ArrayLike, issame: ArrayLike, *, title: str = "", name: str = "angles"
) -> Figure:
    """Draw one panel of Figure 7 from cosines.

    Args:
        similarities: (N,) cosines.
        issame: (N,) True for genuine pairs.
        title: Above it.
        name: Of the figure's file.
    """
    degrees = degrees_of(similarities)
    genuine = np.asarray(issame, bool)
    caption = "Angles between the two embeddings of a pair (as Figure 7 of the ArcFace paper)."
    return angle_panels({title: (degrees[genuine], degrees[~genuine])}, name=name, caption=caption)


def degrees_of(similarities: ArrayLike) -> Floats:
    """Return the angles of cosines, degrees; rounding beyond 1 counts as 1."""
    return np.degrees(np.arccos(np.clip(np.asarray(similarities, np.float64), -1, 1)))


def _counted(panels: Mapping[str, tuple[Angles, Angles]]) -> dict[str, list[AngleCounts | None]]:
    """Return histograms: angles in bins that all panels share, None where there are none."""
    lists = [
        np.asarray(side, np.float64)
        for pair in panels.values()
        for side in pair
        if not isinstance(side, AngleCounts)
    ]
    shown = [side for side in lists if len(side)]
    bins = np.zeros(2)
    if shown:
        low, high = min(float(s.min()) for s in shown), max(float(s.max()) for s in shown)
        bins = np.linspace(low, max(high, low + 1e-6), _BINS + 1)
    return {title: [_histogram(side, bins) for side in pair] for title, pair in panels.items()}


def _histogram(side: Angles, bins: Floats) -> AngleCounts | None:
    if isinstance(side, AngleCounts):
        return side
    counts = np.histogram(np.asarray(side, np.float64), bins)[0].astype(np.float64)
    return AngleCounts(bins, counts) if counts.sum() else None


def _ends(panels: Mapping[str, Sequence[AngleCounts | None]]) -> tuple[float, float]:
    shown = [side for pair in panels.values() for side in pair if side is not None]
    if not shown:
        raise ShapeError("there is no pair to draw the angle of")
    used = [(np.flatnonzero(side.counts), side.edges_deg) for side in shown]
    return (
        min(float(edges[rows[0]]) for rows, edges in used),
        max(float(edges[rows[-1] + 1]) for rows, edges in used),
    )


def _pair_histogram(axes: Any, pair: Sequence[AngleCounts | None]) -> None:
    for side, colour, kind in zip(pair, (GENUINE, IMPOSTOR), ("genuine", "impostor"), strict=True):
        if side is not None:
            label = f"{kind} pairs ({int(side.counts.sum()):,})"
            share = side.counts / side.counts.sum() / np.diff(side.edges_deg)
            axes.stairs(share, side.edges_deg, color=colour, fill=True, alpha=0.55, label=label)


def _unit(points: ArrayLike) -> Floats:
    table = np.asarray(points, np.float64)
    return np.asarray(table / np.linalg.norm(table, axis=1, keepdims=True))
