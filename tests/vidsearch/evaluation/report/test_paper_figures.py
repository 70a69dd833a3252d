"""The paper's figures: curves at known points and panels; no pixels are compared."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from vidsearch.errors import ShapeError
from vidsearch.evaluation.report.angle_figures import (
    AngleCounts,
    angle_histogram,
    angle_panels,
    circle_embeddings,
    degrees_of,
    theta_distributions,
)
from vidsearch.evaluation.report.figures import cmc, roc_curves, roc_of_pairs
from vidsearch.evaluation.report.margin_figures import (
    BINARY_MARGINS,
    PAPER_MARGINS,
    boundary,
    decision_margins,
    target_logit,
    target_logits,
)
from vidsearch.evaluation.report.report import Figure
from vidsearch.evaluation.report.svg import GENUINE, IMPOSTOR


def colours(figure: Figure) -> set[str]:
    return set(re.findall(r"(?:fill|stroke): (#[0-9a-f]{6})", figure.svg))


def texts(figure: Figure) -> str:
    """Letters are drawn as paths; matplotlib names each text in a comment."""
    return "\n".join(re.findall(r"<!-- (.*?) -->", figure.svg))


def is_vector(figure: Figure) -> bool:
    root = ET.fromstring(figure.svg)
    names = {element.tag.rpartition("}")[2] for element in root.iter()}
    return "path" in names and "image" not in names


def test_target_logits_at_golden_points() -> None:
    # cos 60 = 0.5; cos(60 + 28.65) = 0.0236; 0.5 - 0.35; cos 81 = 0.1564;
    # cos(60 + 17.19) - 0.2 = 0.0217; cos(54 + 22.92) - 0.15 = 0.0763.
    golden = [0.5, 0.1564, 0.0236, 0.15, 0.0217, 0.0763]
    values = [float(target_logit(60.0, margins)) for margins in PAPER_MARGINS.values()]
    assert values == pytest.approx(golden, abs=1e-4)
    figure = target_logits()
    assert is_vector(figure)
    assert all(name in texts(figure) for name in PAPER_MARGINS)


def test_decision_margins_at_golden_points() -> None:
    # Softmax: the diagonal. SphereFace: 1.35 theta. CosFace: arccos(1 - 0.35) at 0. ArcFace:
    # theta + 28.65, everywhere.
    at = [0.0, 40.0]
    golden = {
        "Softmax": [0, 40],
        "SphereFace (1.35)": [0, 54],
        "CosFace (0.35)": [49.458, np.degrees(np.arccos(np.cos(np.radians(40)) - 0.35))],
        "ArcFace (0.5)": [28.648, 68.648],
    }
    for name, margins in BINARY_MARGINS.items():
        assert boundary(at, margins) == pytest.approx(golden[name], abs=1e-3)
    # Beyond 180 degrees no other angle is enough.
    assert np.isnan(boundary([170.0], (1.0, 0.5, 0.0))).all()
    figure = decision_margins()
    assert is_vector(figure)
    assert all(name in texts(figure) for name in BINARY_MARGINS)


def test_toy_draws_every_sample_and_centre() -> None:
    angles = np.radians(np.repeat([10.0, 100.0, 220.0], 40) + np.tile(np.linspace(-8, 8, 40), 3))
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1) * np.linspace(1, 9, 120)[:, None]
    labels = np.repeat([3, 5, 7], 40)
    figure = circle_embeddings({"Softmax": (points, labels), "ArcFace": (points, labels)})
    assert is_vector(figure)
    assert texts(figure).split().count("5") == 2
    # A stroke a sample, and a line to each centre.
    strokes = [path.count("M") for path in re.findall(r' d="([^"]*)"', figure.svg)]
    assert strokes.count(40) == 6
    assert len(figure.svg) < 60_000


def test_theta_curves_name_their_means() -> None:
    edges = np.arange(0, 181, 2.0)

    def at(degrees: float) -> AngleCounts:
        counts = np.zeros(90)
        counts[int(degrees // 2)] = 30
        return AngleCounts(edges, counts)

    figure = theta_distributions({"start": at(90), "middle": at(60), "end": at(30)})
    said = texts(figure)
    for name in ("start: mean 91°", "middle: mean 61°", "end: mean 31°"):
        assert name in said
    with pytest.raises(ShapeError, match="at least one angle"):
        AngleCounts(edges, np.zeros(90))


def test_pair_panels() -> None:
    rng = np.random.default_rng(0)
    genuine, impostor = rng.normal(50, 8, 300), rng.normal(88, 4, 500)
    counts = AngleCounts(np.arange(0, 181.0), np.histogram(impostor, np.arange(0, 181))[0] * 1.0)
    figure = angle_panels(
        {
            "LFW": (genuine, impostor),
            "CFP-FP": (genuine, counts),
            "AgeDB-30": (genuine[:0], counts),
            "YTF": (genuine, impostor),
        },
        name="figure-7-sets",
        caption="Figure 7",
    )
    assert is_vector(figure)
    assert {GENUINE, IMPOSTOR} <= colours(figure)
    said = texts(figure)
    assert all(name in said for name in ("LFW", "CFP-FP", "AgeDB-30", "YTF"))
    assert said.count("genuine pairs (300)") == 3
    assert said.count("impostor pairs (500)") == 4
    with pytest.raises(ShapeError, match="at least one pair"):
        angle_panels({"x": ([], [])}, name="x", caption="x")


def test_angles_of_cosines() -> None:
    assert degrees_of([1.0000001, 0.5, -1]) == pytest.approx([0, 60, 180], abs=1e-6)
    figure = angle_histogram([0.9, 0.1], [True, False], title="Two pairs")
    assert "Two pairs" in texts(figure)


def test_cmc_and_roc() -> None:
    figure = cmc({"open": np.array([0.8, 0.9, 0.95]), "other": np.array([0.7, 0.75, 0.9])})
    said = texts(figure).split("\n")
    assert {"open", "other", "1", "2"} <= set(said)
    assert "5" not in said  # there are three ranks
    far, tar = np.linspace(0, 1, 5000), np.linspace(0.5, 1, 5000) ** 0.5
    figure = roc_curves({"a": (far, tar), "b": (far, tar * 0.9)}, least_far=1e-4)
    assert is_vector(figure)
    assert len(figure.svg) < 120_000
    pairs = roc_of_pairs([0.9, 0.8, 0.4, 0.1], [True, True, False, False], label="LFW", name="roc")
    assert "LFW" in texts(pairs)


def test_letters_and_lines_turn_light_on_dark_pages() -> None:
    figure = decision_margins()
    assert "prefers-color-scheme: dark" in figure.svg
    assert "transparent" not in figure.svg
    root = ET.fromstring(figure.svg)
    assert root.tag.endswith("svg")
