"""The steps of a run: metrics, validation, checkpoints, and an end that loses nothing."""

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
from trainer.training.out_of_memory import enough_memory
from trainer.training.step import StepResult, TrainStep
from trainer.training.validation import Validation
from vidsearch.errors import ConfigError, DivergedError
from vidsearch.evaluation.metrics.verification import FoldedAccuracy


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """Where a run takes place.

    Attributes:
        folder: Of the run; the same for every rank.
        ranks: Who we are.
        device: Of this rank.
        resume: Go on from the latest checkpoint, if there is one.
    """

    folder: Path
    ranks: Ranks
    device: torch.device
    resume: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """How a run ended.

    Attributes:
        ended: ``finished``, ``early`` (it got no better) or ``interrupted`` (SIGTERM, Ctrl-C).
        step: Updates made, over all its parts.
        loss: Of the last step; NaN where none was made.
        accuracy: Best verification accuracy; None without validation.
        checkpoint: The latest.
        elapsed_s: Of this part of the run.
        broken: Faces that could not be decoded on this rank.
    """

    ended: str
    step: int
    loss: float
    accuracy: float | None
    checkpoint: Path
    elapsed_s: float
    broken: int


class Loop:
    """The steps of one run on one rank.

    Args:
        config: What to do.
        dataset: What to learn from.
        model: What learns.
        judge: Validation; None does without.
        place: Where.
    """

    def __init__(
        self,
        config: TrainConfig,
        dataset: FaceDataset,
        model: TrainStep,
        judge: Validation | None,
        place: RunContext,
    ) -> None:
        self._config, self._dataset, self._model, self._judge = config, dataset, model, judge
        self._place, self._ranks = place, place.ranks
        self._loader = FaceLoader(dataset, _loader_config(config, place))
        # Asking a GPU for a number makes it wait; a processor is asked at every step.
        self._look_every = 1 if place.device.type == "cpu" else config.keep.log_every
        self._unseen: list[tuple[int, Batch, StepResult]] = []
        self._asked_to_stop = False
        self._latest: tuple[int, Batch] | None = None
        self._loss = math.nan
        self._saved_at = -1

    def go(self, state: RunState) -> RunReport:
        """Run from a state to the end.

        Raises:
            DivergedError: The loss is no number; nothing was saved since.
            TrainingError: Memory is too small.
        """
        started = time.monotonic()
        journal = self._journal(state)
        ended = "finished"
        trained = self._config.backbone.starts_trained
        try:
            with _stopped_by_signals(self._ask_to_stop):
                if self._judge is not None and state.step == 0 and trained:
                    # What it can do already is the least that its best model must do.
                    state = self._validate(state, journal)
                with closing(self._loader.batches(state.step)) as batches:
                    while state.step < self._config.steps and ended == "finished":
                        state, ended = self._step(next(batches), state, journal)
        finally:
            journal.close()
        if self._saved_at != state.step:
            self._save(state)
        return RunReport(
            ended=ended,
            step=state.step,
            loss=self._loss,
            accuracy=state.accuracy,
            checkpoint=checkpoints(self._place.folder)[-1],
            elapsed_s=time.monotonic() - started,
            broken=len(self._loader.broken),
        )

    def _step(self, batch: Batch, state: RunState, journal: MetricsLogger) -> tuple[RunState, str]:
        config = self._config
        # What is random in a step (dropout) depends on seed, step and rank alone: resumable.
        torch.manual_seed(hash((config.seed, state.step, self._ranks.rank)) & 0x7FFFFFFFFFFFFFFF)
        self._unseen.append((state.step, batch, self._model.run(batch, state.step)))
        state = replace(state, step=state.step + 1)
        last = state.step == config.steps
        log = last or state.step % config.keep.log_every == 0
        checkpoint = state.step % config.keep.checkpoint_every == 0
        validate = self._judge is not None and (last or state.step % config.validation.every == 0)
        if not (log or checkpoint or validate or state.step % self._look_every == 0):
            return state, "finished"
        self._look(state.step, journal, log=log)
        ended = "interrupted" if self._anyone_asked_to_stop() else "finished"
        if validate:
            state = self._validate(state, journal)
            if config.validation.patience and state.stale >= config.validation.patience:
                ended = "early"
        if checkpoint or ended != "finished":
            self._save(state)
            journal.pause(state.step)
        return state, ended

    def _look(self, now: int, journal: MetricsLogger, *, log: bool) -> None:
        """Bring the numbers of the steps since the last look here, and judge them."""
        for step, batch, result in self._unseen:
            loss, norm = float(result.loss), float(result.gradient_norm)
            overflowed = self._model.scaler.enabled and not self._model.scaler.exhausted
            if not (math.isfinite(loss) and (math.isfinite(norm) or overflowed)):
                what = f"the loss is {loss:g} and the norm of the gradients {norm:g}"
                raise self._diverged(step, batch, what)
        step, batch, result = self._unseen[-1]
        self._latest = (step, batch)
        self._unseen.clear()
        self._loss = float(result.loss)
        if not log:
            return
        angles = result.target_angles_rad.cpu().numpy()
        values = {"loss": self._loss, "lr": result.lr}
        values["gradient_norm"] = float(result.gradient_norm)
        values |= {f"loss_{name}": float(value) for name, value in result.terms.items()}
        if len(angles):
            values["target_angle_deg"] = float(np.degrees(angles).mean())
        journal.metrics(now, values)
        journal.angles(now, angles)

    def _validate(self, state: RunState, journal: MetricsLogger) -> RunState:
        assert self._judge is not None
        self._settle()
        with enough_memory(
            f"{self._place.device}, validating {len(self._judge)} pairs", "lower validation.pairs"
        ):
            found = self._judged()
        best = state.accuracy is None or found.mean > state.accuracy
        journal.validation(state.step, found.mean, found.std, best=best)
        if not best:
            return replace(state, stale=state.stale + 1)
        state = replace(state, accuracy=found.mean, stale=0)
        self._save(state, "best")
        return state

    def _judged(self) -> FoldedAccuracy:
        assert self._judge is not None
        try:
            return self._judge.run(self._model.backbone)
        except ConfigError as error:  # embeddings that overflowed cannot be compared
            if self._latest is None:
                raise
            what = f"the network cannot be validated after it ({error})"
            raise self._diverged(*self._latest, what) from error

    def _save(self, state: RunState, kind: str = "step") -> None:
        folder = self._place.folder
        self._settle()
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
            self._saved_at = state.step
        if self._ranks.rank == 0:
            prune(folder, kind, self._config.keep.checkpoints if kind == "step" else 1)
        self._ranks.barrier()

    def _settle(self) -> None:
        """Make the weights ready to be used or kept.

        Raises:
            DivergedError: They are no numbers any more.
        """
        self._model.settle_statistics()
        if self._latest is not None and not self._model.is_finite():
            raise self._diverged(*self._latest, "its update left weights that are no numbers")

    def _diverged(self, step: int, batch: Batch, what: str) -> DivergedError:
        kept = checkpoints(self._place.folder)
        faces = ", ".join(str(int(index)) for index in batch.indices[:5])
        return DivergedError(
            f"step {step}: {what}; the batch "
            f"holds faces {faces}, ... of {self._dataset.name!r}. The last good checkpoint is "
            f"{kept[-1] if kept else 'not written yet'}; lower optim.lr or raise "
            "schedule.warmup_steps, and go on with --resume"
        )

    def _ask_to_stop(self) -> None:
        self._asked_to_stop = True

    def _anyone_asked_to_stop(self) -> bool:
        asked = torch.tensor(float(self._asked_to_stop), device=self._place.device)
        return bool(self._ranks.largest(asked))

    def _journal(self, state: RunState) -> MetricsLogger:
        return MetricsLogger(
            self._place.folder,
            start_step=state.step,
            steps=self._config.steps,
            batch=self._config.batch,
            tensorboard=self._config.keep.tensorboard,
            speaks=self._ranks.rank == 0,
        )


def _loader_config(config: TrainConfig, place: RunContext) -> LoaderConfig:
    return LoaderConfig(
        global_batch=config.batch,
        seed=config.seed,
        rank=place.ranks.rank,
        world_size=place.ranks.world_size,
        augmentation=config.data.augmentation,
        workers=config.data.workers,
        max_broken=config.data.max_broken,
        pin_memory=place.device.type == "cuda",
    )


@contextmanager
def _stopped_by_signals(ask: Callable[[], None]) -> Iterator[None]:
    """End after the step at hand on SIGTERM or Ctrl-C; a second Ctrl-C ends at once."""

    def handle(_number: int, _frame: FrameType | None) -> None:
        ask()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
