"""The ladder's small network: three fully connected layers, trained to tell identities apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidsearch.datatypes import Matrix
from vidsearch.faces.template import normalise


@dataclass(frozen=True, slots=True, kw_only=True)
class NetConfig:
    """How the network is built and trained.

    Attributes:
        width: Of both hidden layers.
        epochs: Passes over the training clips.
        batch: Clips a step.
        learning_rate: Of AdamW, falling to 0 along a cosine.
        weight_decay: Of AdamW.
        dropout: Share of hidden numbers dropped in training.
        seed: Of weights and order.
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
    """What a trained network says of all clips.

    Attributes:
        descriptors: (N, width) float32, the second hidden layer, unit length.
        scores: (N, classes) float32, log-probability of each class.
    """

    descriptors: Matrix
    scores: Matrix


def train_and_apply(
    inputs: Matrix, classes: NDArray[np.int64], training: NDArray[np.bool_], config: NetConfig
) -> NetOutput:
    """Train on the training rows and describe all rows.

    The inputs are standardised with mean and deviation of the training rows. The same inputs and
    seed give the same result on one machine.

    Args:
        inputs: (N, D) float32.
        classes: (N,) class of each training row; what stands in other rows is not looked at.
        training: (N,) bool.
        config: How.
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
        falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
        for _ in range(config.epochs):
            for part in torch.split(rows[torch.randperm(len(rows))], config.batch):
                loss = torch.nn.functional.cross_entropy(head(hidden(standard[part])), labels[part])
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call,unused-ignore]
                optimiser.step()
                falling.step()
        hidden.eval()
        with torch.no_grad():
            described = hidden(standard)
            scores = torch.log_softmax(head(described), dim=1)
    return NetOutput(
        normalise(described.numpy().astype(np.float32)), scores.numpy().astype(np.float32)
    )


def _network(dim: int, classes: int, config: NetConfig):  # type: ignore[no-untyped-def]
    """Return the two hidden layers and the layer of classes."""
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
