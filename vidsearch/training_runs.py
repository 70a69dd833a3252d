"""Files of a training run: names, keys, and the lines that training appends.

The trainer writes these files and the app reads them. Both import this module, so the format is
stated once. ``metrics.jsonl`` holds one JSON object per line: metrics of the last updates, or the
result of a validation. ``angles.jsonl`` holds one histogram of target angles per line.
``config.toml`` holds the configuration of the run.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidsearch.storage.files import write_atomically
from vidsearch.text.parse import read_json, read_toml

METRICS, ANGLES, CONFIG = "metrics.jsonl", "angles.jsonl", "config.toml"

STEP = "step"
ACCURACY, ACCURACY_STD, BEST = "verification_accuracy", "verification_std", "best"
BIN_DEG, COUNTS = "bin_deg", "counts"


@dataclass(frozen=True, slots=True)
class MetricsLine:
    """Metrics of the updates since the previous line.

    Attributes:
        step: Updates made so far.
        values: Metric by name; a value that is not finite is absent.
    """

    step: int
    values: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object; a value that is not finite becomes null."""
        return {STEP: self.step, **{name: _finite(value) for name, value in self.values.items()}}


@dataclass(frozen=True, slots=True)
class ValidationLine:
    """Result of one validation.

    Attributes:
        step: Updates made so far.
        accuracy: Verification accuracy, mean over folds.
        std: Standard deviation over folds.
        best: True if no earlier validation was as accurate.
    """

    step: int
    accuracy: float
    std: float
    best: bool

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {
            STEP: self.step,
            ACCURACY: _finite(self.accuracy),
            ACCURACY_STD: _finite(self.std),
            BEST: self.best,
        }


@dataclass(frozen=True, slots=True, eq=False)
class AnglesLine:
    """Histogram of the angles between faces and their own class weights.

    Attributes:
        step: Updates made so far.
        bin_deg: Width of a bin, degrees.
        counts: (B,) faces in each bin, from 0 degrees on.
    """

    step: int
    bin_deg: float
    counts: NDArray[np.float64]

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {
            STEP: self.step,
            BIN_DEG: self.bin_deg,
            COUNTS: [int(count) for count in self.counts],
        }

    @classmethod
    def from_json(cls, entry: Any) -> AnglesLine:
        """Parse a JSON value.

        Raises:
            KeyError: A key is missing.
            TypeError: The value is not an object, or a field has another type.
            ValueError: A field is not a number.
        """
        counts = np.array(entry[COUNTS], np.float64)
        return cls(int(entry[STEP]), float(entry[BIN_DEG]), counts)


RunLine = MetricsLine | ValidationLine | AnglesLine


def append_line(path: Path, line: RunLine) -> None:
    """Append a line to ``metrics.jsonl`` or ``angles.jsonl``."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line.to_json()) + "\n")


def drop_lines_after(path: Path, step: int) -> None:
    """Delete the lines after a step, and incomplete lines; a missing file stays missing.

    A run that resumes from a checkpoint repeats the later steps. Without the deletion the
    file would hold two curves.
    """
    if not path.exists():
        return
    remaining = []
    for text in path.read_text(encoding="utf-8").splitlines():
        try:
            if read_json(text)[STEP] <= step:
                remaining.append(text)
        except (ValueError, KeyError, TypeError):
            continue
    write_atomically(path, "".join(f"{text}\n" for text in remaining).encode())


def read_metrics(folder: Path) -> tuple[list[MetricsLine], list[ValidationLine]]:
    """Read ``metrics.jsonl``; incomplete and foreign lines are skipped.

    Raises:
        OSError: The file cannot be read.
    """
    metrics, validations = [], []
    for entry in _entries(folder / METRICS):
        step = entry[STEP]
        values = {
            name: float(value)
            for name, value in entry.items()
            if name not in (STEP, ACCURACY, ACCURACY_STD) and _is_number(value)
        }
        if not _is_number(entry.get(ACCURACY)):
            metrics.append(MetricsLine(step, values))
        else:
            std: Any = entry.get(ACCURACY_STD)
            std = float(std) if _is_number(std) else 0.0
            best = entry.get(BEST) is True
            validations.append(ValidationLine(step, float(entry[ACCURACY]), std, best))
    return metrics, validations


def read_angles(folder: Path) -> list[AnglesLine]:
    """Read ``angles.jsonl``; incomplete and foreign lines are skipped.

    The list is empty if the file is missing.

    Raises:
        OSError: The file cannot be read.
        TypeError: The counts of a line are not numbers.
        ValueError: The counts of a line are not numbers.
    """
    if not (folder / ANGLES).is_file():
        return []
    return [
        AnglesLine.from_json({BIN_DEG: 2.0, **entry})
        for entry in _entries(folder / ANGLES)
        if isinstance(entry.get(COUNTS), list) and entry[COUNTS]
    ]


def read_settings(folder: Path) -> tuple[str, dict[str, Any]]:
    """Return ``config.toml`` as text and as a table; both empty if it is not readable TOML."""
    try:
        text = (folder / CONFIG).read_text(encoding="utf-8")
        return text, read_toml(text)
    except (OSError, ValueError):
        return "", {}


def _entries(path: Path) -> list[dict[str, Any]]:
    entries = []
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            entry = read_json(text)
        except ValueError:
            continue
        if isinstance(entry, dict) and isinstance(entry.get(STEP), int):
            entries.append(entry)
    return entries


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
