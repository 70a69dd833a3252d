"""One complete description of a run; it is saved beside everything the run writes.

No torch in sight: a command can check a config without loading it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from trainer.config.head import HeadConfig
from trainer.config.loss import LossConfig
from trainer.data.augment import Augmentation
from vidsearch.errors import ConfigError

Precision: TypeAlias = Literal["float32", "bfloat16", "float16"]
ScheduleKind: TypeAlias = Literal["constant", "step", "polynomial", "cosine"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BackboneConfig:
    """Which network, and where its first weights come from.

    Attributes:
        name: See ``trainer.backbones``.
        embedding_size: Length of an embedding.
        options: What the named network accepts, e.g. ``width`` or ``dropout``.
        weights: Run folder or checkpoint of the same architecture to start from; empty for the
            network's own start (random; for ``dlib`` the published weights).
        frozen_stages: Stages that do not learn, counted from the input.
        recompute_activations: Less memory for about a third more computing.
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
        """Return whether the first weights are those of a trained network."""
        published = self.name == "dlib" and self.options.get("published", 1) != 0
        return bool(self.weights) or published


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimConfig:
    """How weights learn.

    Attributes:
        kind: ``sgd`` with momentum (the paper), or ``adamw`` (transformers).
        lr: Highest learning rate.
        backbone_lr_factor: Times this for the backbone: fine-tuning.
        momentum: Of SGD.
        weight_decay: On every weight, as in the paper.
        clip_norm: Largest norm of all gradients together; 0 for no limit.
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
        kind: ``step`` divides at ``milestones``; the others fall smoothly to ``end_factor``.
        milestones: Steps at which the rate is multiplied by ``factor``.
        factor: Of a milestone.
        power: Of the polynomial.
        end_factor: Share of the rate at the end of ``polynomial`` and ``cosine``.
        warmup_steps: Steps in which the rate rises from nothing.
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
    """What is learned from.

    Attributes:
        path: A training set, see ``trainer.data.open_dataset``.
        augmentation: What may happen to a face.
        workers: Processes a rank that decode; 0 decodes in the training process.
        max_broken: Broken faces that are skipped before training stops.
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
    """How the best model is known: verification accuracy on people that are not trained on.

    Attributes:
        path: A training set of other identities; or a ``.bin`` verification set; or, with
            ``pair_list``, a folder of photos. Empty for the held-out part of a prepared set, or
            else ``held_out`` of the training set itself.
        pair_list: LFW-style ``pairs.txt`` over the photos in ``path``.
        pictures: Of ``pair_list``: ``detect`` a face in each photo, or they are ``aligned`` to
            ArcFace's template already, as those of a ``.bin`` set are.
        held_out: Share of the identities that is kept out of training where there is nothing
            else to validate on; 0 trains without validation.
        pairs: Genuine and as many impostor pairs, drawn with the seed; a verification set brings
            its own.
        every: Steps between two validations.
        patience: Validations without a better accuracy after which training stops; 0 never stops.
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
                f"validation.pair_list {self.pair_list!r} needs the folder of its photos; set "
                "validation.path, too"
            )
        _at_least("validation.pairs", self.pairs, 10)
        _at_least("validation.every", self.every, 1)
        _at_least("validation.patience", self.patience, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComputeConfig:
    """What changes speed and memory; only ``precision`` changes the numbers.

    Attributes:
        precision: Of the backbone and of the product with the class weights (autocast).
        channels_last: Memory layout that convolutions on GPUs prefer.
        compile: Let torch.compile build the backbone: slow to start.
        accumulation: Parts a rank's share of a batch is computed in, one after the other; batch
            statistics are those of a part.
        threads: CPU threads a rank; 0 leaves it to torch.
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
    """What a run writes.

    Attributes:
        checkpoint_every: Steps between two checkpoints.
        checkpoints: How many of the latest stay.
        log_every: Steps between two lines of metrics.
        tensorboard: Write event files, too.
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
    """A run, complete.

    Attributes:
        steps: Updates of the weights.
        batch: Faces in a step, over all ranks.
        seed: Same seed, same curve.
        device: ``auto``, ``cpu`` or ``cuda``; several ranks take one GPU each.
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
                "head.sample_rate below 1 is made for optim.kind 'sgd'; "
                "set head.sample_rate=1 or optim.kind=sgd"
            )
        if self.schedule.milestones and self.schedule.milestones[-1] >= self.steps:
            raise ConfigError(
                f"schedule.milestones must come before the end, step {self.steps}; got "
                f"{list(self.schedule.milestones)}: set schedule.milestones, too"
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
