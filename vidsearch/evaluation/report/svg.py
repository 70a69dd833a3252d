"""Matplotlib drawings as SVG, legible on light and dark pages.

The background is transparent. Lines and letters are dark; a style sheet inside the SVG makes them
light if the reader prefers a dark page. Programs that ignore style sheets display dark lines.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from vidsearch.text.printable import printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

INK = "#16202b"
INK_ON_DARK = "#e8edf2"
GRID = "#b9c2cc"
GRID_ON_DARK = "#3c4855"

# Each colour has a contrast of at least 3 to 1 against white and the dark page (#10151b).
COLOURS = ("#2878b5", "#cf4a3c", "#2f8f5b", "#a8690a", "#8a63c9", "#0f8a96", "#c0488f", "#7a7a2a")
GENUINE = "#cf4a3c"
"""Colour of genuine pairs: red, as in Figures 6 and 7 of the paper."""
IMPOSTOR = "#2878b5"
"""Colour of impostor pairs: blue, as in Figures 6 and 7 of the paper."""

_LONGEST_LABEL = 60

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


def label_text(name: str) -> str:
    """Return a name as text that Matplotlib draws as it is.

    Dollar signs would begin a formula, and a legend leaves out a name with a leading underscore.
    """
    text = printable(f" {name}" if name.startswith("_") else name)
    text = text if len(text) <= _LONGEST_LABEL else f"{text[: _LONGEST_LABEL - 1]}…"
    return text.replace("$", r"\$")


@dataclass(eq=False)
class SvgFigure:
    """A Matplotlib drawing, and its SVG document after the ``with`` block.

    Attributes:
        drawing: Matplotlib figure.
        axes: Axes of the figure, row by row.
        svg: SVG document; empty inside the ``with`` block.
    """

    drawing: Drawing
    axes: list[Any]
    svg: str = field(default="", repr=False)


@contextmanager
def svg_figure(
    *,
    size_in: tuple[float, float] = (6.4, 4.0),
    grid: tuple[int, int] = (1, 1),
    projections: Sequence[str | None] | None = None,
) -> Iterator[SvgFigure]:
    """Yield axes to draw on; the attribute ``svg`` is set when the ``with`` block ends.

    Args:
        size_in: Width and height, inches.
        grid: Number of rows and columns of axes.
        projections: Projection of each axes, e.g. ``"polar"``; None: all rectilinear.
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
        figure = SvgFigure(drawing, axes)
        yield figure
        out = io.StringIO()
        with warnings.catch_warnings():
            # Letters that the font lacks are drawn as boxes.
            warnings.filterwarnings("ignore", "Glyph .* missing from font")
            drawing.savefig(out, format="svg", transparent=True, metadata={"Date": None})
        figure.svg = _adaptive(_shorter(out.getvalue()))


def _shorter(svg: str) -> str:
    """Cut coordinates to hundredths of a point, which saves a third of a long curve's bytes."""
    return _PATH.sub(lambda path: _DIGITS.sub(r"\1", path[0]), svg)


def _adaptive(svg: str) -> str:
    rules = "".join(
        f'[style*="{attribute}: {light}"]{{{attribute}:{dark} !important}}'
        for light, dark in ((INK, INK_ON_DARK), (GRID, GRID_ON_DARK))
        for attribute in ("fill", "stroke")
    )
    sheet = f"<style>@media (prefers-color-scheme: dark){{{rules}}}</style>"
    opening = svg.index(">", svg.index("<svg")) + 1
    return f"{svg[:opening]}\n {sheet}{svg[opening:]}"
