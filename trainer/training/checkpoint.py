"""Checkpoints: written atomically, and readable on any number of processes.

A checkpoint is a folder:

- ``manifest.json``: step, configuration, and the sha256 of every other file.
- ``identities.json``: names of the classes.
- ``model.pt``: weights of the backbone.
- ``optimizer.pt``: optimizer state of the backbone.
- ``head-i.pt``: consecutive rows of the class weights, with their optimizer state. Any number of
  processes can split the rows again.

The folder is written under a temporary name and renamed when all files are on the disk.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist

from trainer.backbones.base import Backbone
from trainer.backbones.build import build_backbone
from trainer.config.toml import to_toml
from trainer.config.train import BackboneConfig, TrainConfig
from trainer.distributed.ranks import Ranks
from trainer.training.checkpoint_manifest import (
    FORMAT,
    MALFORMED,
    MANIFEST,
    REMEDY,
    CheckpointManifest,
    read_checkpoint_manifest,
    write_json,
    write_tensors,
)
from trainer.training.step import TrainStep
from vidsearch.errors import CheckpointError, ConfigError
from vidsearch.text.printable import printable

_FOLDER = "checkpoints"
_WRITING = ".writing-"


@dataclass(frozen=True, slots=True)
class RunState:
    """Progress of a run.

    Attributes:
        step: Updates made.
        accuracy: Best verification accuracy so far; None before the first validation.
        stale: Validations since the best one.
    """

    step: int = 0
    accuracy: float | None = None
    stale: int = 0


def save_checkpoint(
    run: Path,
    name: str,
    model: TrainStep,
    state: RunState,
    *,
    config: TrainConfig,
    identities: tuple[str, ...],
    ranks: Ranks,
) -> Path:
    """Write a checkpoint; every rank calls this, and the checkpoint is complete on return.

    Args:
        run: Folder of the run, the same for every rank.
        name: Name of the checkpoint, e.g. ``step-00001000``.
        model: Backbone, head and optimizers.
        state: Progress of the run.
        config: Configuration of the run.
        identities: Names of the classes.
        ranks: This process and the number of processes.

    Raises:
        CheckpointError: The checkpoint cannot be written, e.g. on a full disk; earlier ones stay.
    """
    final = run / _FOLDER / name
    temporary = final.with_name(_WRITING + name)
    try:
        _write(temporary, final, model, state, config, identities, ranks)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        earlier = checkpoints(run)
        earlier_state = f"{earlier[-1].name} is kept" if earlier else "there is no earlier one"
        raise CheckpointError(
            f"checkpoint '{printable(str(final))}' cannot be written ({error.strerror or error}); "
            f"{earlier_state}: make space on the disk, and go on with --resume"
        ) from error
    ranks.barrier()
    return final


def _write(
    temporary: Path,
    final: Path,
    model: TrainStep,
    state: RunState,
    config: TrainConfig,
    identities: tuple[str, ...],
    ranks: Ranks,
) -> None:
    if ranks.rank == 0:
        for leftover in final.parent.glob(f"{_WRITING}*"):
            shutil.rmtree(leftover)
        temporary.mkdir(parents=True)
    ranks.barrier()
    rows, numbers = model.head_optimizer.rows_state()
    file, classes = f"head-{ranks.rank}.pt", model.head.local_classes
    part = (file, classes.start, classes.stop, write_tensors(temporary / file, rows))
    parts: list[Any] = [part]
    if ranks.world_size > 1:
        parts = [None] * ranks.world_size
        dist.all_gather_object(parts, part)
    if ranks.rank == 0:
        files = {name: digest for name, _, _, digest in parts}
        weights = _contiguous(model.backbone.state_dict())
        files["model.pt"] = write_tensors(temporary / "model.pt", weights)
        files["optimizer.pt"] = write_tensors(
            temporary / "optimizer.pt", model.optimizer.state_dict()
        )
        files["identities.json"] = write_json(temporary / "identities.json", list(identities))
        manifest = {
            "format": FORMAT,
            "step": state.step,
            "accuracy": state.accuracy,
            "stale": state.stale,
            "scale": model.scaler.scale,
            "config": to_toml(config),
            "head": [list(entry[:3]) for entry in parts],
            "head_numbers": numbers,
            "sha256": files,
        }
        write_json(temporary / MANIFEST, manifest)
        if final.exists():
            shutil.rmtree(final)
        temporary.rename(final)


def checkpoints(run: Path, kind: str = "step") -> list[Path]:
    """Return the complete checkpoints of a run, oldest first.

    Args:
        run: Folder of the run.
        kind: ``step`` (to resume from) or ``best`` (highest verification accuracy).
    """
    return sorted(p.parent for p in (run / _FOLDER).glob(f"{kind}-*/{MANIFEST}"))


def prune(run: Path, kind: str, keep: int) -> None:
    """Delete all but the newest checkpoints of a kind."""
    for folder in checkpoints(run, kind)[:-keep]:
        shutil.rmtree(folder)


def delete_best(run: Path) -> None:
    """Delete the best model of a run that was killed before its first checkpoint to resume from."""
    for folder in checkpoints(run, "best"):
        shutil.rmtree(folder)


def restore(manifest: CheckpointManifest, model: TrainStep) -> None:
    """Load a checkpoint into a model; any number of ranks may have written the checkpoint.

    Raises:
        CheckpointError: A file is damaged, or of another architecture.
    """
    _load_backbone(manifest, model.backbone)
    momentum = manifest.read("optimizer.pt")
    try:
        model.optimizer.load_state_dict(momentum)
    except MALFORMED as error:
        raise CheckpointError(
            f"checkpoint {manifest.folder}: optimizer.pt does not fit the run's optimizer; {REMEDY}"
        ) from error
    model.scaler.scale = manifest.scale
    try:
        _restore_head(manifest, model)
    except CheckpointError:
        raise
    except MALFORMED as error:
        raise CheckpointError(
            f"checkpoint {manifest.folder}: its class weights are of another loss, optimizer "
            "or number of classes; start a new run in another folder, or restore those settings"
        ) from error


def _restore_head(manifest: CheckpointManifest, model: TrainStep) -> None:
    classes = model.head.local_classes
    parts: list[dict[str, Tensor]] = []
    for name, start, stop in manifest.head:
        first, end = max(start, classes.start), min(stop, classes.stop)
        if first < end:
            rows = manifest.read(name)
            parts.append({key: value[first - start : end - start] for key, value in rows.items()})
    if parts:
        rows = {key: torch.cat([part[key] for part in parts]) for key in parts[0]}
        model.head_optimizer.load_rows(rows, manifest.head_numbers)


def find_checkpoint(path: Path) -> Path | None:
    """Return a checkpoint itself, or the best, else latest checkpoint of a run; else None."""
    if (path / MANIFEST).is_file():
        return path
    saved = checkpoints(path, "best") or checkpoints(path)
    return saved[-1] if saved else None


def load_backbone(path: str | Path) -> tuple[Backbone, TrainConfig, tuple[str, ...]]:
    """Return the network of a run, in evaluation mode, with its configuration and identities.

    Args:
        path: A checkpoint, or a run folder. Of a run folder, the checkpoint with the best
            verification accuracy, or the latest one if the run had no validation.

    Raises:
        CheckpointError: The path is neither a run nor a checkpoint, or a file is damaged.
    """
    folder = find_checkpoint(Path(path))
    if folder is None:
        raise CheckpointError(
            f"{path} is neither a run with checkpoints nor a checkpoint; check the path"
        )
    manifest = read_checkpoint_manifest(folder)
    backbone = new_backbone(manifest.config, published=False)
    _load_backbone(manifest, backbone)
    return backbone.eval(), manifest.config, tuple(manifest.read("identities.json"))


def new_backbone(config: TrainConfig, *, published: bool = True) -> Backbone:
    """Return the network of a configuration, with its initial weights.

    Args:
        config: Configuration of the run.
        published: False skips loading published weights, for a network whose weights will be
            replaced.
    """
    options: dict[str, Any] = dict(config.backbone.options)
    if config.backbone.name == "dlib" and not published:
        options["published"] = False
    return build_backbone(config.backbone.name, config.backbone.embedding_size, **options)


def load_initial_weights(path: str, backbone: Backbone, config: TrainConfig) -> None:
    """Load the weights of another run's network of the same architecture.

    Args:
        path: Run folder or checkpoint.
        backbone: Network that receives the weights.
        config: Configuration of the new run.

    Raises:
        CheckpointError: There is no checkpoint, or it has another architecture.
    """
    other, other_config, _ = load_backbone(path)
    own, found = config.backbone, other_config.backbone
    try:
        backbone.load_state_dict(other.state_dict())
    except RuntimeError as error:
        raise CheckpointError(
            f"checkpoint {path} holds {_architecture(found)}, this run needs "
            f"{_architecture(own)}; "
            "set backbone.name, backbone.embedding_size and backbone.options to the checkpoint's"
        ) from error


def check_same_run(
    manifest: CheckpointManifest, config: TrainConfig, identities: tuple[str, ...]
) -> None:
    """Check that a run with this configuration can resume from a checkpoint.

    Raises:
        CheckpointError: The architecture or the classes differ.
        ConfigError: A setting differs that a run must not change: batch, seed, kind of optimizer.
    """
    old, new = manifest.config, config
    if (old.backbone.name, old.backbone.embedding_size, old.backbone.options) != (
        new.backbone.name,
        new.backbone.embedding_size,
        new.backbone.options,
    ):
        raise CheckpointError(
            f"checkpoint {manifest.folder} is of another architecture: "
            f"{_architecture(old.backbone)}, not {_architecture(new.backbone)}; "
            "choose another --out, or the same backbone"
        )
    fixed = {
        "batch": (old.batch, new.batch),
        "seed": (old.seed, new.seed),
        "optim.kind": (old.optim.kind, new.optim.kind),
        "backbone.frozen_stages": (old.backbone.frozen_stages, new.backbone.frozen_stages),
        "head.sample_rate < 1": (old.head.sample_rate < 1, new.head.sample_rate < 1),
    }
    for name, (old_value, new_value) in fixed.items():
        if old_value != new_value:
            raise ConfigError(
                f"a run cannot change {name} when it resumes: it was {old_value}, now {new_value}; "
                "restore the old value, or start a new run in another --out"
            )
    if tuple(manifest.read("identities.json")) != identities:
        raise CheckpointError(
            f"checkpoint {manifest.folder} was trained on other identities than the training set "
            "holds now; name the same set, or start a new run in another --out"
        )


def _load_backbone(manifest: CheckpointManifest, backbone: Backbone) -> None:
    weights = manifest.read("model.pt")
    try:
        backbone.load_state_dict(weights)
    except MALFORMED as error:
        raise CheckpointError(
            f"checkpoint {manifest.folder}: model.pt does not fit the architecture that its "
            f"config names; {REMEDY}"
        ) from error


def _architecture(backbone: BackboneConfig) -> str:
    options = "".join(f", {key} {value}" for key, value in sorted(backbone.options.items()))
    return f"{backbone.name} ({backbone.embedding_size} numbers{options})"


def _contiguous(state: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value.contiguous() if isinstance(value, Tensor) else value
        for name, value in state.items()
    }
