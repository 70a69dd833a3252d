"""Embedding function and class weights of a checkpoint or a pack."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from trainer.backbones.base import Backbone
from trainer.config.train import TrainConfig
from trainer.training.checkpoint import load_backbone
from trainer.training.checkpoint_manifest import (
    CheckpointManifest,
    read_checkpoint_manifest,
)
from vidsearch.datatypes import AlignedFaces, Matrix
from vidsearch.device import resolve_device
from vidsearch.errors import CheckpointError, ConfigError, PackNotFoundError
from vidsearch.text.printable import quoted

Embed: TypeAlias = Callable[[AlignedFaces], Matrix]


@dataclass(frozen=True, slots=True, eq=False)
class AngleModel:
    """Embedding function, and class weights of a checkpoint.

    Attributes:
        name: Displayed name.
        embed: Function from (N, S, S, 3) uint8 RGB to (N, D) raw embeddings.
        size: S, pixels.
        weights: (C, K, D) class weights; None for a pack, or a loss without classes.
        identities: Names of the C classes.
        files: sha256 of the model's files, by name.
        configuration: Settings that are stored in the report.
        model_id: Identifier of a pack; empty for a checkpoint.
        run: Run folder of a checkpoint; None for a pack.
    """

    name: str
    embed: Embed = field(repr=False)
    size: int
    weights: NDArray[np.float32] | None = field(default=None, repr=False)
    identities: tuple[str, ...] = field(default=(), repr=False)
    files: dict[str, str] = field(default_factory=dict)
    configuration: dict[str, Any] = field(default_factory=dict)
    model_id: str = ""
    run: Path | None = None


def checkpoint_model(folder: Path) -> tuple[AngleModel, TrainConfig]:
    """Return the network of a checkpoint with its class weights, and its configuration.

    Raises:
        CheckpointError: A file is missing or damaged.
    """
    backbone, config, identities = load_backbone(folder)
    manifest = read_checkpoint_manifest(folder)
    weights = class_weights(manifest) if config.loss.has_classes else None
    model = AngleModel(
        name=f"{folder.resolve().parents[1].name}, {folder.name}",
        embed=embedder_of(backbone),
        size=backbone.spec.input_size,
        weights=weights,
        identities=identities,
        files=dict(manifest.sha256),
        configuration={"step": manifest.step, "loss": asdict(config.loss)},
        run=folder.resolve().parents[1],
    )
    return model, config


def pack_model(name: str, device: str) -> AngleModel:
    """Return the embedder of a pack.

    Args:
        name: Name or folder of the pack.
        device: ``auto``, ``cpu`` or ``cuda``.

    Raises:
        ConfigError: There is no such pack.
    """
    from vidsearch.models.registry import load_pack

    try:
        pack = load_pack(name, resolve_device(device))
    except PackNotFoundError as error:
        raise ConfigError(
            f"{quoted(name)} is neither a run with checkpoints nor a pack ({error})"
        ) from error
    return AngleModel(
        name=f"pack {pack.pack.name}",
        embed=pack.embedder.embed,
        size=pack.embedder.template.size,
        files={file.name: file.sha256 for file in pack.pack.files},
        model_id=pack.model_id,
    )


def class_weights(manifest: CheckpointManifest) -> NDArray[np.float32]:
    """Return the class weights of a checkpoint, (C, K, D) float32, K sub-centres each.

    Raises:
        CheckpointError: The checkpoint has no class weights, or a file is damaged.
    """
    parts = [
        manifest.read(name)["weight"] for name, _, _ in sorted(manifest.head, key=itemgetter(1))
    ]
    if not parts:
        raise CheckpointError(f"checkpoint {manifest.folder} holds no class weights; train again")
    return np.asarray(torch.cat(parts).float().numpy(), np.float32)


def embedder_of(backbone: Backbone, *, mirror: bool = True) -> Embed:
    """Return a function that embeds faces with a network.

    It maps (N, S, S, 3) uint8 RGB to (N, D) raw embeddings. An embedding is the sum over a face and
    its mirror image, as in validation.

    Args:
        backbone: The network; it is set to evaluation mode.
        mirror: False to embed the face alone.
    """
    backbone.eval()

    def embed(faces: AlignedFaces) -> Matrix:
        pixels = torch.from_numpy(np.ascontiguousarray(faces.transpose(0, 3, 1, 2)))
        with torch.no_grad():
            planes = backbone.normalise(pixels)
            raw = backbone(planes)
            raw = raw + backbone(planes.flip(3)) if mirror else raw
            return np.asarray(raw.numpy(), np.float32)

    return embed
