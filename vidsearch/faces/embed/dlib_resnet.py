"""The dlib face network as a torch module, for GPUs and for training."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from vidsearch.faces.embed.dlib_weights import (
    BLOCKS,
    DIM,
    STEM_FILTERS,
    Convolution,
    DlibWeights,
    parse,
)


class DlibFaceResNet(nn.Module):
    """29 convolutions with the affine layers folded in; the output equals dlib's.

    Input: (N, 3, 150, 150) float32, RGB normalised by ``dlib_weights.NORMALISATION``.
    Output: (N, 128), not L2-normalised.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, STEM_FILTERS, 7, stride=2)
        channels = (STEM_FILTERS, *(filters for filters, _ in BLOCKS))
        self.blocks = nn.ModuleList(
            _Residual(before, filters, halves)
            for before, (filters, halves) in zip(channels, BLOCKS, strict=False)
        )
        self.projection = nn.Linear(channels[-1], DIM, bias=False)

    @classmethod
    def from_weights(cls, weights: DlibWeights) -> DlibFaceResNet:
        """Return the network with these weights, in evaluation mode."""
        module = cls()
        with torch.no_grad():
            _load(module.stem, weights.stem)
            for block, (first, second) in zip(module.blocks, weights.blocks, strict=True):
                assert isinstance(block, _Residual)
                _load(block.first, first)
                _load(block.second, second)
            module.projection.weight.copy_(torch.from_numpy(weights.projection.T.copy()))
        return module.eval()

    @classmethod
    def from_dat(cls, data: bytes) -> DlibFaceResNet:
        """Return the published network.

        Args:
            data: Content of ``dlib_face_recognition_resnet_model_v1.dat``.

        Raises:
            PackFormatError: The content is not that file.
        """
        return cls.from_weights(parse(data))

    def forward(self, planes: Tensor) -> Tensor:
        """Return embeddings, (N, 128), of normalised faces, (N, 3, 150, 150) float32 RGB."""
        value = functional.max_pool2d(functional.relu(self.stem(planes)), 3, stride=2)
        for block in self.blocks:
            value = block(value)
        embedding: Tensor = self.projection(value.mean(dim=(2, 3)))
        return embedding


class _Residual(nn.Module):
    def __init__(self, channels: int, filters: int, halves: bool) -> None:
        super().__init__()
        self.halves = halves
        stride, padding = (2, 0) if halves else (1, 1)
        self.first = nn.Conv2d(channels, filters, 3, stride=stride, padding=padding)
        self.second = nn.Conv2d(filters, filters, 3, padding=1)

    def forward(self, value: Tensor) -> Tensor:
        main = self.second(functional.relu(self.first(value)))
        shortcut = functional.avg_pool2d(value, 2) if self.halves else value
        shape = [max(a, b) for a, b in zip(main.shape[1:], shortcut.shape[1:], strict=True)]
        return functional.relu(_pad_end(main, shape) + _pad_end(shortcut, shape))


def _pad_end(value: Tensor, shape: list[int]) -> Tensor:
    """Append zeros up to (channels, height, width)."""
    channels, height, width = (
        target - size for target, size in zip(shape, value.shape[1:], strict=True)
    )
    return functional.pad(value, (0, width, 0, height, 0, channels))


def _load(layer: nn.Conv2d, convolution: Convolution) -> None:
    layer.weight.copy_(torch.from_numpy(convolution.weight))
    assert layer.bias is not None
    layer.bias.copy_(torch.from_numpy(convolution.bias))
