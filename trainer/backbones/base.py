"""What every backbone promises: raw embeddings, its input stated, stages that can be frozen."""

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

BATCH_NORM = nn.modules.batchnorm._BatchNorm  # noqa: SLF001  (the only common base there is)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackboneSpec:
    """What a network expects.

    Attributes:
        input_size: Side of the square aligned face, pixels.
        template: Name of the five-point template, see ``vidsearch.faces.geometry.align.TEMPLATES``.
        normalisation: From pixels to the network's input.
    """

    input_size: int = 112
    template: str = "arcface_112"
    normalisation: Normalisation = field(default_factory=Normalisation)


class Backbone(nn.Module):
    """Maps (B, 3, S, S) float faces, normalised as ``spec`` says, to (B, D) raw embeddings.

    Attributes:
        spec: What it expects.
        embedding_size: D.
        recompute_activations: Save memory in training: keep the input of every block only, and
            run the block again when its gradient is due.
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
        """Return the parts that can be frozen, from the input on; the last one gives D numbers."""
        raise NotImplementedError

    def normalise(self, faces: Tensor) -> Tensor:
        """Return float32 input from (B, 3, S, S) uint8 RGB, on the device of ``faces``."""
        spec = self.spec.normalisation
        mean = torch.tensor(spec.mean, device=faces.device).view(3, 1, 1)
        std = torch.tensor(spec.std, device=faces.device).view(3, 1, 1)
        ordered = faces if spec.channels == "rgb" else faces.flip(1)
        return (ordered.float() - mean) / std

    def freeze(self, stages: int) -> None:
        """Stop the first stages from learning; their batch statistics stay as they are, too.

        Raises:
            ConfigError: Negative, or nothing would be left to learn.
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
        """Switch between training and evaluation; frozen stages stay in evaluation."""
        super().train(mode)
        for part in self.stages()[: self._frozen_stages]:
            part.train(mode=False)
        return self

    def run_blocks(self, blocks: Iterable[nn.Module], value: Tensor) -> Tensor:
        """Apply blocks in turn, recomputing their activations later where that was asked for."""
        for block in blocks:
            if self.recompute_activations and self.training and torch.is_grad_enabled():
                again = partial(_contexts, block)
                value = checkpoint(block, value, use_reentrant=False, context_fn=again)
            else:
                value = block(value)
        return value


def _contexts(
    block: nn.Module,
) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    return nullcontext(), _statistics_kept(block)


@contextmanager
def _statistics_kept(block: nn.Module) -> Iterator[None]:
    """Run a block again without counting its batch twice in the running statistics."""
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
    """Return a channel count multiplied by a width, at least 8.

    Raises:
        ConfigError: The width is not a positive number.
    """
    if not 0 < width < math.inf:
        raise ConfigError(f"backbone option width must be positive; got {width}")
    return max(8, round(channels * width))


def checked_size(input_size: int, multiple: int) -> int:
    """Return the input size if the network's strides divide it.

    Raises:
        ConfigError: They do not.
    """
    if input_size < multiple or input_size % multiple:
        raise ConfigError(
            f"backbone option input_size must be a multiple of {multiple}; got {input_size}"
        )
    return input_size
