"""Complete configuration of a training run; the run saves it beside its results.

This module imports no torch, so a command can check a configuration quickly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from trainer.config.head import HeadConfig
from trainer.config.loss import LossConfig
from trainer.data.augment import Augmentation
from vidsearch.errors import ConfigError
from vidsearch.text.printable import quoted

Precision: TypeAlias = Literal["float32", "bfloat16", "float16"]
ScheduleKind: TypeAlias = Literal["constant", "step", "polynomial", "cosine"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BackboneConfig:
    """Network, and the source of its initial weights.

    Attributes:
        name: Network, see ``trainer.backbones.build``.
        embedding_size: Dimension of an embedding.
        options: Keyword arguments of the network, e.g. ``width`` or ``dropout``.
        weights: Run folder or checkpoint of the same architecture to start from. Empty for the
            network's own initial weights: random, or the published ones for ``dlib``.
        frozen_stages: Stages that do not learn, counted from the input.
        recompute_activations: Recompute activations in the backward pass: less memory, about a
            third more computation.
    """

    name: str = "iresnet50"
    embedding_size: int = 512
    options: dict[str, float] = field(default_factory=dict)
    weights: str = ""
    frozen_stages: int = 0
    recompute_activations: bool = False

    def __post_init__(self) -> None:
        _at_least("backbone.embedding_size", self.embedding_size, 1)
        _at_least("backbone.frozen_stages", self.frozen_stages, 0)

    @property
    def starts_trained(self) -> bool:
        """True if the initial weights are those of a trained network."""
        published = self.name == "dlib" and self.options.get("published", 1) != 0
        return bool(self.weights) or published


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimConfig:
    """Optimizer of backbone and head.

    Attributes:
        kind: ``sgd`` with momentum (the paper), or ``adamw`` (transformers).
        lr: Highest learning rate.
        backbone_lr_factor: Multiplies the learning rate of the backbone; below 1 for fine-tuning.
        momentum: Momentum of SGD.
        weight_decay: Weight decay of every weight, as in the paper.
        clip_norm: Largest joint norm of all gradients; 0 for no limit.
    """

    kind: Literal["sgd", "adamw"] = "sgd"
    lr: float = 0.1
    backbone_lr_factor: float = 1.0
    momentum: float = 0.9
    weight_decay: float = 5e-4
    clip_norm: float = 5.0

    def __post_init__(self) -> None:
        _positive("optim.lr", self.lr)
        _positive("optim.backbone_lr_factor", self.backbone_lr_factor)
        _at_least("optim.weight_decay", self.weight_decay, 0)
        _at_least("optim.clip_norm", self.clip_norm, 0)
        if not 0 <= self.momentum < 1:
            raise ConfigError(f"optim.momentum must lie in [0, 1); got {self.momentum}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleConfig:
    """Learning rate schedule; see ``trainer.training.optim.lr_factor``.

    Attributes:
        kind: ``constant``; ``step``, which multiplies at ``milestones``; or ``polynomial`` or
            ``cosine``, which fall smoothly to ``end_factor``.
        milestones: Steps at which the learning rate is multiplied by ``factor``.
        factor: Multiplier at a milestone.
        power: Exponent of ``polynomial``.
        end_factor: Share of the highest rate at the end of ``polynomial`` and ``cosine``.
        warmup_steps: Steps in which the rate rises linearly from zero.
    """

    kind: ScheduleKind = "step"
    milestones: tuple[int, ...] = ()
    factor: float = 0.1
    power: float = 2.0
    end_factor: float = 0.0
    warmup_steps: int = 0

    def __post_init__(self) -> None:
        if (
            list(self.milestones) != sorted(set(self.milestones))
            or min(self.milestones, default=1) < 1
        ):
            raise ConfigError(
                f"schedule.milestones must rise from at least 1; got {list(self.milestones)}"
            )
        if self.milestones and self.kind != "step":
            raise ConfigError(f"schedule.milestones belong to kind 'step'; kind is {self.kind!r}")
        _positive("schedule.factor", self.factor)
        _positive("schedule.power", self.power)
        _at_least("schedule.end_factor", self.end_factor, 0)
        _at_least("schedule.warmup_steps", self.warmup_steps, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class DataConfig:
    """Training set, and its decoding.

    Attributes:
        path: Training set, see ``trainer.data.opening.open_dataset``.
        augmentation: Random changes of a face.
        workers: Decoding processes of each rank; 0 decodes in the training process.
        max_broken: Undecodable faces that are skipped before training stops.
    """

    path: str = ""
    augmentation: Augmentation = field(default_factory=Augmentation)
    workers: int = 0
    max_broken: int = 100

    def __post_init__(self) -> None:
        _at_least("data.workers", self.workers, 0)
        _at_least("data.max_broken", self.max_broken, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationConfig:
    """Validation: verification accuracy on identities that are not in the training set.

    The checkpoint with the highest accuracy is the best model of the run.

    Attributes:
        path: Training set of other identities; a ``.bin`` verification set; or, with
            ``pair_list``, a folder of photos. Empty for the held-out part of a prepared set, or
            ``held_out`` of the training set if it has none.
        pair_list: LFW-style ``pairs.txt`` over the photos in ``path``.
        pictures: Photos of ``pair_list``: ``detect`` finds a face in each; ``aligned`` photos are
            faces aligned to ArcFace's template, like those of a ``.bin`` set.
        held_out: Share of the identities that is kept out of training if there is no other
            validation set; 0 trains without validation.
        pairs: Genuine pairs, and as many impostor pairs, drawn with the seed. A verification set
            states its own pairs.
        every: Steps between two validations.
        patience: Validations without a better accuracy after which training stops; 0 for no limit.
    """

    path: str = ""
    pair_list: str = ""
    pictures: Literal["detect", "aligned"] = "detect"
    held_out: float = 0.0
    pairs: int = 1000
    every: int = 2000
    patience: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.held_out < 1:
            raise ConfigError(f"validation.held_out must lie in [0, 1); got {self.held_out}")
        if self.pair_list and not self.path:
            raise ConfigError(
                f"validation.pair_list {quoted(self.pair_list)} needs the folder of its photos; "
                "set validation.path too"
            )
        _at_least("validation.pairs", self.pairs, 10)
        _at_least("validation.every", self.every, 1)
        _at_least("validation.patience", self.patience, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComputeConfig:
    """Precision, memory layout, compilation and threads: the TOML section ``speed``.

    Attributes:
        precision: Precision of the backbone and of the product with the class weights (autocast).
        channels_last: Channels-last memory layout, which is faster for convolutions on GPUs.
        compile: Build the backbone with torch.compile; the first step takes long.
        accumulation: Parts of a rank's share of a batch, computed one after the other. Batch
            statistics are those of a part.
        threads: CPU threads of a rank; 0 for torch's default.
    """

    precision: Precision = "float32"
    channels_last: bool = False
    compile: bool = False
    accumulation: int = 1
    threads: int = 0

    def __post_init__(self) -> None:
        _at_least("speed.accumulation", self.accumulation, 1)
        _at_least("speed.threads", self.threads, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointConfig:
    """Checkpoints and logs of a run: the TOML section ``keep``.

    Attributes:
        checkpoint_every: Steps between two checkpoints.
        checkpoints: Number of latest checkpoints that are kept.
        log_every: Steps between two lines of metrics.
        tensorboard: Write TensorBoard event files too.
    """

    checkpoint_every: int = 1000
    checkpoints: int = 2
    log_every: int = 20
    tensorboard: bool = True

    def __post_init__(self) -> None:
        for name in ("checkpoint_every", "checkpoints", "log_every"):
            _at_least(f"keep.{name}", getattr(self, name), 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """Complete configuration of a run.

    Attributes:
        steps: Updates of the weights.
        batch: Faces in a step, over all ranks.
        seed: Seed of weights, order and augmentation; the same seed gives the same loss curve.
        device: ``auto``, ``cpu`` or ``cuda``; with several ranks, one GPU for each.
        backbone: Network and its initial weights.
        loss: Loss on top of the class weights.
        head: Sampling of classes.
        optim: Optimizer.
        schedule: Learning rate schedule.
        data: Training set and decoding.
        validation: Validation set and early stopping.
        speed: Precision, compilation and threads.
        keep: Checkpoints and logs.
    """

    steps: int = 32_000
    batch: int = 512
    seed: int = 0
    device: str = "auto"
    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    head: HeadConfig = field(default_factory=HeadConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    data: DataConfig = field(default_factory=DataConfig)
    validation: ValidationConfig = field(default_factory=ValidationConfig)
    speed: ComputeConfig = field(default_factory=ComputeConfig)
    keep: CheckpointConfig = field(default_factory=CheckpointConfig)

    def __post_init__(self) -> None:
        _at_least("steps", self.steps, 1)
        _at_least("batch", self.batch, 2)
        _at_least("seed", self.seed, 0)
        self.head.check(self.loss)
        if self.head.sample_rate < 1 and self.optim.kind != "sgd":
            raise ConfigError(
                "head.sample_rate below 1 needs optim.kind 'sgd'; "
                "set head.sample_rate=1 or optim.kind=sgd"
            )
        if self.schedule.milestones and self.schedule.milestones[-1] >= self.steps:
            raise ConfigError(
                f"schedule.milestones must come before the end, step {self.steps}; got "
                f"{list(self.schedule.milestones)}: set schedule.milestones too"
            )
        if self.schedule.warmup_steps >= self.steps:
            raise ConfigError(
                f"schedule.warmup_steps must be fewer than steps ({self.steps}); "
                f"got {self.schedule.warmup_steps}"
            )


def _at_least(name: str, value: float, least: float) -> None:
    if not (math.isfinite(value) and value >= least):
        raise ConfigError(f"{name} must be at least {least}; got {value}")


def _positive(name: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0):
        raise ConfigError(f"{name} must be positive; got {value}")
