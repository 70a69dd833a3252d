"""Figure 3's toy: two-dimensional embeddings of eight identities, softmax against ArcFace.

The paper takes 8 people with some 1,500 photos each. The largest labelled pictures that come with
an installed package are scikit-learn's handwritten digits (8 x 8 pixels, about 180 of a digit), so
the digits 0 to 7 stand for people here: the figure is about losses, not about faces. Training is
the trainer's own, loss, head and loop included.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from trainer.analysis.angles import embedder_of
from trainer.config.loss import LossConfig, Margin
from trainer.config.train import (
    BackboneConfig,
    CheckpointConfig,
    ComputeConfig,
    DataConfig,
    OptimConfig,
    ScheduleConfig,
    TrainConfig,
)
from trainer.data.augment import Augmentation
from trainer.distributed.ranks import Ranks
from trainer.training.checkpoint import load_backbone
from trainer.training.loop import RunContext
from trainer.training.run import train
from vidsearch.datatypes import Image, Matrix
from vidsearch.faces.geometry.align import ARCFACE_112, AlignmentTemplate

IDENTITIES = 8
SIDE = 16
STEPS = 300
_TEMPLATE = AlignmentTemplate("digits_16", SIDE, ARCFACE_112.points)  # digits have no eyes
# s and m are smaller than the paper's 64 and 0.5: on a circle eight classes are 45 degrees apart,
# and a margin of more than half of that cannot be kept by anybody.
PANEL_LOSSES: dict[str, LossConfig] = {
    "Softmax": LossConfig(kind="softmax", margin=Margin()),
    "ArcFace": LossConfig(margin=Margin(angle_margin_rad=0.3), scale=16.0),
}


@dataclass(frozen=True, eq=False)
class Digits:
    """Handwritten digits as a ``FaceDataset``."""

    pictures: NDArray[np.uint8] = field(repr=False)
    labels: NDArray[np.int64] = field(repr=False)
    identities: tuple[str, ...] = tuple(str(digit) for digit in range(IDENTITIES))
    name: str = "digits of scikit-learn"
    licence: str = "CC BY 4.0 (UCI Optical Recognition of Handwritten Digits)"
    template: AlignmentTemplate = _TEMPLATE
    groups: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def aligned_face(self, index: int) -> Image:
        picture: Image = self.pictures[index]
        return picture


def digits() -> Digits:
    """Return the digits 0 to 7, enlarged to ``SIDE`` pixels."""
    import cv2
    from sklearn.datasets import load_digits

    data = load_digits()
    rows = np.flatnonzero(data.target < IDENTITIES)
    grey = (data.images[rows] * (255 / 16)).astype(np.uint8)
    large = [cv2.resize(one, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR) for one in grey]
    pictures = np.repeat(np.stack(large)[..., None], 3, axis=3)
    return Digits(pictures, data.target[rows].astype(np.int64))


def panel_config(loss: LossConfig, steps: int = STEPS, weights: str = "") -> TrainConfig:
    """Return the run of one panel; every panel has the same seed and batches.

    Args:
        loss: Of the panel.
        steps: Updates.
        weights: Run to start from.
    """
    return TrainConfig(
        steps=steps,
        batch=64,
        device="cpu",
        backbone=BackboneConfig(
            name="iresnet_tiny",
            embedding_size=2,
            options={"width": 0.125, "input_size": SIDE},
            weights=weights,
        ),
        loss=loss,
        data=DataConfig(augmentation=Augmentation(mirror=0.0)),  # a mirrored digit is none
        optim=OptimConfig(lr=0.1),
        schedule=ScheduleConfig(kind="cosine", warmup_steps=min(50, steps - 1)),
        speed=ComputeConfig(threads=1),
        keep=CheckpointConfig(checkpoint_every=steps, log_every=steps, tensorboard=False),
    )


def figure3_panels(steps: int = STEPS) -> dict[str, tuple[Matrix, NDArray[np.int64]]]:
    """Return what Figure 3 draws: by name of the loss, embeddings and identities.

    The first loss starts from nothing, the others from its network: on a circle, class weights
    drawn at random may stand in an order that a margin never lets them leave.

    Args:
        steps: Of each run.

    Raises:
        TrainingError: The loss is no number.
    """
    dataset = digits()
    panels = {}
    with tempfile.TemporaryDirectory(prefix="vidsearch-toy-") as folder:
        start = ""
        for name, loss in PANEL_LOSSES.items():
            run = Path(folder) / name
            place = RunContext(folder=run, ranks=Ranks(), device=torch.device("cpu"))
            train(panel_config(loss, steps, start), dataset, None, place)
            panels[name] = _embedded(run, dataset), dataset.labels
            start = start if start else str(run)
    return panels


def _embedded(run: Path, dataset: Digits) -> Matrix:
    backbone, _, _ = load_backbone(run)
    embed = embedder_of(backbone, mirror=False)
    parts = [embed(dataset.pictures[top : top + 256]) for top in range(0, len(dataset), 256)]
    return np.concatenate(parts)
