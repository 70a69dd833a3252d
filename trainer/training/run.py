"""Start of a run: open the sets, build or restore the model, then run the training loop."""

from __future__ import annotations

from pathlib import Path

import torch

from trainer.backbones.base import Backbone
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
    delete_best,
    load_initial_weights,
    new_backbone,
    restore,
)
from trainer.training.checkpoint_manifest import CheckpointManifest, read_checkpoint_manifest
from trainer.training.loop import Loop, RunContext, RunReport
from trainer.training.out_of_memory import explain_out_of_memory
from trainer.training.step import TrainStep
from trainer.training.validation import Validation, ValidationSet, pairs_of
from vidsearch.errors import ConfigError, TrainingSetError
from vidsearch.text.names import native_name
from vidsearch.text.printable import quoted
from vidsearch.training_runs import CONFIG
from vidsearch.trainingset.manifest import MANIFEST


def open_sets(config: TrainConfig) -> tuple[FaceDataset, ValidationSet | None]:
    """Open the training set and the validation set of a configuration.

    Returns:
        The training set, and the validation set; None without validation.

    Raises:
        ConfigError: The configuration names no training set.
        TrainingSetError: A set cannot be opened or split.
    """
    if not config.data.path:
        raise ConfigError("no training set; name it after the recipe, or set data.path")
    dataset = open_dataset(config.data.path)
    if config.validation.path:
        return dataset, _validation_set(config, dataset)
    folder = Path(native_name(config.data.path))
    if (folder / MANIFEST).is_file() and (folder / "held_out").is_dir():
        return dataset, open_dataset(folder, "held_out")
    if config.validation.held_out:
        check_learnable(dataset)
        return split_identities(dataset, config.validation.held_out, config.seed)
    return dataset, None


def _validation_set(config: TrainConfig, dataset: FaceDataset) -> ValidationSet:
    settings = config.validation
    path = Path(native_name(settings.path))
    if not (settings.pair_list or path.suffix == ".bin"):
        return open_dataset(path)
    pairs = open_pairs(path, native_name(settings.pair_list), dataset.template, settings.pictures)
    pairs.warn_of_shared_identities(dataset.identities)
    return pairs


def train(
    config: TrainConfig,
    dataset: FaceDataset,
    validation_set: ValidationSet | None,
    context: RunContext,
) -> RunReport:
    """Train, and write checkpoints and logs to the folder of the run; every rank calls this.

    Args:
        config: Configuration of the run.
        dataset: Training set.
        validation_set: Other identities, or pairs; None for a run without validation.
        context: Folder, process and device.

    Raises:
        TrainingSetError: The training set is not usable for training.
        TrainingError: A checkpoint does not fit, memory runs out, or the loss is not finite.
        ConfigError: The folder already holds a run, or settings contradict each other.
    """
    check_learnable(dataset)
    _check_batch(config, context)
    manifest = _checkpoint_to_resume(config, dataset, context)
    with explain_out_of_memory(
        f"{context.device}, {len(dataset.identities):,} classes over {context.ranks.world_size} "
        f"processes and backbone {config.backbone.name}",
        "share the classes among more processes (torchrun), lower backbone.embedding_size, or "
        "choose a smaller backbone",
    ):
        model = _model(config, dataset, context, fresh=manifest is None)
    _check_faces(dataset, model.backbone, config)
    validation = None
    if validation_set is not None:
        _check_faces(validation_set, model.backbone, config)
        pairs = pairs_of(validation_set, config.validation.pairs, config.seed)
        validation = Validation(validation_set, pairs, context.ranks)
    state = RunState()
    if manifest is not None:
        restore(manifest, model)
        state = RunState(manifest.step, manifest.accuracy, manifest.stale)
    if context.ranks.rank == 0:
        if manifest is None:
            delete_best(context.folder)
        context.folder.mkdir(parents=True, exist_ok=True)
        (context.folder / CONFIG).write_text(to_toml(config), encoding="utf-8")
    context.ranks.barrier()
    return Loop(config, dataset, model, validation, context).run(state)


def _model(
    config: TrainConfig, dataset: FaceDataset, context: RunContext, *, fresh: bool
) -> TrainStep:
    torch.manual_seed(config.seed)
    if config.speed.threads:
        torch.set_num_threads(config.speed.threads)
    backbone = new_backbone(config, published=fresh and not config.backbone.weights)
    if fresh and config.backbone.weights:
        load_initial_weights(config.backbone.weights, backbone, config)
    head = ClassHead(
        len(dataset.identities),
        config.backbone.embedding_size,
        config.loss,
        config.head,
        ranks=context.ranks,
        seed=config.seed,
    )
    return TrainStep(backbone, head, config, context.ranks, context.device)


def _checkpoint_to_resume(
    config: TrainConfig, dataset: FaceDataset, context: RunContext
) -> CheckpointManifest | None:
    saved = checkpoints(context.folder)
    if not saved:
        return None
    if not context.resume:
        raise ConfigError(
            f"{context.folder} holds a run already ({saved[-1].name}); add --resume to continue "
            "it, or choose another --out"
        )
    manifest = read_checkpoint_manifest(saved[-1])
    check_same_run(manifest, config, dataset.identities)
    return manifest


def _check_batch(config: TrainConfig, context: RunContext) -> None:
    parts = context.ranks.world_size * config.speed.accumulation
    if config.batch < 2 * parts:
        raise ConfigError(
            f"batch {config.batch} gives fewer than two faces to each of {parts} parts "
            f"({context.ranks.world_size} processes x accumulation {config.speed.accumulation}), "
            "too few for batch statistics; raise batch or lower speed.accumulation"
        )


def _check_faces(dataset: ValidationSet, backbone: Backbone, config: TrainConfig) -> None:
    spec, template = backbone.spec, dataset.template
    if template.size != spec.input_size:
        raise TrainingSetError(
            f"training set {quoted(dataset.name)} holds faces of {template.size} pixels "
            f"({template.name}); backbone {config.backbone.name} takes {spec.input_size} "
            f"({spec.template}): make the set again with vidsearch prepare --template "
            f"{spec.template}"
        )
