"""Interface of every backbone: input specification, raw embeddings, stages to freeze."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from vidsearch.errors import ConfigError
from vidsearch.faces.normalisation import Normalisation

BATCH_NORM = nn.modules.batchnorm._BatchNorm  # noqa: SLF001  (the only common base class)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackboneSpec:
    """Input of a network.

    Attributes:
        input_size: Side of the square aligned face, pixels.
        template: Name of the five-point template, see ``vidsearch.faces.geometry.align.TEMPLATES``.
        normalisation: Conversion of pixels to the network's input.
    """

    input_size: int = 112
    template: str = "arcface_112"
    normalisation: Normalisation = field(default_factory=Normalisation)


class Backbone(nn.Module):
    """Network from (B, 3, S, S) float32 faces, normalised as in ``spec``, to (B, D) raw embeddings.

    Args:
        embedding_size: D.
        spec: Input of the network.

    Attributes:
        spec: Input of the network.
        embedding_size: D.
        recompute_activations: Save memory in training: store only the input of every block, and
            compute the block again in the backward pass.

    Raises:
        ConfigError: ``embedding_size`` is not positive.
    """

    spec: BackboneSpec
    embedding_size: int

    def __init__(self, embedding_size: int, spec: BackboneSpec) -> None:
        super().__init__()
        if embedding_size < 1:
            raise ConfigError(f"embedding_size must be positive; got {embedding_size}")
        self.embedding_size = embedding_size
        self.spec = spec
        self.recompute_activations = False
        self._frozen_stages = 0

    def stages(self) -> Sequence[nn.Module]:
        """Return the parts that can be frozen, input first; the last part outputs embeddings."""
        raise NotImplementedError

    def normalise(self, faces: Tensor) -> Tensor:
        """Return the (B, 3, S, S) float32 input of the network.

        Args:
            faces: (B, 3, S, S) uint8 RGB, on any device.
        """
        spec = self.spec.normalisation
        mean = torch.tensor(spec.mean, device=faces.device).view(3, 1, 1)
        std = torch.tensor(spec.std, device=faces.device).view(3, 1, 1)
        ordered = faces if spec.channels == "rgb" else faces.flip(1)
        return (ordered.float() - mean) / std

    def freeze(self, stages: int) -> None:
        """Freeze the weights and batch statistics of the first stages.

        Args:
            stages: Number of stages.

        Raises:
            ConfigError: The number is negative, or no stage would be left to learn.
        """
        parts = self.stages()
        if not 0 <= stages < len(parts):
            raise ConfigError(
                f"frozen_stages must be between 0 and {len(parts) - 1} for this backbone; "
                f"got {stages}"
            )
        self._frozen_stages = stages
        for part in parts[:stages]:
            part.requires_grad_(requires_grad=False)
        self.train(self.training)

    def train(self, mode: bool = True) -> Backbone:
        """Set training or evaluation mode; frozen stages stay in evaluation mode."""
        super().train(mode)
        for part in self.stages()[: self._frozen_stages]:
            part.train(mode=False)
        return self

    def run_blocks(self, blocks: Iterable[nn.Module], value: Tensor) -> Tensor:
        """Apply blocks in order, with activations recomputed if configured.

        Args:
            blocks: The blocks.
            value: Input of the first block, any shape.

        Returns:
            Output of the last block, any shape.
        """
        for block in blocks:
            if self.recompute_activations and self.training and torch.is_grad_enabled():
                contexts = partial(_contexts, block)
                value = checkpoint(block, value, use_reentrant=False, context_fn=contexts)
            else:
                value = block(value)
        return value


def _contexts(
    block: nn.Module,
) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    return nullcontext(), _frozen_statistics(block)


@contextmanager
def _frozen_statistics(block: nn.Module) -> Iterator[None]:
    """Keep a recomputed block from updating its running statistics a second time."""
    norms = [module for module in block.modules() if isinstance(module, BATCH_NORM)]
    before = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, before, strict=True):
            norm.momentum = momentum


def scaled(channels: int, width: float) -> int:
    """Return the product of a channel count and a width, at least 8.

    Raises:
        ConfigError: The width is not a positive number.
    """
    if not 0 < width < math.inf:
        raise ConfigError(f"backbone option width must be positive; got {width}")
    return max(8, round(channels * width))


def checked_size(input_size: int, multiple: int) -> int:
    """Return the input size after a check that the network's total stride divides it.

    Args:
        input_size: Side of the aligned face, pixels.
        multiple: Total stride of the network.

    Raises:
        ConfigError: The stride does not divide the size.
    """
    if input_size < multiple or input_size % multiple:
        raise ConfigError(
            f"backbone option input_size must be a multiple of {multiple}; got {input_size}"
        )
    return input_size
