"""Files of a training run: written lines are read back, foreign lines are skipped."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from vidsearch.training_runs import (
    ANGLES,
    CONFIG,
    METRICS,
    AnglesLine,
    MetricsLine,
    ValidationLine,
    append_line,
    drop_lines_after,
    read_angles,
    read_metrics,
    read_settings,
)

FOREIGN = ('{"step": 9, "loss": 0.', "[1]", '{"loss": 1.0}', '{"step": "nine"}', '{"step": null}')


def write(folder: Path) -> None:
    append_line(folder / METRICS, MetricsLine(1, {"loss": 2.5, "lr": 0.1}))
    append_line(folder / METRICS, ValidationLine(1, 0.75, 0.02, best=True))
    append_line(folder / METRICS, MetricsLine(2, {"loss": math.inf, "lr": 0.1}))
    append_line(folder / METRICS, ValidationLine(2, 0.5, math.nan, best=False))
    append_line(folder / ANGLES, AnglesLine(1, 60, np.array([1.0, 2.0, 0.0])))


def test_the_format_of_each_line(tmp_path: Path) -> None:
    # Version 0.1 wrote these bytes; its runs and its readers must stay usable.
    write(tmp_path)
    assert (tmp_path / METRICS).read_text() == (
        '{"step": 1, "loss": 2.5, "lr": 0.1}\n'
        '{"step": 1, "verification_accuracy": 0.75, "verification_std": 0.02, "best": true}\n'
        '{"step": 2, "loss": null, "lr": 0.1}\n'
        '{"step": 2, "verification_accuracy": 0.5, "verification_std": null, "best": false}\n'
    )
    assert (tmp_path / ANGLES).read_text() == '{"step": 1, "bin_deg": 60, "counts": [1, 2, 0]}\n'


def test_lines_are_read_back(tmp_path: Path) -> None:
    write(tmp_path)
    metrics, validations = read_metrics(tmp_path)
    assert metrics == [MetricsLine(1, {"loss": 2.5, "lr": 0.1}), MetricsLine(2, {"lr": 0.1})]
    assert validations == [
        ValidationLine(1, 0.75, 0.02, best=True),
        ValidationLine(2, 0.5, 0.0, best=False),
    ]
    (angles,) = read_angles(tmp_path)
    assert (angles.step, angles.bin_deg, angles.counts.tolist()) == (1, 60, [1, 2, 0])


@pytest.mark.parametrize("text", FOREIGN)
def test_torn_and_foreign_lines_are_skipped(text: str, tmp_path: Path) -> None:
    write(tmp_path)
    complete = read_metrics(tmp_path)
    for name in (METRICS, ANGLES):
        with (tmp_path / name).open("a") as file:
            file.write(text)
    assert read_metrics(tmp_path) == complete
    assert len(read_angles(tmp_path)) == 1


def test_lines_beyond_a_step_are_deleted(tmp_path: Path) -> None:
    write(tmp_path)
    with (tmp_path / METRICS).open("a") as file:
        file.write(FOREIGN[0])
    drop_lines_after(tmp_path / METRICS, 1)
    assert [line.step for line in read_metrics(tmp_path)[0]] == [1]
    assert len((tmp_path / METRICS).read_text().splitlines()) == 2
    drop_lines_after(tmp_path / "absent.jsonl", 1)
    assert not (tmp_path / "absent.jsonl").exists()


def test_settings(tmp_path: Path) -> None:
    assert read_settings(tmp_path) == ("", {})
    (tmp_path / CONFIG).write_text("steps = 40\n")
    assert read_settings(tmp_path) == ("steps = 40\n", {"steps": 40})
    (tmp_path / CONFIG).write_text("steps = ")
    assert read_settings(tmp_path) == ("", {})
    assert read_angles(tmp_path) == []


def test_counts_that_are_not_numbers_are_an_error(tmp_path: Path) -> None:
    (tmp_path / ANGLES).write_text('{"step": 1, "counts": ["x"]}\n')
    with pytest.raises(ValueError, match="could not convert"):
        read_angles(tmp_path)
