"""Target angles of a run: sums by hand, and damaged lines named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from trainer.analysis.target_angles import target_angle_histograms
from vidsearch.errors import TrainingError


def write(run: Path, *lines: object) -> Path:
    run.mkdir(exist_ok=True)
    (run / "angles.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    return run


def line(step: int, *counts: float) -> dict[str, object]:
    return {"step": step, "bin_deg": 180 / len(counts), "counts": list(counts)}


def test_each_batch_is_in_one_curve_only(tmp_path: Path) -> None:
    # One face a batch: 1,000 batches would be needed, but a third of 7 batches is 2.
    run = write(
        tmp_path, *(line(step, *[float(step == bin_) for bin_ in range(9)]) for step in range(7))
    )
    found = target_angle_histograms(run)
    sums = {name: curve.counts.tolist() for name, curve in found.items()}
    assert sums == {
        "start, step 0 to 1": [1, 1, 0, 0, 0, 0, 0, 0, 0],
        "middle, step 2 to 3": [0, 0, 1, 1, 0, 0, 0, 0, 0],
        "end, step 5 to 6": [0, 0, 0, 0, 0, 1, 1, 0, 0],
    }


def test_a_large_batch_needs_no_neighbour(tmp_path: Path) -> None:
    run = write(tmp_path, *(line(1000 * n, 1500, 0, n, 0) for n in range(5)))
    found = target_angle_histograms(run)
    assert list(found) == ["start, step 0", "middle, step 2,000", "end, step 4,000"]
    edges = found["end, step 4,000"].edges_deg
    assert edges.tolist() == [0, 45, 90, 135, 180]
    assert found["end, step 4,000"].counts.tolist() == [1500, 0, 4, 0]


def test_two_batches_make_no_three_moments(tmp_path: Path) -> None:
    assert target_angle_histograms(write(tmp_path, line(0, 5, 5), line(1, 5, 5))) == {}


@pytest.mark.parametrize(
    "wrong",
    [
        {"step": 2, "bin_deg": 2, "counts": [1, 1]},  # 4 degrees
        line(2, 0, 0),
        line(2, 3, -1),
        {"step": 2, "bin_deg": 90, "counts": [[1, 1], [1, 1]]},
        {"step": "two", "bin_deg": 90, "counts": [1, 1]},
        [1, 2],
    ],
)
def test_a_damaged_line_is_named(tmp_path: Path, wrong: object) -> None:
    run = write(tmp_path, line(0, 5, 5), line(1, 5, 5), wrong)
    with pytest.raises(TrainingError, match=r"angles.jsonl, line 3: expected .*delete the line"):
        target_angle_histograms(run)
