"""Synthetic people: each is a texture of coarse squares, each face the texture with noise."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PilImage

from trainer.config.train import (
    BackboneConfig,
    CheckpointConfig,
    OptimConfig,
    ScheduleConfig,
    TrainConfig,
    ValidationConfig,
)
from vidsearch.datatypes import Image
from vidsearch.faces.geometry.align import ARCFACE_112, AlignmentTemplate
from vidsearch.trainingset.manifest import MANIFEST, TrainingSetManifest

SIDE = 32
TEMPLATE = AlignmentTemplate("synthetic_32", SIDE, ARCFACE_112.points)


@dataclass(frozen=True)
class SyntheticPeople:
    """A ``FaceDataset`` in memory.

    Attributes:
        identities: Names of the classes.
        labels: (N,) int64, class of each face.
        faces: (N, S, S, 3) uint8 RGB.
    """

    identities: tuple[str, ...]
    labels: NDArray[np.int64]
    faces: NDArray[np.uint8]
    name: str = "synthetic people"
    licence: str = "CC0-1.0"
    template: AlignmentTemplate = TEMPLATE
    groups: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def aligned_face(self, index: int) -> Image:
        return np.asarray(self.faces[index])


def synthetic_people(
    people: int = 12, each: int = 8, seed: int = 0, noise: float = 40
) -> SyntheticPeople:
    """Return ``each`` faces of ``people`` people, shifted by up to 2 pixels, with noise."""
    rng = np.random.default_rng(seed)
    textures = np.kron(rng.normal(size=(people, 8, 8, 3)), np.ones((1, SIDE // 8, SIDE // 8, 1)))
    labels = np.repeat(np.arange(people), each).astype(np.int64)
    shifted = np.stack([np.roll(textures[j], rng.integers(-2, 3, 2), axis=(0, 1)) for j in labels])
    pixels = 127 + 50 * shifted + rng.normal(size=shifted.shape) * noise
    faces = pixels.clip(0, 255).astype(np.uint8)
    return SyntheticPeople(tuple(f"person {j}" for j in range(people)), labels, faces)


def tiny_config(steps: int = 12, batch: int = 12) -> TrainConfig:
    """Return the configuration of a run that takes seconds on one core."""
    return TrainConfig(
        steps=steps,
        batch=batch,
        device="cpu",
        backbone=BackboneConfig(
            name="iresnet_tiny", embedding_size=16, options={"width": 0.125, "input_size": SIDE}
        ),
        optim=OptimConfig(lr=0.05),
        schedule=ScheduleConfig(kind="cosine"),
        validation=ValidationConfig(pairs=40, every=1000),
        keep=CheckpointConfig(checkpoint_every=1000, log_every=1, tensorboard=False),
    )


def write_prepared(folder: Path, train: SyntheticPeople, held_out: SyntheticPeople) -> None:
    """Write both as the parts of a prepared training set, faces as PNG."""
    for part, people in (("train", train), ("held_out", held_out)):
        for index, label in enumerate(people.labels):
            identity = folder / part / people.identities[label]
            identity.mkdir(parents=True, exist_ok=True)
            PilImage.fromarray(people.aligned_face(index)).save(identity / f"{index:05d}.png")
    manifest = TrainingSetManifest(
        name="synthetic people",
        licence="CC0-1.0",
        template=train.template,
        faces={"train": len(train), "held_out": len(held_out)},
        identities={"train": len(train.identities), "held_out": len(held_out.identities)},
        made_by={},
    )
    (folder / MANIFEST).write_text(json.dumps(manifest.to_json()))
