"""Small network of the ablation: three fully connected layers, trained to classify identities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vidsearch.datatypes import Matrix
from vidsearch.faces.template import normalise

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True, kw_only=True)
class NetConfig:
    """Structure and training of the network.

    Attributes:
        width: Width of both hidden layers.
        epochs: Passes over the training clips.
        batch: Clips per step.
        learning_rate: Initial learning rate of AdamW, with cosine decay to 0.
        weight_decay: Weight decay of AdamW.
        dropout: Share of hidden units dropped in training.
        seed: Seed of the weights and of the order of clips.
    """

    width: int = 512
    epochs: int = 60
    batch: int = 128
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    dropout: float = 0.3
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class NetOutput:
    """Outputs of a trained network for N clips.

    Attributes:
        descriptors: (N, width) float32 second hidden layer, of unit length.
        scores: (N, classes) float32 log-probability of each class.
    """

    descriptors: Matrix
    scores: Matrix


def train_and_apply(
    inputs: Matrix, classes: NDArray[np.int64], training: NDArray[np.bool_], config: NetConfig
) -> NetOutput:
    """Train a network on the training rows and apply it to all rows.

    The inputs are standardised with the mean and the standard deviation of the training rows. The
    same inputs and seed give the same result on one machine.

    Args:
        inputs: (N, D) float32 templates.
        classes: (N,) class of each row; only those of training rows are used.
        training: (N,) True for training rows.
        config: Structure and training.

    Source:
        ArcFace, section 3.3 (iQIYI-VID): a three-layer MLP with a classification loss.
    """
    import torch

    mean = inputs[training].mean(axis=0)
    deviation = np.maximum(inputs[training].std(axis=0), 1e-6)
    standard = torch.from_numpy(((inputs - mean) / deviation).astype(np.float32))
    rows = torch.from_numpy(np.flatnonzero(training))
    labels = torch.from_numpy(classes)
    count = int(classes[training].max()) + 1
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        hidden, head = _network(inputs.shape[1], count, config)
        parameters = [*hidden.parameters(), *head.parameters()]
        optimiser = torch.optim.AdamW(
            parameters, lr=config.learning_rate, weight_decay=config.weight_decay
        )
        steps = config.epochs * max(-(-len(rows) // config.batch), 1)
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
        for _ in range(config.epochs):
            for part in torch.split(rows[torch.randperm(len(rows))], config.batch):
                loss = torch.nn.functional.cross_entropy(head(hidden(standard[part])), labels[part])
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call,unused-ignore]
                optimiser.step()
                scheduler.step()
        hidden.eval()
        with torch.no_grad():
            descriptors = hidden(standard)
            scores = torch.log_softmax(head(descriptors), dim=1)
    return NetOutput(
        normalise(descriptors.numpy().astype(np.float32)), scores.numpy().astype(np.float32)
    )


def _network(dim: int, classes: int, config: NetConfig) -> tuple[nn.Sequential, nn.Linear]:
    """Return the two hidden layers and the classification layer."""
    from torch import nn

    hidden = nn.Sequential(
        nn.Linear(dim, config.width),
        nn.LayerNorm(config.width),
        nn.PReLU(),
        nn.Dropout(config.dropout),
        nn.Linear(config.width, config.width),
        nn.LayerNorm(config.width),
        nn.PReLU(),
        nn.Dropout(config.dropout),
    )
    return hidden, nn.Linear(config.width, classes)
