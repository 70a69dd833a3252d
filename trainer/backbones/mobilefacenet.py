"""MobileFaceNet, a network of one million parameters.

Source: Chen et al. 2018, "MobileFaceNets", table 1.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from trainer.backbones.base import Backbone, BackboneSpec, checked_size, scaled

BOTTLENECKS = ((2, 64, 5, 2), (4, 128, 1, 2), (2, 128, 6, 1), (4, 128, 1, 2), (2, 128, 2, 1))
"""Expansion, channels, blocks and stride of the first block, for each stage."""


class MobileFaceNet(Backbone):
    """Inverted residual blocks, then a global depthwise convolution.

    Args:
        embedding_size: D; 128 in the paper.
        input_size: Side of the aligned face, pixels; a multiple of 16.
        width: Factor of the channel counts.

    Raises:
        ConfigError: An argument breaks its rule.
    """

    def __init__(
        self, embedding_size: int = 128, *, input_size: int = 112, width: float = 1.0
    ) -> None:
        super().__init__(embedding_size, BackboneSpec(input_size=checked_size(input_size, 16)))
        first = scaled(64, width)
        self.stem = nn.Sequential(
            _convolution(3, first, kernel=3, stride=2),
            _convolution(first, first, kernel=3, groups=first),
        )
        self.layers = nn.ModuleList()
        before = first
        for expansion, channels, blocks, stride in BOTTLENECKS:
            after = scaled(channels, width)
            self.layers.append(
                nn.ModuleList(
                    _Bottleneck(
                        before if i == 0 else after, after, expansion, stride if i == 0 else 1
                    )
                    for i in range(blocks)
                )
            )
            before = after
        last = scaled(512, width)
        self.output = nn.Sequential(
            _convolution(before, last, kernel=1),
            _convolution(
                last, last, kernel=input_size // 16, groups=last, linear=True, padding_px=0
            ),
            nn.Flatten(),
            nn.Linear(last, embedding_size, bias=False),
            nn.BatchNorm1d(embedding_size),
        )

    def stages(self) -> Sequence[nn.Module]:
        """Return the stem, five groups of bottlenecks, and the output."""
        return (self.stem, *self.layers, self.output)

    def forward(self, faces: Tensor) -> Tensor:
        """Return (B, D) raw embeddings of (B, 3, S, S) normalised faces."""
        value: Tensor = self.stem(faces)
        for layer in self.layers:
            assert isinstance(layer, nn.ModuleList)
            value = self.run_blocks(layer, value)
        embedding: Tensor = self.output(value)
        return embedding


class _Bottleneck(nn.Module):
    def __init__(self, before: int, after: int, expansion: int, stride: int) -> None:
        super().__init__()
        inside = before * expansion
        self.main = nn.Sequential(
            _convolution(before, inside, kernel=1),
            _convolution(inside, inside, kernel=3, stride=stride, groups=inside),
            _convolution(inside, after, kernel=1, linear=True),
        )
        self.has_shortcut = stride == 1 and before == after

    def forward(self, value: Tensor) -> Tensor:
        main: Tensor = self.main(value)
        return value + main if self.has_shortcut else main


def _convolution(
    before: int,
    after: int,
    *,
    kernel: int,
    stride: int = 1,
    groups: int = 1,
    linear: bool = False,
    padding_px: int | None = None,
) -> nn.Sequential:
    padding = padding_px if padding_px is not None else kernel // 2
    parts: list[nn.Module] = [
        nn.Conv2d(before, after, kernel, stride, padding, groups=groups, bias=False),
        nn.BatchNorm2d(after),
    ]
    if not linear:
        parts.append(nn.PReLU(after))
    return nn.Sequential(*parts)
