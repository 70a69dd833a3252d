"""Figures 4b (target logits) and 5 (decision margins) of ArcFace (Deng et al. 2019).

The formulas follow equation 4 of the paper.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vidsearch.evaluation.report.report import Figure
from vidsearch.evaluation.report.svg import COLOURS, INK, svg_figure

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

BINARY_MARGINS: Mapping[str, Margins] = {
    "Softmax": (1.0, 0.0, 0.0),
    "SphereFace (1.35)": (1.35, 0.0, 0.0),
    "CosFace (0.35)": (1.0, 0.0, 0.35),
    "ArcFace (0.5)": (1.0, 0.5, 0.0),
}
"""Losses of Figure 5, with the best margins of the paper's Table 2."""

_FILL = "#8a94a0"


def target_logits(margins: Mapping[str, Margins] = PAPER_MARGINS) -> Figure:
    """Draw Figure 4b: target logit cos(m1 theta + m2) - m3 over 20 to 100 degrees."""
    degrees = np.linspace(20, 100, 161)
    with svg_figure() as figure:
        axes = figure.axes[0]
        for number, (name, triple) in enumerate(margins.items()):
            values = target_logit(degrees, triple)
            axes.plot(degrees, values, color=COLOURS[number % len(COLOURS)], label=name)
        axes.set(xlabel="target angle, degrees", ylabel="target logit", xlim=(20, 100))
        axes.legend(fontsize=9)
    caption = (
        "Figure 4b: target logit curves cos(m1 theta + m2) - m3, with the margins (m1, m2, m3)."
    )
    return Figure("figure-4b-target-logits", caption, figure.svg)


def target_logit(degrees: ArrayLike, margins: Margins) -> Floats:
    """Return the target logit cos(m1 theta + m2) - m3.

    Args:
        degrees: Target angles theta, degrees, any shape.
        margins: (m1, m2, m3), m2 in radians.

    Source:
        ArcFace, equation 4.
    """
    m1, m2, m3 = margins
    return np.asarray(np.cos(m1 * np.radians(np.asarray(degrees, np.float64)) + m2) - m3)


def boundary(degrees: ArrayLike, margins: Margins) -> Floats:
    """Return the angle to the other class at the decision boundary with a margin.

    Solves cos(m1 theta1 + m2) - m3 = cos(theta2) for theta2.

    Args:
        degrees: theta1, angles to the sample's own class, degrees, any shape.
        margins: (m1, m2, m3), m2 in radians.

    Returns:
        theta2 in degrees, same shape; NaN if no angle up to 180 degrees satisfies the equation.

    Source:
        ArcFace, equation 4 and Figure 5.

    Example:
        The margin of ArcFace is constant: 0.5 radians.

        >>> boundary([0.0, 30.0], (1.0, 0.5, 0.0)).round(2).tolist()
        [28.65, 58.65]
    """
    m1, m2, _ = margins
    value = target_logit(degrees, margins)
    turned = m1 * np.radians(np.asarray(degrees, np.float64)) + m2 > np.pi
    inside = (np.abs(value) <= 1) & ~turned
    return np.where(inside, np.degrees(np.arccos(np.clip(value, -1, 1))), np.nan)


def decision_margins(margins: Mapping[str, Margins] = BINARY_MARGINS) -> Figure:
    """Draw Figure 5: decision margins of two classes over the angles to both.

    Above the upper line a sample is assigned to class 1 with a margin, below the lower line to
    class 2.
    """
    theta = np.linspace(0, 90, 91)
    with svg_figure(size_in=(2.75 * len(margins) + 0.4, 3.5), grid=(1, len(margins))) as figure:
        for axes, (name, triple) in zip(figure.axes, margins.items(), strict=True):
            other = boundary(theta, triple)
            finite = np.isfinite(other)
            own, other = theta[finite], other[finite]
            if triple != (1.0, 0.0, 0.0):
                # The margin is the area between the line of class 1 and its mirror image.
                x, y = np.concatenate([own, other[::-1]]), np.concatenate([other, own[::-1]])
                axes.fill(np.append(x, 0), np.append(y, 0), color=_FILL, alpha=0.45, linewidth=0)
                axes.plot(own, other, color=COLOURS[0])
                axes.plot(other, own, color=COLOURS[1])
            axes.plot([0, 90], [0, 90], "--", color=INK, linewidth=1.2)
            axes.text(5, 83, "class 1", va="top")
            axes.text(87, 6, "class 2", ha="right")
            axes.set(aspect="equal", title=name, xlim=(0, 90), ylim=(0, 90))
            axes.set(xlabel="angle to class 1, degrees")
            axes.set_xticks([0, 30, 60, 90])
            axes.set_yticks([0, 30, 60, 90])
            axes.grid(visible=False)
        figure.axes[0].set_ylabel("angle to class 2, degrees")
    caption = (
        "Figure 5: decision margins with two classes. Dashed: boundary without a margin. Grey: the "
        "margin between the boundaries in training (blue: class 1, red: class 2)."
    )
    return Figure("figure-5-margins", caption, figure.svg)
