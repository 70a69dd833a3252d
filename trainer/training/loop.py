"""Training loop: updates, metrics, validation, checkpoints, and a clean stop on a signal."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

import numpy as np
import torch

from trainer.config.train import TrainConfig
from trainer.data.base import Batch, FaceDataset
from trainer.data.loader import FaceLoader, LoaderConfig
from trainer.distributed.ranks import Ranks
from trainer.training.checkpoint import RunState, checkpoints, prune, save_checkpoint
from trainer.training.metrics_log import MetricsLogger
from trainer.training.out_of_memory import explain_out_of_memory
from trainer.training.step import StepResult, TrainStep
from trainer.training.validation import Validation
from vidsearch.errors import ConfigError, DivergedError
from vidsearch.evaluation.metrics.verification import FoldedAccuracy
from vidsearch.text.printable import quoted


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """Folder, process and device of a run.

    Attributes:
        folder: Folder of the run; the same for every rank.
        ranks: This process and the number of processes.
        device: Device of this rank.
        resume: Continue from the latest checkpoint, if there is one.
    """

    folder: Path
    ranks: Ranks
    device: torch.device
    resume: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """Result of a run.

    Attributes:
        ended: ``finished``, ``early`` (early stopping) or ``interrupted`` (SIGTERM, Ctrl-C).
        step: Updates made, including those before a resumption.
        loss: Loss of the last update; NaN if this process made none.
        accuracy: Best verification accuracy; None without validation.
        checkpoint: Latest checkpoint.
        elapsed_s: Duration of this process's part of the run, seconds.
        broken: Faces of this rank that could not be decoded.
    """

    ended: str
    step: int
    loss: float
    accuracy: float | None
    checkpoint: Path
    elapsed_s: float
    broken: int


class Loop:
    """Training loop of one rank.

    Args:
        config: Configuration of the run.
        dataset: Training set.
        model: Backbone, head and optimizers.
        validation: None for a run without validation.
        context: Folder, process and device.
    """

    def __init__(
        self,
        config: TrainConfig,
        dataset: FaceDataset,
        model: TrainStep,
        validation: Validation | None,
        context: RunContext,
    ) -> None:
        self._config, self._dataset, self._model = config, dataset, model
        self._validation, self._context, self._ranks = validation, context, context.ranks
        self._loader = FaceLoader(dataset, _loader_config(config, context))
        # Reading the loss synchronises a GPU, so do it every N steps; on a CPU every step.
        self._check_every = 1 if context.device.type == "cpu" else config.keep.log_every
        self._unchecked: list[tuple[int, Batch, StepResult]] = []
        self._stop_requested = False
        self._last_checked: tuple[int, Batch] | None = None
        self._loss = math.nan
        self._saved_step = -1

    def run(self, state: RunState) -> RunReport:
        """Train from a state to the end of the run.

        Raises:
            DivergedError: The loss or the weights are not finite; no such weights were saved.
            TrainingError: The device ran out of memory, or torch.compile failed.
        """
        started = time.monotonic()
        logger = self._logger(state)
        ended = "finished"
        starts_trained = self._config.backbone.starts_trained
        try:
            with _stop_on_signals(self._request_stop):
                if self._validation is not None and state.step == 0 and starts_trained:
                    # The best model must be more accurate than the weights training started from.
                    state = self._validate(state, logger)
                with closing(self._loader.batches(state.step)) as batches:
                    while state.step < self._config.steps and ended == "finished":
                        state, ended = self._step(next(batches), state, logger)
        finally:
            logger.close()
        if self._saved_step != state.step:
            self._save(state)
        return RunReport(
            ended=ended,
            step=state.step,
            loss=self._loss,
            accuracy=state.accuracy,
            checkpoint=checkpoints(self._context.folder)[-1],
            elapsed_s=time.monotonic() - started,
            broken=len(self._loader.broken),
        )

    def _step(self, batch: Batch, state: RunState, logger: MetricsLogger) -> tuple[RunState, str]:
        config = self._config
        # Randomness in a step (dropout) depends on seed, step and rank alone, so runs can resume.
        torch.manual_seed(hash((config.seed, state.step, self._ranks.rank)) & 0x7FFFFFFFFFFFFFFF)
        self._unchecked.append((state.step, batch, self._model.run(batch, state.step)))
        state = replace(state, step=state.step + 1)
        last = state.step == config.steps
        log = last or state.step % config.keep.log_every == 0
        checkpoint = state.step % config.keep.checkpoint_every == 0
        due = last or state.step % config.validation.every == 0
        validate = self._validation is not None and due
        if not (log or checkpoint or validate or state.step % self._check_every == 0):
            return state, "finished"
        self._check_results(state.step, logger, log=log)
        ended = "interrupted" if self._stop_requested_on_any_rank() else "finished"
        if validate:
            state = self._validate(state, logger)
            if config.validation.patience and state.stale >= config.validation.patience:
                ended = "early"
        if checkpoint or ended != "finished":
            self._save(state)
            logger.restart_clock(state.step)
        return state, ended

    def _check_results(self, now: int, logger: MetricsLogger, *, log: bool) -> None:
        """Read the results of the updates since the last check; raise if one is not finite."""
        for step, batch, result in self._unchecked:
            loss, norm = float(result.loss), float(result.gradient_norm)
            overflowed = self._model.scaler.enabled and not self._model.scaler.exhausted
            if not (math.isfinite(loss) and (math.isfinite(norm) or overflowed)):
                symptom = f"the loss is {loss:g} and the norm of the gradients {norm:g}"
                raise self._diverged(step, batch, symptom)
        step, batch, result = self._unchecked[-1]
        self._last_checked = (step, batch)
        self._unchecked.clear()
        self._loss = float(result.loss)
        if not log:
            return
        angles = result.target_angles_rad.cpu().numpy()
        values = {"loss": self._loss, "lr": result.lr}
        values["gradient_norm"] = float(result.gradient_norm)
        values |= {f"loss_{name}": float(value) for name, value in result.terms.items()}
        if len(angles):
            values["target_angle_deg"] = float(np.degrees(angles).mean())
        logger.metrics(now, values)
        logger.angles(now, angles)

    def _validate(self, state: RunState, logger: MetricsLogger) -> RunState:
        assert self._validation is not None
        self._prepare_weights()
        with explain_out_of_memory(
            f"{self._context.device}, validating {len(self._validation)} pairs",
            "lower validation.pairs",
        ):
            accuracy = self._accuracy(self._validation)
        best = state.accuracy is None or accuracy.mean > state.accuracy
        logger.validation(state.step, accuracy.mean, accuracy.std, best=best)
        if not best:
            return replace(state, stale=state.stale + 1)
        state = replace(state, accuracy=accuracy.mean, stale=0)
        self._save(state, "best")
        return state

    def _accuracy(self, validation: Validation) -> FoldedAccuracy:
        try:
            return validation.run(self._model.backbone)
        except ConfigError as error:  # raised for embeddings that are not finite
            if self._last_checked is None:
                raise
            symptom = f"the network cannot be validated after it ({error})"
            raise self._diverged(*self._last_checked, symptom) from error

    def _save(self, state: RunState, kind: str = "step") -> None:
        folder = self._context.folder
        self._prepare_weights()
        save_checkpoint(
            folder,
            f"{kind}-{state.step:08d}",
            self._model,
            state,
            config=self._config,
            identities=self._dataset.identities,
            ranks=self._ranks,
        )
        if kind == "step":
            self._saved_step = state.step
        if self._ranks.rank == 0:
            prune(folder, kind, self._config.keep.checkpoints if kind == "step" else 1)
        self._ranks.barrier()

    def _prepare_weights(self) -> None:
        """Average the batch statistics of the ranks, and raise if a weight is not finite."""
        self._model.average_statistics()
        if self._last_checked is not None and not self._model.is_finite():
            raise self._diverged(*self._last_checked, "its update left weights that are not finite")

    def _diverged(self, step: int, batch: Batch, symptom: str) -> DivergedError:
        saved = checkpoints(self._context.folder)
        faces = ", ".join(str(int(index)) for index in batch.indices[:5])
        return DivergedError(
            f"step {step}: {symptom}; the batch "
            f"holds faces {faces}, ... of {quoted(self._dataset.name)}. The last good checkpoint "
            f"is {saved[-1] if saved else 'not written yet'}; lower optim.lr or raise "
            "schedule.warmup_steps, and continue with --resume"
        )

    def _request_stop(self) -> None:
        self._stop_requested = True

    def _stop_requested_on_any_rank(self) -> bool:
        requested = torch.tensor(float(self._stop_requested), device=self._context.device)
        return bool(self._ranks.all_reduce_max(requested))

    def _logger(self, state: RunState) -> MetricsLogger:
        return MetricsLogger(
            self._context.folder,
            start_step=state.step,
            steps=self._config.steps,
            batch=self._config.batch,
            tensorboard=self._config.keep.tensorboard,
            enabled=self._ranks.rank == 0,
        )


def _loader_config(config: TrainConfig, context: RunContext) -> LoaderConfig:
    return LoaderConfig(
        global_batch=config.batch,
        seed=config.seed,
        rank=context.ranks.rank,
        world_size=context.ranks.world_size,
        augmentation=config.data.augmentation,
        workers=config.data.workers,
        max_broken=config.data.max_broken,
        pin_memory=context.device.type == "cuda",
    )


@contextmanager
def _stop_on_signals(request_stop: Callable[[], None]) -> Iterator[None]:
    """Stop after the current step on SIGTERM or Ctrl-C; a second Ctrl-C stops at once."""

    def handle(_number: int, _frame: FrameType | None) -> None:
        request_stop()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
