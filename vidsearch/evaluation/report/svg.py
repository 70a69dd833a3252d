"""Drawings as SVG, legible on light and dark pages alike.

The background is transparent. Lines and letters are dark; a style sheet inside the SVG turns them
light where the reader's page is dark. A program that ignores style sheets shows the dark ones.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

INK = "#16202b"
INK_ON_DARK = "#e8edf2"
GRID = "#b9c2cc"
GRID_ON_DARK = "#3c4855"

# Each has a contrast of at least 3 to 1 against white and against the dark page (#10151b).
COLOURS = ("#2878b5", "#cf4a3c", "#2f8f5b", "#a8690a", "#8a63c9", "#0f8a96", "#c0488f", "#7a7a2a")
GENUINE = "#cf4a3c"
"""The paper's Figures 6 and 7 draw positive pairs in red and negative ones in blue."""
IMPOSTOR = "#2878b5"

_PATH = re.compile(r' (?:d|x|y)="[^"]*"')
_DIGITS = re.compile(r"(\.\d\d)\d+")

_SETTINGS: Any = {
    "figure.constrained_layout.use": True,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.color": INK,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "path.simplify": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "vidsearch",
}


@dataclass(eq=False)
class Canvas:
    """A drawing in the making, and its SVG once the ``with`` block has ended."""

    drawing: Drawing
    axes: list[Any]
    svg: str = field(default="", repr=False)


@contextmanager
def canvas(
    *,
    size_in: tuple[float, float] = (6.4, 4.0),
    grid: tuple[int, int] = (1, 1),
    projections: Sequence[str | None] | None = None,
) -> Iterator[Canvas]:
    """Yield axes to draw on; afterwards ``svg`` holds the document.

    Args:
        size_in: Width and height, inches.
        grid: Rows and columns of axes; ``axes`` lists them row by row.
        projections: One per axes, e.g. ``"polar"``; default: all rectilinear.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure as Drawing

    with mpl.rc_context(_SETTINGS):
        drawing = Drawing(figsize=size_in)
        rows, columns = grid
        kinds = projections if projections is not None else [None] * (rows * columns)
        axes = [
            drawing.add_subplot(rows, columns, number + 1, projection=kind)
            for number, kind in enumerate(kinds)
        ]
        made = Canvas(drawing, axes)
        yield made
        out = io.StringIO()
        drawing.savefig(out, format="svg", transparent=True, metadata={"Date": None})
        made.svg = _adaptive(_shorter(out.getvalue()))


def _shorter(svg: str) -> str:
    """Cut coordinates to hundredths of a point: a third of the bytes of long curves."""
    return _PATH.sub(lambda path: _DIGITS.sub(r"\1", path[0]), svg)


def _adaptive(svg: str) -> str:
    rules = "".join(
        f'[style*="{what}: {light}"]{{{what}:{dark} !important}}'
        for light, dark in ((INK, INK_ON_DARK), (GRID, GRID_ON_DARK))
        for what in ("fill", "stroke")
    )
    sheet = f"<style>@media (prefers-color-scheme: dark){{{rules}}}</style>"
    # Letters have no style of their own: they are black unless their group says otherwise.
    opening = svg.index(">", svg.index("<svg")) + 1
    return f"{svg[:opening]}\n {sheet}{svg[opening:]}"
