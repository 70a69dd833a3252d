"""A sample report with every kind of block."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from vidsearch.evaluation.report import (
    Figure,
    Headline,
    ImageRow,
    ImageRows,
    Measure,
    Provenance,
    Report,
    ReportImage,
    ReportTable,
    Scores,
    Section,
)
from vidsearch.evaluation.report.svg import svg_figure


def make_report(right: list[int], similarity: list[float], **changes: object) -> Report:
    with svg_figure() as made:
        made.axes[0].plot([0, 1], [0, 1])
        made.axes[0].set_title("a line")
    jpeg = io.BytesIO()
    Image.new("RGB", (20, 20), "red").save(jpeg, "JPEG")
    count = len(right)
    report = {
        "kind": "verification",
        "title": "<Faces> & names",
        "lead": "Six pairs.",
        "conventions": ("accept at the threshold or above: definition",),
        "headlines": (Headline("Accuracy", "0.5000", "6 pairs"),),
        "metrics": {"accuracy": np.float32(0.5), "missing": float("nan"), "rows": np.arange(2)},
        "provenance": Provenance(
            {"folds": 10}, {"pairs.txt": "ab"}, "open-1", {"a.onnx": "cd"}, 1.5, "Faces", "open"
        ),
        "sections": (
            Section(
                "Figures",
                "Results.",
                (
                    ReportTable("numbers", "All", ("name", "x"), (("a|b", 0.123456), ("c", None))),
                    Figure("line", "A line", made.svg),
                    ImageRows(
                        "Worst",
                        (
                            ImageRow(
                                "Ann",
                                "AP 0.1",
                                (
                                    ReportImage(jpeg.getvalue(), "1", "bad"),
                                    ReportImage(None, "2", "good"),
                                ),
                            ),
                        ),
                    ),
                ),
            ),
        ),
        "scores": Scores(
            "pair",
            {
                "id": [f"p{row}" for row in range(count)],
                "right": right,
                "similarity": similarity,
                "genuine": [row % 2 == 0 for row in range(count)],
                "person_a": [f"n{row // 2}" for row in range(count)],
                "person_b": [f"n{row // 2 + row % 2}" for row in range(count)],
            },
            (
                Measure("accuracy", column="right"),
                Measure("TAR at FAR 0.1", "tar_at_far", far=0.1),
                Measure("equal error rate", "equal_error_rate", higher_is_better=False),
            ),
            ("person_a", "person_b"),
        ),
    }
    return Report(**{**report, **changes})  # type: ignore[arg-type]


@pytest.fixture
def report() -> Report:
    return make_report([1, 1, 0, 1, 0, 1], [0.9, 0.1, 0.4, 0.3, 0.5, 0.2])
