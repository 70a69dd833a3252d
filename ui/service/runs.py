"""Training runs: what their folders say while they go on and afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ui.service.allowed_folders import folders_with, opened
from vidsearch.errors import ConfigError
from vidsearch.text.printable import printable
from vidsearch.training_runs import (
    METRICS,
    AnglesLine,
    MetricsLine,
    read_angles,
    read_metrics,
    read_settings,
)

QUIET_AFTER_S = 600.0
"""A run that is not at its end and wrote nothing for so long is taken for stopped."""

MOST_POINTS = 1500
MOST_HISTOGRAMS = 120


@dataclass(frozen=True, slots=True, eq=False)
class TrainingRun:
    """A run's folder, read.

    Attributes:
        folder: Where it lies.
        state: ``running``, ``finished`` or ``stopped``.
        step: Updates so far, as far as they were written down.
        steps: Of the whole run; None where the config does not say.
        written: When it last wrote something.
        columns: Name -> (step, value) of everything that is written every few updates.
        validations: (step, accuracy, standard deviation, best so far) of each validation.
        angles: (step, share of faces by angle) in bins of ``bin_deg``: how far faces are from their
            class.
        bin_deg: Width of a bin, degrees.
        config: The settings it was started with, as TOML.
        about: The few of them that say what it is.
    """

    folder: Path
    state: str
    step: int
    steps: int | None
    written: datetime
    columns: dict[str, tuple[NDArray[np.int64], NDArray[np.float64]]]
    validations: tuple[tuple[int, float, float, bool], ...]
    angles: tuple[tuple[int, NDArray[np.float64]], ...]
    bin_deg: float
    config: str
    about: dict[str, str]

    @property
    def best(self) -> tuple[int, float] | None:
        """Step and accuracy of the best validation."""
        if not self.validations:
            return None
        step, accuracy, *_ = max(self.validations, key=lambda line: (line[1], -line[0]))
        return step, accuracy


def list_runs(places: Sequence[str]) -> tuple[Path, ...]:
    """Return the folders of training runs below these folders, the latest first."""
    return folders_with(METRICS, places)


def read_run(folder: str, places: Sequence[str], now: datetime | None = None) -> TrainingRun:
    """Read a run's folder; a line that is being written is left for the next time.

    Raises:
        ConfigError: The folder may not be opened, or holds no run.
    """
    place = opened(folder, places)
    try:
        return _read(place, now or datetime.now(UTC))
    except OSError as error:
        raise ConfigError(
            f"'{printable(folder)}' holds no training run: {METRICS} cannot be read "
            f"({error.strerror}); name a folder that 'vidsearch train --out' wrote"
        ) from error
    except (TypeError, ValueError) as error:
        raise ConfigError(f"the run in '{printable(folder)}' is damaged ({error})") from error


def _read(place: Path, now: datetime) -> TrainingRun:
    written = datetime.fromtimestamp((place / METRICS).stat().st_mtime, UTC)
    lines, validations = read_metrics(place)
    angles = read_angles(place)
    config, settings = read_settings(place)
    steps_written = [line.step for line in lines] + [line.step for line in validations]
    step = max(steps_written, default=0)
    steps = settings.get("steps")
    steps = steps if isinstance(steps, int) else None
    quiet = (now - written).total_seconds() > QUIET_AFTER_S
    state = "running" if not quiet else "stopped"
    return TrainingRun(
        folder=place,
        state="finished" if steps is not None and step >= steps else state,
        step=step,
        steps=steps,
        written=written,
        columns=_columns(lines),
        validations=tuple((line.step, line.accuracy, line.std, line.best) for line in validations),
        angles=_histograms(angles),
        bin_deg=angles[-1].bin_deg if angles else 2.0,
        config=config,
        about=_about(settings),
    )


def _columns(
    lines: Sequence[MetricsLine],
) -> dict[str, tuple[NDArray[np.int64], NDArray[np.float64]]]:
    series: dict[str, list[tuple[int, float]]] = {}
    for line in lines:
        for name, value in line.values.items():
            series.setdefault(name, []).append((line.step, value))
    found = {}
    for name, pairs in series.items():
        steps = np.array([step for step, _ in pairs], np.int64)
        values = np.array([value for _, value in pairs], np.float64)
        found[name] = _averaged(steps, values)
    return found


def _averaged(
    steps: NDArray[np.int64], values: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return at most ``MOST_POINTS`` points: the last step and the mean of each stretch."""
    if len(steps) <= MOST_POINTS:
        return steps, values
    edges = np.linspace(0, len(steps), MOST_POINTS + 1).round().astype(np.intp)
    means = np.add.reduceat(values, edges[:-1]) / np.diff(edges)
    return steps[edges[1:] - 1], means


def _histograms(lines: Sequence[AnglesLine]) -> tuple[tuple[int, NDArray[np.float64]], ...]:
    bins = len(lines[-1].counts) if lines else 0
    usable = [line for line in lines if len(line.counts) == bins]
    rows = np.unique(np.linspace(0, len(usable) - 1, MOST_HISTOGRAMS).round().astype(np.intp))
    found = []
    for row in rows if usable else ():
        counts = usable[row].counts
        if counts.sum() > 0:
            found.append((usable[row].step, counts / counts.sum()))
    return tuple(found)


def _about(settings: dict[str, Any]) -> dict[str, str]:
    def group(name: str) -> dict[str, Any]:
        part = settings.get(name)
        return part if isinstance(part, dict) else {}

    wanted = {
        "Backbone": group("backbone").get("name"),
        "Loss": _loss(group("loss")),
        "Batch": settings.get("batch"),
        "Training set": group("data").get("path"),
    }
    return {name: str(value) for name, value in wanted.items() if value not in (None, "")}


def _loss(loss: dict[str, Any]) -> str:
    """Return a loss in short: its kind, margins m1, m2, m3 and further terms."""
    words = [str(loss["kind"])] if "kind" in loss else []
    margin = loss.get("margin")
    if loss.get("kind") == "margin" and isinstance(margin, dict):
        names = ("angle_factor", "angle_margin_rad", "cosine_margin")
        words.append(f"({', '.join(str(margin.get(name, '?')) for name in names)})")
    words += [f"+ {name}" for name in ("intra", "inter", "triplet") if loss.get(name)]
    return " ".join(words)
