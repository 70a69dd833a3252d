"""What a run can go on from: whole or not there at all, and free of the number of processes.

A checkpoint is a folder: ``manifest.json`` names the step, the config, and every file with its
sha256; ``identities.json`` the classes; ``model.pt`` the backbone; ``optimizer.pt`` its momentum;
``head-i.pt`` consecutive rows of the class weights with theirs, which any number of processes can
share anew. It is written under another name and renamed when all of it is on the disk.
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

from trainer.backbones import Backbone, build_backbone
from trainer.config.toml import to_toml
from trainer.config.train import TrainConfig
from trainer.distributed.ranks import Ranks
from trainer.training.manifest import (
    FORMAT,
    MALFORMED,
    MANIFEST,
    REMEDY,
    Manifest,
    read_manifest,
    write_json,
    write_tensors,
)
from trainer.training.step import TrainStep
from vidsearch.errors import CheckpointError, ConfigError

_FOLDER = "checkpoints"
_WRITING = ".writing-"


@dataclass(frozen=True, slots=True)
class RunState:
    """What a run knows beside its weights.

    Attributes:
        step: Updates made.
        accuracy: Best verification accuracy so far.
        stale: Validations since then.
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
    """Write a checkpoint with all ranks; it is there when the last one has returned.

    Args:
        run: The run's folder, the same for every rank.
        name: Of the checkpoint, e.g. ``step-00001000``.
        model: What to write.
        state: What to write beside it.
        config: Of the run.
        identities: Of the classes.
        ranks: Who we are.
    """
    final = run / _FOLDER / name
    temporary = final.with_name(_WRITING + name)
    if ranks.rank == 0:
        for leftover in final.parent.glob(f"{_WRITING}*"):
            shutil.rmtree(leftover)
        temporary.mkdir(parents=True)
    ranks.barrier()
    rows, numbers = model.head_optimizer.rows_state()
    part, held = f"head-{ranks.rank}.pt", model.head.held
    mine = (part, held.start, held.stop, write_tensors(temporary / part, rows))
    everyone: list[Any] = [mine]
    if ranks.world_size > 1:
        everyone = [None] * ranks.world_size
        dist.all_gather_object(everyone, mine)
    if ranks.rank == 0:
        files = {file: digest for file, _, _, digest in everyone}
        weights, momentum = _plain(model.backbone.state_dict()), model.optimizer.state_dict()
        files["model.pt"] = write_tensors(temporary / "model.pt", weights)
        files["optimizer.pt"] = write_tensors(temporary / "optimizer.pt", momentum)
        files["identities.json"] = write_json(temporary / "identities.json", list(identities))
        manifest = {
            "format": FORMAT,
            "step": state.step,
            "accuracy": state.accuracy,
            "stale": state.stale,
            "scale": model.scaler.scale,
            "config": to_toml(config),
            "head": [list(entry[:3]) for entry in everyone],
            "head_numbers": numbers,
            "sha256": files,
        }
        write_json(temporary / MANIFEST, manifest)
        if final.exists():
            shutil.rmtree(final)
        temporary.rename(final)
    ranks.barrier()
    return final


def checkpoints(run: Path, kind: str = "step") -> list[Path]:
    """Return a run's whole checkpoints, oldest first.

    Args:
        run: The run's folder.
        kind: ``step`` (to go on from) or ``best`` (by verification accuracy).
    """
    return sorted(p.parent for p in (run / _FOLDER).glob(f"{kind}-*/{MANIFEST}"))


def prune(run: Path, kind: str, keep: int) -> None:
    """Delete all but the newest checkpoints of a kind."""
    for folder in checkpoints(run, kind)[:-keep]:
        shutil.rmtree(folder)


def forget_best(run: Path) -> None:
    """Delete the best model of a run that was killed before its first checkpoint to go on from."""
    for folder in checkpoints(run, "best"):
        shutil.rmtree(folder)


def restore(manifest: Manifest, model: TrainStep) -> None:
    """Load everything into a model, whatever number of ranks wrote it.

    Raises:
        CheckpointError: Damaged, or of another architecture.
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
            "or number of classes; start anew in another folder, or restore those settings"
        ) from error


def _restore_head(manifest: Manifest, model: TrainStep) -> None:
    held = model.head.held
    parts: list[dict[str, Tensor]] = []
    for name, start, stop in manifest.head:
        first, end = max(start, held.start), min(stop, held.stop)
        if first < end:
            rows = manifest.read(name)
            parts.append({key: value[first - start : end - start] for key, value in rows.items()})
    if parts:
        rows = {key: torch.cat([part[key] for part in parts]) for key in parts[0]}
        model.head_optimizer.load_rows(rows, manifest.head_numbers)


def load_backbone(place: str | Path) -> tuple[Backbone, TrainConfig, tuple[str, ...]]:
    """Return the network of a run, in evaluation mode, with its config and identities.

    Args:
        place: A checkpoint, or a run folder: its best model by verification accuracy, or its
            latest where nothing was validated.

    Raises:
        CheckpointError: Neither, or damaged.
    """
    folder = Path(place)
    if not (folder / MANIFEST).is_file():
        found = checkpoints(folder, "best") or checkpoints(folder)
        if not found:
            raise CheckpointError(
                f"{folder} is neither a run with checkpoints nor a checkpoint; check the path"
            )
        folder = found[-1]
    manifest = read_manifest(folder)
    backbone = new_backbone(manifest.config, published=False)
    _load_backbone(manifest, backbone)
    return backbone.eval(), manifest.config, tuple(manifest.read("identities.json"))


def new_backbone(config: TrainConfig, *, published: bool = True) -> Backbone:
    """Return the network a config names, with its own first weights.

    Args:
        config: Of the run.
        published: False leaves out weights that a network brings along, where all of them will
            be replaced anyway.
    """
    options: dict[str, Any] = dict(config.backbone.options)
    if config.backbone.name == "dlib" and not published:
        options["published"] = False
    return build_backbone(config.backbone.name, config.backbone.embedding_size, **options)


def start_from(place: str, backbone: Backbone, config: TrainConfig) -> None:
    """Take over the weights of another run's network of the same architecture.

    Raises:
        CheckpointError: Another architecture, or nothing to read.
    """
    other, other_config, _ = load_backbone(place)
    wanted, found = config.backbone, other_config.backbone
    try:
        backbone.load_state_dict(other.state_dict())
    except RuntimeError as error:
        raise CheckpointError(
            f"checkpoint {place} holds {_words(found.name, found.embedding_size, found.options)}, "
            f"this run asks for {_words(wanted.name, wanted.embedding_size, wanted.options)}; "
            "set backbone.name, backbone.embedding_size and backbone.options to the checkpoint's"
        ) from error


def check_same_run(manifest: Manifest, config: TrainConfig, identities: tuple[str, ...]) -> None:
    """Raise unless a run with this config can go on from a checkpoint.

    Raises:
        CheckpointError: Another architecture, or other classes.
        ConfigError: What a run must not change on its way: batch, seed, kind of optimizer.
    """
    old, new = manifest.config, config
    if (old.backbone.name, old.backbone.embedding_size, old.backbone.options) != (
        new.backbone.name,
        new.backbone.embedding_size,
        new.backbone.options,
    ):
        raise CheckpointError(
            f"checkpoint {manifest.folder} is of another architecture: "
            f"{_words(old.backbone.name, old.backbone.embedding_size, old.backbone.options)}, not "
            f"{_words(new.backbone.name, new.backbone.embedding_size, new.backbone.options)}; "
            "choose another --out, or the same backbone"
        )
    fixed = {
        "batch": (old.batch, new.batch),
        "seed": (old.seed, new.seed),
        "optim.kind": (old.optim.kind, new.optim.kind),
        "backbone.frozen_stages": (old.backbone.frozen_stages, new.backbone.frozen_stages),
        "head.sample_rate < 1": (old.head.sample_rate < 1, new.head.sample_rate < 1),
    }
    for name, (before, now) in fixed.items():
        if before != now:
            raise ConfigError(
                f"a run cannot change {name} on its way: it was {before}, now {now}; restore it, "
                "or start anew in another --out"
            )
    if tuple(manifest.read("identities.json")) != identities:
        raise CheckpointError(
            f"checkpoint {manifest.folder} was trained on other identities than the training set "
            "holds now; name the same set, or start anew in another --out"
        )


def _load_backbone(manifest: Manifest, backbone: Backbone) -> None:
    weights = manifest.read("model.pt")
    try:
        backbone.load_state_dict(weights)
    except MALFORMED as error:
        raise CheckpointError(
            f"checkpoint {manifest.folder}: model.pt does not fit the architecture that its "
            f"config names; {REMEDY}"
        ) from error


def _words(name: str, size: int, options: Mapping[str, float]) -> str:
    more = "".join(f", {key} {value}" for key, value in sorted(options.items()))
    return f"{name} ({size} numbers{more})"


def _plain(state: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value.contiguous() if isinstance(value, Tensor) else value
        for name, value in state.items()
    }
