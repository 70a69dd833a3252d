"""What a run says while it goes on: JSON lines, TensorBoard, and one line in a terminal."""

from __future__ import annotations

import json
import math
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter
    from tqdm import tqdm

METRICS = "metrics.jsonl"
ANGLES = "angles.jsonl"
# Figure 4a of the paper: how theta_y is distributed, in bins of two degrees.
ANGLE_BINS_DEG = np.arange(0, 181, 2)


class MetricsLogger:
    """Rank 0 writes; the others keep silent.

    Args:
        run: Folder of the run.
        start_step: Updates made before; later lines of a broken-off run are dropped.
        steps: Of the whole run.
        batch: Faces in a step.
        tensorboard: Write event files, too.
        speaks: False for every rank but 0.
    """

    def __init__(
        self, run: Path, *, start_step: int, steps: int, batch: int, tensorboard: bool, speaks: bool
    ) -> None:
        self._run, self._batch, self._speaks = run, batch, speaks
        self._events: SummaryWriter | None = None
        self._bar: tqdm[Any] | None = None
        self._since = (time.monotonic(), start_step)
        if not speaks:
            return
        for name in (METRICS, ANGLES):
            _drop_after(run / name, start_step)
        if tensorboard:
            self._events = _summary_writer(run / "tensorboard", start_step)
        if sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(total=steps, initial=start_step, unit="step", dynamic_ncols=True)

    def metrics(self, step: int, values: dict[str, float]) -> None:
        """Write one line about the steps since the last one."""
        then, before = self._since
        now = time.monotonic()
        self._since = (now, step)
        speed = (step - before) * self._batch / max(now - then, 1e-9)
        if not self._speaks:
            return
        values = {**values, "faces_per_s": speed}
        self._line(METRICS, {"step": step, **values})
        if self._events is not None:
            for name, value in values.items():
                self._events.add_scalar(name, value, step)
        if self._bar is not None:
            self._bar.update(step - self._bar.n)
            self._bar.set_postfix_str(f"loss {values['loss']:.3f}, {speed:.0f} faces/s")

    def angles(self, step: int, angles_rad: NDArray[np.float32]) -> None:
        """Write the distribution of the angles between faces and their own class."""
        if not self._speaks or not len(angles_rad):
            return
        counts, _ = np.histogram(np.degrees(angles_rad), ANGLE_BINS_DEG)
        self._line(ANGLES, {"step": step, "bin_deg": 2, "counts": counts.tolist()})
        if self._events is not None:
            self._events.add_histogram("target_angle_deg", np.degrees(angles_rad), step)

    def validation(self, step: int, accuracy: float, std: float, *, best: bool) -> None:
        """Write what a validation found."""
        if not self._speaks:
            return
        values = {"verification_accuracy": accuracy, "verification_std": std}
        self._line(METRICS, {"step": step, **values, "best": best})
        if self._events is not None:
            self._events.add_scalar("verification_accuracy", accuracy, step)
        if self._bar is not None:
            self._bar.write(
                f"step {step}: verification accuracy {accuracy:.4f}"
                f"{', the best so far' if best else ''}",
                file=sys.stderr,
            )
        self._since = (time.monotonic(), step)

    def pause(self, step: int) -> None:
        """Leave what follows the step (a checkpoint) out of the speed."""
        self._since = (time.monotonic(), step)

    def close(self) -> None:
        """Finish event files and the line in the terminal."""
        if self._events is not None:
            self._events.close()
        if self._bar is not None:
            self._bar.close()

    def _line(self, name: str, values: dict[str, Any]) -> None:
        finite = {
            key: None if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in values.items()
        }
        with (self._run / name).open("a", encoding="utf-8") as file:
            file.write(json.dumps(finite) + "\n")


def _summary_writer(folder: Path, start_step: int) -> SummaryWriter:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own dependencies' deprecations
        from torch.utils.tensorboard import SummaryWriter

        return SummaryWriter(str(folder), purge_step=start_step)


def _drop_after(path: Path, step: int) -> None:
    """Keep the lines up to a step, so that the file is one curve; a torn last line goes, too."""
    if not path.exists():
        return
    kept = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            if json.loads(line)["step"] <= step:
                kept.append(line)
        except (ValueError, KeyError, TypeError):
            continue
    temporary = path.with_suffix(".writing")
    temporary.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
    temporary.replace(path)
