"""Complete configurations by name: published runs, and starting points for kinds of data."""

from __future__ import annotations

from collections.abc import Callable

from trainer.config.loss import LossConfig, Margin
from trainer.config.train import (
    BackboneConfig,
    CheckpointConfig,
    ComputeConfig,
    DataConfig,
    OptimConfig,
    ScheduleConfig,
    TrainConfig,
    ValidationConfig,
)
from trainer.data.augment import Augmentation
from vidsearch.errors import ConfigError
from vidsearch.text.printable import quoted


def casia_r50_arcface() -> TrainConfig:
    """ArcFace on CASIA, ResNet50: Deng et al. 2019, section 3.1 and Table 2.

    Dropout 0.4 comes from the authors' published code; the paper states no value. Gradients are
    not clipped, as in the paper.
    """
    return TrainConfig(
        steps=32_000,
        batch=512,
        optim=OptimConfig(clip_norm=0.0),
        backbone=BackboneConfig(name="iresnet50", options={"dropout": 0.4}),
        schedule=ScheduleConfig(milestones=(20_000, 28_000)),
    )


def ms1mv2_r100_arcface() -> TrainConfig:
    """ArcFace on MS1MV2, ResNet100: Deng et al. 2019, section 3.1."""
    return TrainConfig(
        steps=180_000,
        batch=512,
        optim=OptimConfig(clip_norm=0.0),
        backbone=BackboneConfig(name="iresnet100", options={"dropout": 0.4}),
        schedule=ScheduleConfig(milestones=(100_000, 160_000)),
    )


def modern_r50_arcface() -> TrainConfig:
    """ArcFace with warm-up, polynomial decay, bfloat16 and channels-last memory layout."""
    return TrainConfig(
        steps=100_000,
        batch=512,
        schedule=ScheduleConfig(kind="polynomial", warmup_steps=2_000),
        speed=ComputeConfig(precision="bfloat16", channels_last=True),
    )


def mobile_cosine() -> TrainConfig:
    """MobileFaceNet with a cosine schedule: a small model for CPUs."""
    return TrainConfig(
        steps=60_000,
        batch=256,
        backbone=BackboneConfig(name="mobilefacenet", embedding_size=128),
        schedule=ScheduleConfig(kind="cosine", warmup_steps=1_000),
    )


def vit_cosine() -> TrainConfig:
    """Small vision transformer with AdamW, with which transformers train better than with SGD."""
    return TrainConfig(
        steps=100_000,
        batch=512,
        backbone=BackboneConfig(name="vit_small"),
        optim=OptimConfig(kind="adamw", lr=1e-3, weight_decay=0.05, clip_norm=1.0),
        schedule=ScheduleConfig(kind="cosine", warmup_steps=4_000),
        speed=ComputeConfig(precision="bfloat16"),
    )


def finetune_open() -> TrainConfig:
    """Small data: the ``open`` pack's network with a new head, and early stopping.

    The first half of the network is frozen. The rest learns at a hundredth of the head's learning
    rate. Margin and scale are lower than in the paper: with few identities and a trained network,
    s = 64 overfits.
    """
    return TrainConfig(
        steps=2_000,
        batch=64,
        backbone=BackboneConfig(name="dlib", embedding_size=128, frozen_stages=3),
        loss=LossConfig(margin=Margin(angle_margin_rad=0.3), scale=32.0),
        optim=OptimConfig(lr=0.05, backbone_lr_factor=0.01),
        schedule=ScheduleConfig(kind="cosine", warmup_steps=100),
        validation=ValidationConfig(held_out=0.2, pairs=600, every=100, patience=5),
        keep=CheckpointConfig(checkpoint_every=200),
    )


def finetune_run() -> TrainConfig:
    """Small data, from a trained run: set ``backbone.weights`` to its run folder.

    ``backbone.name`` and ``backbone.options`` must equal those of that run.
    """
    return TrainConfig(
        steps=4_000,
        batch=128,
        backbone=BackboneConfig(name="iresnet50", frozen_stages=3),
        optim=OptimConfig(lr=0.05, backbone_lr_factor=0.02),
        schedule=ScheduleConfig(kind="cosine", warmup_steps=200),
        validation=ValidationConfig(held_out=0.1, every=200, patience=5),
        keep=CheckpointConfig(checkpoint_every=400),
    )


def small_from_scratch() -> TrainConfig:
    """A few hundred identities on a CPU: a narrow network, mirrored and shifted faces."""
    return TrainConfig(
        steps=3_000,
        batch=128,
        backbone=BackboneConfig(name="iresnet18", embedding_size=128, options={"width": 0.25}),
        loss=LossConfig(margin=Margin(angle_margin_rad=0.3), scale=32.0),
        schedule=ScheduleConfig(kind="cosine", warmup_steps=100),
        data=DataConfig(augmentation=Augmentation(mirror=0.5, shift_px=4)),
        validation=ValidationConfig(held_out=0.1, every=250),
        keep=CheckpointConfig(checkpoint_every=250),
    )


RECIPES: dict[str, Callable[[], TrainConfig]] = {
    recipe.__name__: recipe
    for recipe in (
        casia_r50_arcface,
        ms1mv2_r100_arcface,
        modern_r50_arcface,
        mobile_cosine,
        vit_cosine,
        finetune_open,
        finetune_run,
        small_from_scratch,
    )
}


def recipe(name: str) -> TrainConfig:
    """Return the configuration of a recipe.

    Raises:
        ConfigError: The name is unknown.

    Example:
        >>> recipe("casia_r50_arcface").schedule.milestones
        (20000, 28000)
    """
    if name not in RECIPES:
        raise ConfigError(
            f"{quoted(name)} is neither a recipe nor a file; recipes are {', '.join(RECIPES)}"
        )
    return RECIPES[name]()
