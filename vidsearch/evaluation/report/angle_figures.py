"""Figures 3 (embeddings on a circle), 4a (target angles), 6 and 7 (angles of pairs) of ArcFace.

Numbers and meaning follow Deng et al. 2019.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vidsearch.errors import ShapeError
from vidsearch.evaluation.report.report import Figure
from vidsearch.evaluation.report.svg import COLOURS, GENUINE, IMPOSTOR, label_text, svg_figure

Floats = NDArray[np.float64]
Angles: TypeAlias = "ArrayLike | AngleCounts"
_BINS = 90
_COLUMNS = 3
_MAX_SAMPLES = 120
"""Largest number of samples per identity in Figure 3; it limits the size of the file."""


@dataclass(frozen=True, slots=True, eq=False)
class AngleCounts:
    """A histogram of angles.

    Attributes:
        edges_deg: (B + 1,) edges of the bins, ascending.
        counts: (B,) angles in each bin.
    """

    edges_deg: Floats = field(repr=False)
    counts: Floats = field(repr=False)

    def __post_init__(self) -> None:
        if self.edges_deg.shape != (len(self.counts) + 1,) or not self.counts.sum() > 0:
            raise ShapeError(
                "a histogram needs one edge more than bins, and at least one angle; got "
                f"{self.edges_deg.shape} edges and {self.counts.shape} bins"
            )

    @property
    def mean_deg(self) -> float:
        """Mean angle, degrees, every angle counted at the centre of its bin."""
        centres = (self.edges_deg[1:] + self.edges_deg[:-1]) / 2
        return float((centres * self.counts).sum() / self.counts.sum())


def circle_embeddings(panels: Mapping[str, tuple[ArrayLike, ArrayLike]]) -> Figure:
    """Draw Figure 3: two-dimensional embeddings on the circle, a line to each identity's centre.

    All samples lie on the circle. They are spread outwards in their order, so that a dense arc
    appears as a broad band.

    Args:
        panels: Name of the loss -> (N, 2) embeddings of any length and (N,) identities.
    """
    with svg_figure(size_in=(3.7 * len(panels), 4.0), grid=(1, len(panels))) as figure:
        for axes, (name, (points, labels)) in zip(figure.axes, panels.items(), strict=True):
            unit = _unit_rows(points)
            identities = np.asarray(labels)
            for number, identity in enumerate(np.unique(identities)):
                colour = COLOURS[number % len(COLOURS)]
                samples = unit[identities == identity]
                chosen_rows = np.unique(np.linspace(0, len(samples) - 1, _MAX_SAMPLES).astype(int))
                centre = samples.sum(axis=0)
                centre /= np.linalg.norm(centre)
                spread = 1 + 0.1 * np.linspace(0, 1, len(chosen_rows))[:, None]
                # A path of very short strokes with round ends takes a tenth of the bytes of dots.
                dots = np.repeat(samples[chosen_rows] * spread, 3, axis=0)
                dots[1::3] *= 1.004
                dots[2::3] = np.nan
                axes.plot(*dots.T, color=colour, linewidth=2.6, alpha=0.75, solid_capstyle="round")
                axes.plot([0, centre[0]], [0, centre[1]], color=colour, linewidth=1.6)
                axes.text(*(centre * 1.24), str(identity), color=colour, ha="center", va="center")
            axes.set(aspect="equal", xlim=(-1.34, 1.34), ylim=(-1.34, 1.34), title=name)
            axes.set_axis_off()
    caption = (
        "Figure 3: two-dimensional embeddings of the identities, normalised. Dots: samples "
        f"(at most {_MAX_SAMPLES} of an identity, spread outwards from the circle so that all are "
        "visible). Lines: centre direction of each identity."
    )
    return Figure("figure-3-toy", caption, figure.svg)


def theta_distributions(moments: Mapping[str, AngleCounts]) -> Figure:
    """Draw Figure 4a: distribution of the angle between an embedding and its class weight.

    Args:
        moments: Moment of training ("start", "middle", "end", in order) -> histogram.
    """
    with svg_figure() as figure:
        axes = figure.axes[0]
        highest = 0.0
        for number, (name, moment) in enumerate(moments.items()):
            colour = COLOURS[number % len(COLOURS)]
            filled = np.flatnonzero(moment.counts)
            inside = slice(max(filled[0] - 1, 0), min(filled[-1] + 2, len(moment.counts)))
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
    return Figure("figure-4a-theta", caption, figure.svg)


def angle_panels(panels: Mapping[str, tuple[Angles, Angles]], *, name: str, caption: str) -> Figure:
    """Draw Figure 6 or 7: angles of genuine (red) and impostor (blue) pairs in panels.

    Args:
        panels: Title (a loss, or a test set) -> angles of genuine pairs and angles of impostor
            pairs, each (N,) degrees or a histogram.
        name: Stem of the figure's file.
        caption: Caption of the figure.

    Raises:
        ShapeError: No panel has a pair.
    """
    columns = min(len(panels), _COLUMNS)
    rows = -(-len(panels) // columns)
    sides = _as_histograms(panels)
    limits = _axis_limits(sides)
    size = (6.4, 4.0) if len(panels) == 1 else (3.6 * columns, 2.9 * rows)
    with svg_figure(size_in=size, grid=(rows, columns)) as figure:
        panel_axes = zip(figure.axes, sides.items(), strict=False)
        for number, (axes, (title, pair)) in enumerate(panel_axes):
            _pair_histogram(axes, pair)
            axes.set(title=label_text(title), xlim=limits, ylim=(0, 1.3 * axes.dataLim.ymax))
            axes.legend(fontsize=10 if len(panels) == 1 else 7.5, loc="upper left")
            if number + columns >= len(panels):
                axes.set_xlabel("angle, degrees")
            if number % columns == 0:
                axes.set_ylabel("share per degree")
        for axes in figure.axes[len(panels) :]:
            axes.set_axis_off()
    return Figure(name, caption, figure.svg)


def angle_histogram(
    similarities: ArrayLike, issame: ArrayLike, *, title: str = "", name: str = "angles"
) -> Figure:
    """Draw one panel of Figure 7 from cosines.

    Args:
        similarities: (N,) cosines.
        issame: (N,) True for genuine pairs.
        title: Title of the panel.
        name: Stem of the figure's file.

    Raises:
        ShapeError: No pair.
    """
    degrees = degrees_of(similarities)
    genuine = np.asarray(issame, bool)
    caption = "Angles between the two embeddings of a pair (as Figure 7 of the ArcFace paper)."
    return angle_panels({title: (degrees[genuine], degrees[~genuine])}, name=name, caption=caption)


def degrees_of(similarities: ArrayLike) -> Floats:
    """Return the angles of cosines, degrees, same shape; cosines are clipped to [-1, 1]."""
    return np.degrees(np.arccos(np.clip(np.asarray(similarities, np.float64), -1, 1)))


def _as_histograms(
    panels: Mapping[str, tuple[Angles, Angles]],
) -> dict[str, list[AngleCounts | None]]:
    """Return histograms with the same bins in all panels; None for a side without a pair."""
    lists = [
        np.asarray(side, np.float64)
        for pair in panels.values()
        for side in pair
        if not isinstance(side, AngleCounts)
    ]
    filled = [side for side in lists if len(side)]
    bins = np.zeros(2)
    if filled:
        low, high = min(float(s.min()) for s in filled), max(float(s.max()) for s in filled)
        bins = np.linspace(low, max(high, low + 1e-6), _BINS + 1)
    return {title: [_histogram(side, bins) for side in pair] for title, pair in panels.items()}


def _histogram(side: Angles, bins: Floats) -> AngleCounts | None:
    if isinstance(side, AngleCounts):
        return side
    counts = np.histogram(np.asarray(side, np.float64), bins)[0].astype(np.float64)
    return AngleCounts(bins, counts) if counts.sum() else None


def _axis_limits(panels: Mapping[str, Sequence[AngleCounts | None]]) -> tuple[float, float]:
    sides = [side for pair in panels.values() for side in pair if side is not None]
    if not sides:
        raise ShapeError("a figure of angles needs at least one pair; got none")
    filled = [(np.flatnonzero(side.counts), side.edges_deg) for side in sides]
    return (
        min(float(edges[bins[0]]) for bins, edges in filled),
        max(float(edges[bins[-1] + 1]) for bins, edges in filled),
    )


def _pair_histogram(axes: Any, pair: Sequence[AngleCounts | None]) -> None:
    for side, colour, kind in zip(pair, (GENUINE, IMPOSTOR), ("genuine", "impostor"), strict=True):
        if side is not None:
            label = f"{kind} pairs ({int(side.counts.sum()):,})"
            share = side.counts / side.counts.sum() / np.diff(side.edges_deg)
            axes.stairs(share, side.edges_deg, color=colour, fill=True, alpha=0.55, label=label)


def _unit_rows(points: ArrayLike) -> Floats:
    table = np.asarray(points, np.float64)
    return np.asarray(table / np.linalg.norm(table, axis=1, keepdims=True))
