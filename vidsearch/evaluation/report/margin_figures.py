"""The paper's figures about margins alone: 4b (target logits) and 5 (decision margins).

Number and meaning follow ArcFace (Deng et al. 2019); formulas are those of its equation 4.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vidsearch.evaluation.report.report import Figure
from vidsearch.evaluation.report.svg import COLOURS, INK, canvas

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
"""What Figure 5 compares, at the margins that the paper found best (Table 2)."""

_FILL = "#8a94a0"


def target_logits(margins: Mapping[str, Margins] = PAPER_MARGINS) -> Figure:
    """Draw Figure 4b: target logit cos(m1 theta + m2) - m3 over 20 to 100 degrees."""
    degrees = np.linspace(20, 100, 161)
    with canvas() as made:
        axes = made.axes[0]
        for number, (name, triple) in enumerate(margins.items()):
            values = target_logit(degrees, triple)
            axes.plot(degrees, values, color=COLOURS[number % len(COLOURS)], label=name)
        axes.set(xlabel="target angle, degrees", ylabel="target logit", xlim=(20, 100))
        axes.legend(fontsize=9)
    caption = (
        "Figure 4b: target logit curves cos(m1 theta + m2) - m3, with the margins (m1, m2, m3)."
    )
    return Figure("figure-4b-target-logits", caption, made.svg)


def target_logit(degrees: ArrayLike, margins: Margins) -> Floats:
    """Return cos(m1 theta + m2) - m3, as the paper's equation 4 has it (m2 in radians)."""
    m1, m2, m3 = margins
    return np.asarray(np.cos(m1 * np.radians(np.asarray(degrees, np.float64)) + m2) - m3)


def boundary(degrees: ArrayLike, margins: Margins) -> Floats:
    """Return the other class's angle at which a sample is just given to its own, with the margin.

    Solves cos(m1 theta1 + m2) - m3 = cos(theta2) for theta2.

    Args:
        degrees: theta1, angles to the sample's own class.
        margins: (m1, m2, m3).

    Returns:
        theta2 in degrees, as many; not a number where no angle up to 180 degrees is enough.

    Example:
        ArcFace's margin is the same everywhere: 0.5 radians.

        >>> boundary([0.0, 30.0], (1.0, 0.5, 0.0)).round(2).tolist()
        [28.65, 58.65]
    """
    m1, m2, _ = margins
    value = target_logit(degrees, margins)
    turned = m1 * np.radians(np.asarray(degrees, np.float64)) + m2 > np.pi
    inside = (np.abs(value) <= 1) & ~turned
    return np.where(inside, np.degrees(np.arccos(np.clip(value, -1, 1))), np.nan)


def decision_margins(margins: Mapping[str, Margins] = BINARY_MARGINS) -> Figure:
    """Draw Figure 5: decision margins of two classes in the plane of their two angles.

    A sample is given to class 1 with a margin above the upper line, to class 2 below the lower one.
    """
    theta = np.linspace(0, 90, 91)
    with canvas(size_in=(2.75 * len(margins) + 0.4, 3.5), grid=(1, len(margins))) as made:
        for axes, (name, triple) in zip(made.axes, margins.items(), strict=True):
            other = boundary(theta, triple)
            known = np.isfinite(other)
            own, other = theta[known], other[known]
            if triple != (1.0, 0.0, 0.0):
                # The margin lies between the line of class 1 and its mirror image.
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
        made.axes[0].set_ylabel("angle to class 2, degrees")
    caption = (
        "Figure 5: decision margins with two classes. Dashed: the boundary without a margin; grey: "
        "the margin, between the boundaries that training asks for (blue: of class 1, red: of "
        "class 2)."
    )
    return Figure("figure-5-margins", caption, made.svg)
