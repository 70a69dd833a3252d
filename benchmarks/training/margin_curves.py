"""The curves of docs/explanation/losses.md: ``python -m benchmarks.training.margin_curves docs/assets``.

The curves are Figure 4b of the paper, the target logit beyond pi, and the slope of each margin. The
values come from ``trainer.head.margins``.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from trainer.config.loss import BeyondPi, Margin, named_loss
from trainer.head.margins import target_logit
from vidsearch.evaluation.report.margin_figures import target_logits
from vidsearch.evaluation.report.svg import COLOURS, svg_figure

ARCFACE = named_loss("arcface").margin
BEYOND: tuple[BeyondPi, ...] = ("continue", "jump", "formula", "easy")
STRENGTHS: dict[str, Margin] = {
    "norm-softmax, cosface, straight-through": named_loss("norm-softmax").margin,
    "arcface": ARCFACE,
    "arcface, m = 0.3": replace(ARCFACE, angle_margin_rad=0.3),
    "sphereface": named_loss("sphereface").margin,
    "cm2": named_loss("cm2").margin,
}


def curve(margin: Margin, degrees: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Return the target logit and its slope over the cosine, (N,) each."""
    cosine = torch.tensor(np.cos(np.radians(degrees)), requires_grad=True)
    logit = target_logit(cosine, margin)
    (slope,) = torch.autograd.grad(logit.sum(), cosine)
    return logit.detach().numpy(), slope.numpy()


def margins() -> str:
    """Draw the logit beyond pi, and the slope of each margin; return the SVG."""
    degrees = np.linspace(0.5, 179.5, 717)
    with svg_figure(size_in=(10.5, 4.0), grid=(1, 2)) as made:
        beyond, strength = made.axes
        for number, choice in enumerate(BEYOND):
            values, _ = curve(replace(ARCFACE, beyond_pi=choice), degrees)
            beyond.plot(degrees, values, color=COLOURS[number], label=choice)
        beyond.set(xlabel="target angle, degrees", ylabel="target logit", title="ArcFace beyond pi")
        for number, (name, margin) in enumerate(STRENGTHS.items()):
            _, slope = curve(margin, degrees)
            strength.plot(degrees, slope, color=COLOURS[number], label=name)
        strength.set(
            xlabel="target angle, degrees",
            ylabel="slope over the cosine",
            ylim=(-0.2, 3),
            title="Strength of the pull to the own class",
        )
        for axes in made.axes:
            axes.set_xticks(range(0, 181, 30))
            axes.legend(fontsize=8)
    return made.svg


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    (folder / "figure-4b-target-logits.svg").write_text(target_logits().svg)
    (folder / "figure-margin-slopes.svg").write_text(margins())


if __name__ == "__main__":
    main()
