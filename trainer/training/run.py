"""A run put together: data checked, weights made or restored, then the loop."""

from __future__ import annotations

from pathlib import Path

import torch

from trainer.backbones import Backbone
from trainer.config.toml import to_toml
from trainer.config.train import TrainConfig
from trainer.data.base import FaceDataset, check_learnable
from trainer.data.opening import open_dataset
from trainer.data.pair_faces import open_pairs
from trainer.data.subset import split_identities
from trainer.head.class_head import ClassHead
from trainer.training.checkpoint import (
    RunState,
    check_same_run,
    checkpoints,
    forget_best,
    new_backbone,
    restore,
    start_from,
)
from trainer.training.loop import Loop, RunContext, RunReport
from trainer.training.manifest import Manifest, read_manifest
from trainer.training.out_of_memory import enough_memory
from trainer.training.step import TrainStep
from trainer.training.validation import Judged, Validation, pairs_of
from vidsearch.errors import ConfigError, TrainingSetError
from vidsearch.trainingset.manifest import MANIFEST


def open_sets(config: TrainConfig) -> tuple[FaceDataset, Judged | None]:
    """Open what a config names: what to learn from, and other people to validate on.

    Raises:
        ConfigError: No training set is named.
        TrainingSetError: One of them cannot be opened or divided.
    """
    if not config.data.path:
        raise ConfigError("no training set; name it after the recipe, or set data.path")
    dataset = open_dataset(config.data.path)
    if config.validation.path:
        return dataset, _validation_set(config, dataset)
    if _has_held_out_part(config.data.path):
        return dataset, open_dataset(config.data.path, "held_out")
    if config.validation.held_out:
        check_learnable(dataset)
        return split_identities(dataset, config.validation.held_out, config.seed)
    return dataset, None


def _validation_set(config: TrainConfig, dataset: FaceDataset) -> Judged:
    named = config.validation
    path = Path(named.path)
    if not (named.pair_list or path.suffix == ".bin"):
        return open_dataset(path)
    pairs = open_pairs(path, named.pair_list, dataset.template, named.pictures)
    pairs.warn_of_shared_people(dataset.identities)
    return pairs


def train(
    config: TrainConfig, dataset: FaceDataset, validation: Judged | None, place: RunContext
) -> RunReport:
    """Train, writing into the run's folder; every rank calls this.

    Args:
        config: What to do.
        dataset: What to learn from.
        validation: Other people, to know the best model by; None does without.
        place: Where.

    Raises:
        TrainingSetError: Nothing to learn from.
        TrainingError: A checkpoint does not fit, memory is too small, or the loss is no number.
        ConfigError: The folder holds a run already, or settings do not fit together.
    """
    check_learnable(dataset)
    _check_batch(config, place)
    manifest = _checkpoint_to_resume(config, dataset, place)
    with enough_memory(
        f"{place.device}, {len(dataset.identities):,} classes over {place.ranks.world_size} "
        f"processes and backbone {config.backbone.name}",
        "share the classes among more processes (torchrun), lower backbone.embedding_size, or "
        "choose a smaller backbone",
    ):
        model = _model(config, dataset, place, fresh=manifest is None)
    _check_faces(dataset, model.backbone, config)
    judge = None
    if validation is not None:
        _check_faces(validation, model.backbone, config)
        pairs = pairs_of(validation, config.validation.pairs, config.seed)
        judge = Validation(validation, pairs, place.ranks)
    state = RunState()
    if manifest is not None:
        restore(manifest, model)
        state = RunState(manifest.step, manifest.accuracy, manifest.stale)
    if place.ranks.rank == 0:
        if manifest is None:
            forget_best(place.folder)
        place.folder.mkdir(parents=True, exist_ok=True)
        (place.folder / "config.toml").write_text(to_toml(config), encoding="utf-8")
    place.ranks.barrier()
    return Loop(config, dataset, model, judge, place).go(state)


def _model(
    config: TrainConfig, dataset: FaceDataset, place: RunContext, *, fresh: bool
) -> TrainStep:
    torch.manual_seed(config.seed)
    if config.speed.threads:
        torch.set_num_threads(config.speed.threads)
    own_start = fresh and not config.backbone.weights
    backbone = new_backbone(config, published=own_start)
    if fresh and config.backbone.weights:
        start_from(config.backbone.weights, backbone, config)
    head = ClassHead(
        len(dataset.identities),
        config.backbone.embedding_size,
        config.loss,
        config.head,
        ranks=place.ranks,
        seed=config.seed,
    )
    return TrainStep(backbone, head, config, place.ranks, place.device)


def _has_held_out_part(path: str) -> bool:
    return (Path(path) / MANIFEST).is_file() and (Path(path) / "held_out").is_dir()


def _checkpoint_to_resume(
    config: TrainConfig, dataset: FaceDataset, place: RunContext
) -> Manifest | None:
    found = checkpoints(place.folder)
    if not found:
        return None
    if not place.resume:
        raise ConfigError(
            f"{place.folder} holds a run already ({found[-1].name}); add --resume to go on, or "
            "choose another --out"
        )
    manifest = read_manifest(found[-1])
    check_same_run(manifest, config, dataset.identities)
    return manifest


def _check_batch(config: TrainConfig, place: RunContext) -> None:
    parts = place.ranks.world_size * config.speed.accumulation
    if config.batch < 2 * parts:
        raise ConfigError(
            f"batch {config.batch} gives fewer than two faces to each of {parts} parts "
            f"({place.ranks.world_size} processes x accumulation {config.speed.accumulation}), too "
            "few for batch statistics; raise batch or lower speed.accumulation"
        )


def _check_faces(dataset: Judged, backbone: Backbone, config: TrainConfig) -> None:
    wanted, have = backbone.spec, dataset.template
    if have.size != wanted.input_size:
        raise TrainingSetError(
            f"training set {dataset.name!r} holds faces of {have.size} pixels ({have.name}); "
            f"backbone {config.backbone.name} takes {wanted.input_size} ({wanted.template}): make "
            f"it again with vidsearch prepare --template {wanted.template}"
        )
