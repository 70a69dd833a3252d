"""Training runs, read from their folders during and after training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ui.service.allowed_folders import checked_folder, folders_with
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
"""An unfinished run that wrote nothing for this long counts as stopped, seconds."""

MAX_POINTS = 1500
MAX_HISTOGRAMS = 120


@dataclass(frozen=True, slots=True, eq=False)
class TrainingRun:
    """State and curves of a training run.

    Attributes:
        folder: Folder of the run.
        state: ``running``, ``finished`` or ``stopped``.
        step: Last logged update.
        steps: Planned updates; None if the config does not state them.
        written: Time of the last log line.
        columns: Name -> steps (P,) and values (P,) of each logged metric.
        validations: (step, accuracy, standard deviation, best so far) of each validation.
        angles: (step, shares (B,)) of each histogram of angles between faces and their class.
        bin_deg: Width of a histogram bin, degrees.
        config: Settings of the run, as TOML.
        about: Main settings by name.
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


def list_runs(allowed: Sequence[str]) -> tuple[Path, ...]:
    """Return the folders of training runs below the allowed folders, latest first."""
    return folders_with(METRICS, allowed)


def read_run(folder: str, allowed: Sequence[str], now: datetime | None = None) -> TrainingRun:
    """Return the state of a run; a line that is being written is left out.

    Raises:
        ConfigError: The folder is not allowed, or holds no run.
    """
    path = checked_folder(folder, allowed)
    try:
        return _read(path, now or datetime.now(UTC))
    except OSError as error:
        raise ConfigError(
            f"'{printable(folder)}' holds no training run: {METRICS} cannot be read "
            f"({error.strerror}); name a folder that 'vidsearch train --out' wrote"
        ) from error
    except (TypeError, ValueError) as error:
        raise ConfigError(f"the run in '{printable(folder)}' is damaged ({error})") from error


def _read(path: Path, now: datetime) -> TrainingRun:
    written = datetime.fromtimestamp((path / METRICS).stat().st_mtime, UTC)
    lines, validations = read_metrics(path)
    angles = read_angles(path)
    config, settings = read_settings(path)
    steps_written = [line.step for line in lines] + [line.step for line in validations]
    step = max(steps_written, default=0)
    steps = settings.get("steps")
    steps = steps if isinstance(steps, int) else None
    is_silent = (now - written).total_seconds() > QUIET_AFTER_S
    state = "running" if not is_silent else "stopped"
    return TrainingRun(
        folder=path,
        state="finished" if steps is not None and step >= steps else state,
        step=step,
        steps=steps,
        written=written,
        columns=_columns(lines),
        validations=tuple((line.step, line.accuracy, line.std, line.best) for line in validations),
        angles=_histograms(angles),
        bin_deg=angles[-1].bin_deg if angles else 2.0,
        config=config,
        about=_main_settings(settings),
    )


def _columns(
    lines: Sequence[MetricsLine],
) -> dict[str, tuple[NDArray[np.int64], NDArray[np.float64]]]:
    series: dict[str, list[tuple[int, float]]] = {}
    for line in lines:
        for name, value in line.values.items():
            series.setdefault(name, []).append((line.step, value))
    columns = {}
    for name, pairs in series.items():
        steps = np.array([step for step, _ in pairs], np.int64)
        values = np.array([value for _, value in pairs], np.float64)
        columns[name] = _averaged(steps, values)
    return columns


def _averaged(
    steps: NDArray[np.int64], values: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return at most ``MAX_POINTS`` points: last step and mean value of each stretch."""
    if len(steps) <= MAX_POINTS:
        return steps, values
    edges = np.linspace(0, len(steps), MAX_POINTS + 1).round().astype(np.intp)
    means = np.add.reduceat(values, edges[:-1]) / np.diff(edges)
    return steps[edges[1:] - 1], means


def _histograms(lines: Sequence[AnglesLine]) -> tuple[tuple[int, NDArray[np.float64]], ...]:
    bins = len(lines[-1].counts) if lines else 0
    usable = [line for line in lines if len(line.counts) == bins]
    rows = np.unique(np.linspace(0, len(usable) - 1, MAX_HISTOGRAMS).round().astype(np.intp))
    histograms = []
    for row in rows if usable else ():
        counts = usable[row].counts
        if counts.sum() > 0:
            histograms.append((usable[row].step, counts / counts.sum()))
    return tuple(histograms)


def _main_settings(settings: dict[str, Any]) -> dict[str, str]:
    def group(name: str) -> dict[str, Any]:
        part = settings.get(name)
        return part if isinstance(part, dict) else {}

    settings_shown = {
        "Backbone": group("backbone").get("name"),
        "Loss": _loss_name(group("loss")),
        "Batch": settings.get("batch"),
        "Training set": group("data").get("path"),
    }
    return {name: str(value) for name, value in settings_shown.items() if value not in (None, "")}


def _loss_name(loss: dict[str, Any]) -> str:
    """Return a short name of a loss: kind, margins m1, m2, m3 and further terms."""
    words = [str(loss["kind"])] if "kind" in loss else []
    margin = loss.get("margin")
    if loss.get("kind") == "margin" and isinstance(margin, dict):
        names = ("angle_factor", "angle_margin_rad", "cosine_margin")
        words.append(f"({', '.join(str(margin.get(name, '?')) for name in names)})")
    words += [f"+ {name}" for name in ("intra", "inter", "triplet") if loss.get(name)]
    return " ".join(words)
