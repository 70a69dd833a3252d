"""Figure 4a: how the angles between faces and their own class were distributed through a run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vidsearch.errors import TrainingError
from vidsearch.evaluation.report.angle_figures import AngleCounts
from vidsearch.training_runs import ANGLES

LEAST_FACES = 1000
"""Faces behind one curve, where the run logged as many: several logged batches make one."""

Logged = tuple[int, NDArray[np.float64]]


def target_angle_histograms(run: Path) -> dict[str, AngleCounts]:
    """Return the distribution at the start, in the middle and at the end of a run.

    A curve holds as many logged batches as make ``LEAST_FACES``, but never more than a third of
    those there are, so that no batch is in two curves.

    Args:
        run: Folder of the run.

    Returns:
        Empty where the run has logged fewer than three distributions (a loss without classes).

    Raises:
        TrainingError: The file is damaged.
    """
    path = run / ANGLES
    if not path.is_file():
        return {}
    logged = [
        _logged(line, f"{path}, line {number}")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
    ]
    if len(logged) < 3:
        return {}
    enough = int(np.ceil(LEAST_FACES / max(float(logged[0][1].sum()), 1.0)))
    batches = max(1, min(enough, len(logged) // 3))
    middle = (len(logged) - batches) // 2
    parts = {
        "start": logged[:batches],
        "middle": logged[middle : middle + batches],
        "end": logged[-batches:],
    }
    edges = np.linspace(0, 180, len(logged[0][1]) + 1)
    return {
        f"{name}, step {_steps(part)}": AngleCounts(edges, np.sum([c for _, c in part], axis=0))
        for name, part in parts.items()
    }


def _logged(line: str, where: str) -> Logged:
    try:
        entry = json.loads(line)
        step, counts = int(entry["step"]), np.array(entry["counts"], np.float64)
        width = float(entry["bin_deg"])
    except (ValueError, KeyError, TypeError) as error:
        raise TrainingError(
            f"{where}: expected a step and counts of angles ({error}); delete the line"
        ) from error
    if counts.ndim != 1 or len(counts) * width != 180 or not counts.sum() > 0 or counts.min() < 0:
        raise TrainingError(f"{where}: expected counts from 0 to 180 degrees; delete the line")
    return step, counts


def _steps(part: list[Logged]) -> str:
    first, last = part[0][0], part[-1][0]
    return f"{first:,}" if first == last else f"{first:,} to {last:,}"
