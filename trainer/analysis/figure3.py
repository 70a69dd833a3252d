"""Figure 3: two-dimensional embeddings of eight identities, softmax against ArcFace.

The paper uses 8 identities with about 1,500 photos each. Here the identities are the digits 0 to 7
of scikit-learn's handwritten digits (8 x 8 pixels, about 180 images of a digit), because an
installed package contains them. The figure compares losses, not faces. Loss, head and training loop
are those of the trainer.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from trainer.analysis.angle_model import embedder_of
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
_TEMPLATE = AlignmentTemplate("digits_16", SIDE, ARCFACE_112.points)  # the points have no meaning
# s and m are smaller than 64 and 0.5 of the paper. On a circle, eight classes are 45 degrees apart,
# and no network can satisfy a margin of more than half of that.
PANEL_LOSSES: dict[str, LossConfig] = {
    "Softmax": LossConfig(kind="softmax", margin=Margin()),
    "ArcFace": LossConfig(margin=Margin(angle_margin_rad=0.3), scale=16.0),
}


@dataclass(frozen=True, eq=False)
class Digits:
    """Handwritten digits as a ``FaceDataset``.

    Attributes:
        images: (N, S, S, 3) uint8.
        labels: (N,) int64.
    """

    images: NDArray[np.uint8] = field(repr=False)
    labels: NDArray[np.int64] = field(repr=False)
    identities: tuple[str, ...] = tuple(str(digit) for digit in range(IDENTITIES))
    name: str = "digits of scikit-learn"
    licence: str = "CC BY 4.0 (UCI Optical Recognition of Handwritten Digits)"
    template: AlignmentTemplate = _TEMPLATE
    groups: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def aligned_face(self, index: int) -> Image:
        """Return an image, (S, S, 3) uint8."""
        image: Image = self.images[index]
        return image


def digits() -> Digits:
    """Return the images of the digits 0 to 7, enlarged to ``SIDE`` pixels."""
    import cv2
    from sklearn.datasets import load_digits

    data = load_digits()
    rows = np.flatnonzero(data.target < IDENTITIES)
    grey = (data.images[rows] * (255 / 16)).astype(np.uint8)
    large = [cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR) for image in grey]
    images = np.repeat(np.stack(large)[..., None], 3, axis=3)
    return Digits(images, data.target[rows].astype(np.int64))


def panel_config(loss: LossConfig, steps: int = STEPS, weights: str = "") -> TrainConfig:
    """Return the configuration of one panel's run; all panels have the same seed and batches.

    Args:
        loss: Loss of the panel.
        steps: Updates of the run.
        weights: Run folder with the initial weights; empty for random weights.
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
        data=DataConfig(augmentation=Augmentation(mirror=0.0)),  # a mirrored digit is not a digit
        optim=OptimConfig(lr=0.1),
        schedule=ScheduleConfig(kind="cosine", warmup_steps=min(50, steps - 1)),
        speed=ComputeConfig(threads=1),
        keep=CheckpointConfig(checkpoint_every=steps, log_every=steps, tensorboard=False),
    )


def figure3_panels(steps: int = STEPS) -> dict[str, tuple[Matrix, NDArray[np.int64]]]:
    """Train the panels of Figure 3; return embeddings and labels by name of the loss.

    The first loss starts from random weights, the others from its network. On a circle, a margin
    can keep randomly ordered class weights from ever changing their order.

    Args:
        steps: Updates of each run.

    Returns:
        For each loss (N, 2) float32 embeddings and (N,) int64 labels.

    Raises:
        TrainingError: The loss is not finite.

    Source:
        Deng et al. 2019, figure 3.
    """
    dataset = digits()
    panels = {}
    with tempfile.TemporaryDirectory(prefix="vidsearch-figure3-") as folder:
        start = ""
        for name, loss in PANEL_LOSSES.items():
            run = Path(folder) / name
            context = RunContext(folder=run, ranks=Ranks(), device=torch.device("cpu"))
            train(panel_config(loss, steps, start), dataset, None, context)
            panels[name] = _embedded(run, dataset), dataset.labels
            start = start if start else str(run)
    return panels


def _embedded(run: Path, dataset: Digits) -> Matrix:
    backbone, _, _ = load_backbone(run)
    embed = embedder_of(backbone, mirror=False)
    parts = [embed(dataset.images[top : top + 256]) for top in range(0, len(dataset), 256)]
    return np.concatenate(parts)
