"""Metrics of a run: JSON lines, TensorBoard events and a progress bar in a terminal."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vidsearch.storage.files import unicode_alias
from vidsearch.training_runs import (
    ACCURACY,
    ANGLES,
    METRICS,
    AnglesLine,
    MetricsLine,
    ValidationLine,
    append_line,
    drop_lines_after,
)

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter
    from tqdm import tqdm

BIN_DEG = 2
"""Width of a bin of the target-angle histograms (Figure 4a of the paper), degrees."""

_ANGLE_EDGES_DEG = np.arange(0, 180 + BIN_DEG, BIN_DEG)


class MetricsLogger:
    """Writer of ``metrics.jsonl``, ``angles.jsonl`` and TensorBoard events.

    Args:
        run: Folder of the run.
        start_step: Updates made before; lines beyond it, from an interrupted run, are deleted.
        steps: Updates of the whole run.
        batch: Faces in a global batch.
        tensorboard: Write event files too.
        enabled: False for every rank but 0: only rank 0 writes.
    """

    def __init__(
        self,
        run: Path,
        *,
        start_step: int,
        steps: int,
        batch: int,
        tensorboard: bool,
        enabled: bool,
    ) -> None:
        self._run, self._batch, self._enabled = run, batch, enabled
        self._events: SummaryWriter | None = None
        self._alias = ExitStack()
        self._bar: tqdm[Any] | None = None
        self._last_line = (time.monotonic(), start_step)
        if not enabled:
            return
        for name in (METRICS, ANGLES):
            drop_lines_after(run / name, start_step)
        if tensorboard:
            folder = self._alias.enter_context(unicode_alias(run))
            self._events = _summary_writer(folder / "tensorboard", start_step)
        if sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(total=steps, initial=start_step, unit="step", dynamic_ncols=True)

    def metrics(self, step: int, values: dict[str, float]) -> None:
        """Write the metrics of the updates since the last line, and the faces per second."""
        last_s, last_step = self._last_line
        now_s = time.monotonic()
        self._last_line = (now_s, step)
        speed = (step - last_step) * self._batch / max(now_s - last_s, 1e-9)
        if not self._enabled:
            return
        values = {**values, "faces_per_s": speed}
        append_line(self._run / METRICS, MetricsLine(step, values))
        if self._events is not None:
            for name, value in values.items():
                self._events.add_scalar(name, value, step)
        if self._bar is not None:
            self._bar.update(step - self._bar.n)
            self._bar.set_postfix_str(f"loss {values['loss']:.3f}, {speed:.0f} faces/s")

    def angles(self, step: int, angles_rad: NDArray[np.float32]) -> None:
        """Write a histogram of the angles between faces and their own class weights.

        Args:
            step: Updates made.
            angles_rad: (M,) radians; nothing is written if it is empty.
        """
        if not self._enabled or not len(angles_rad):
            return
        counts, _ = np.histogram(np.degrees(angles_rad), _ANGLE_EDGES_DEG)
        append_line(self._run / ANGLES, AnglesLine(step, BIN_DEG, counts.astype(np.float64)))
        if self._events is not None:
            self._events.add_histogram("target_angle_deg", np.degrees(angles_rad), step)

    def validation(self, step: int, accuracy: float, std: float, *, best: bool) -> None:
        """Write the result of a validation; its duration does not count as training time."""
        if not self._enabled:
            return
        append_line(self._run / METRICS, ValidationLine(step, accuracy, std, best))
        if self._events is not None:
            self._events.add_scalar(ACCURACY, accuracy, step)
        if self._bar is not None:
            self._bar.write(
                f"step {step}: verification accuracy {accuracy:.4f}"
                f"{', the best so far' if best else ''}",
                file=sys.stderr,
            )
        self._last_line = (time.monotonic(), step)

    def restart_clock(self, step: int) -> None:
        """Leave the time until now (a checkpoint) out of the next faces per second."""
        self._last_line = (time.monotonic(), step)

    def close(self) -> None:
        """Close the event files and the progress bar."""
        if self._events is not None:
            self._events.close()
        self._alias.close()
        if self._bar is not None:
            self._bar.close()


def _summary_writer(folder: Path, start_step: int) -> SummaryWriter:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations in TensorBoard's own dependencies
        from torch.utils.tensorboard import SummaryWriter

        return SummaryWriter(str(folder), purge_step=start_step)
