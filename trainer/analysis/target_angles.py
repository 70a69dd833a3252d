"""Figure 4a: distribution of the target angles theta_y at three moments of a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vidsearch.errors import TrainingError
from vidsearch.evaluation.report.angle_figures import AngleCounts
from vidsearch.text.parse import read_json
from vidsearch.training_runs import ANGLES, AnglesLine

LEAST_FACES = 1000
"""Number of faces that one curve needs; a curve sums several logged batches to reach it."""


def target_angle_histograms(run: Path) -> dict[str, AngleCounts]:
    """Return the distribution of target angles at the start, middle and end of a run.

    A curve sums enough logged batches for ``LEAST_FACES`` faces, but at most a third of all
    batches, so no batch is in two curves.

    Args:
        run: Folder of the run.

    Returns:
        Histogram by moment. Empty if the run has logged fewer than three histograms, as with a loss
        without classes.

    Raises:
        TrainingError: The file is damaged.

    Source:
        Deng et al. 2019, figure 4a.
    """
    path = run / ANGLES
    if not path.is_file():
        return {}
    lines = [
        _parse_line(text, f"{path}, line {number}")
        for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
    ]
    if len(lines) < 3:
        return {}
    needed = int(np.ceil(LEAST_FACES / max(float(lines[0].counts.sum()), 1.0)))
    batches = max(1, min(needed, len(lines) // 3))
    middle = (len(lines) - batches) // 2
    moments = {
        "start": lines[:batches],
        "middle": lines[middle : middle + batches],
        "end": lines[-batches:],
    }
    edges = np.linspace(0, 180, len(lines[0].counts) + 1)
    return {
        f"{name}, step {_steps(part)}": AngleCounts(
            edges, np.sum([line.counts for line in part], axis=0)
        )
        for name, part in moments.items()
    }


def _parse_line(text: str, location: str) -> AnglesLine:
    try:
        line = AnglesLine.from_json(read_json(text))
    except (ValueError, KeyError, TypeError) as error:
        raise TrainingError(
            f"{location}: expected a step and counts of angles ({error}); delete the line"
        ) from error
    counts = line.counts
    complete = counts.ndim == 1 and len(counts) * line.bin_deg == 180
    if not complete or not counts.sum() > 0 or counts.min() < 0:
        raise TrainingError(f"{location}: expected counts from 0 to 180 degrees; delete the line")
    return line


def _steps(part: list[AnglesLine]) -> str:
    first, last = part[0].step, part[-1].step
    return f"{first:,}" if first == last else f"{first:,} to {last:,}"
