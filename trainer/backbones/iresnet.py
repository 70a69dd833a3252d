"""IResNet: the residual network of the ArcFace paper, with a BN-Dropout-FC-BN output.

Source: Deng et al. 2019, section 3.1, for the output. Han et al. 2017, "Deep pyramidal residual
networks", and the models of the ArcFace authors, for the block BN-Conv-BN-PReLU-Conv-BN and the
3 x 3 stem of stride 1, which keeps the resolution of 112 x 112 faces.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from trainer.backbones.base import Backbone, BackboneSpec, checked_size, scaled
from vidsearch.errors import ConfigError

DEPTHS: dict[str, tuple[int, int, int, int]] = {
    "_tiny": (1, 1, 1, 1),
    "18": (2, 2, 2, 2),
    "34": (3, 4, 6, 3),
    "50": (3, 4, 14, 3),
    "100": (3, 13, 30, 3),
    "200": (6, 26, 60, 6),
}
"""Blocks in each of the four stages, by depth of the network."""

CHANNELS = (64, 128, 256, 512)


class IResNet(Backbone):
    """Residual network of four stages; the last feature map has a sixteenth of the input's side.

    Args:
        embedding_size: D; 512 in the paper.
        blocks: Blocks in each of the four stages.
        input_size: Side of the aligned face, pixels; a multiple of 16.
        width: Factor of the channel counts; below 1 for small training sets.
        dropout: Share of the last feature map that is dropped in training.

    Raises:
        ConfigError: An argument breaks its rule.
    """

    def __init__(
        self,
        embedding_size: int = 512,
        *,
        blocks: Sequence[int] = DEPTHS["50"],
        input_size: int = 112,
        width: float = 1.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(embedding_size, BackboneSpec(input_size=checked_size(input_size, 16)))
        if not 0 <= dropout < 1:
            raise ConfigError(f"backbone option dropout must lie in [0, 1); got {dropout}")
        channels = [scaled(count, width) for count in CHANNELS]
        self.stem = nn.Sequential(
            nn.Conv2d(3, channels[0], 3, padding=1, bias=False),
            nn.BatchNorm2d(channels[0]),
            nn.PReLU(channels[0]),
        )
        self.layers = nn.ModuleList()
        before = channels[0]
        for count, width_of_stage in zip(blocks, channels, strict=True):
            self.layers.append(
                nn.ModuleList(
                    _Block(before if i == 0 else width_of_stage, width_of_stage, downsamples=i == 0)
                    for i in range(count)
                )
            )
            before = width_of_stage
        self.output = nn.Sequential(
            nn.BatchNorm2d(before),
            nn.Dropout(dropout),
            nn.Flatten(),
            nn.Linear(before * (input_size // 16) ** 2, embedding_size),
            nn.BatchNorm1d(embedding_size),
        )
        _initialise(self)

    def stages(self) -> Sequence[nn.Module]:
        """Return the stem, four groups of blocks, and the output."""
        return (self.stem, *self.layers, self.output)

    def forward(self, faces: Tensor) -> Tensor:
        """Return (B, D) raw embeddings of (B, 3, S, S) normalised faces."""
        value: Tensor = self.stem(faces)
        for layer in self.layers:
            assert isinstance(layer, nn.ModuleList)
            value = self.run_blocks(layer, value)
        embedding: Tensor = self.output(value)
        return embedding


class _Block(nn.Module):
    def __init__(self, before: int, channels: int, *, downsamples: bool) -> None:
        super().__init__()
        stride = 2 if downsamples else 1
        self.main = nn.Sequential(
            nn.BatchNorm2d(before),
            nn.Conv2d(before, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.PReLU(channels),
            nn.Conv2d(channels, channels, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )
        self.shortcut: nn.Module = nn.Identity()
        if downsamples:
            self.shortcut = nn.Sequential(
                nn.Conv2d(before, channels, 1, stride=stride, bias=False),
                nn.BatchNorm2d(channels),
            )

    def forward(self, value: Tensor) -> Tensor:
        total: Tensor = self.main(value) + self.shortcut(value)
        return total


def _initialise(network: nn.Module) -> None:
    """Draw convolution weights with standard deviation 0.1, as in the published code."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, 0, 0.1)
