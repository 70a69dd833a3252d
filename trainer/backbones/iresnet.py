"""IResNet: the paper's residual network, with its BN-Dropout-FC-BN output.

Sources: Deng et al. 2019 (ArcFace), section 3.1: the output; Han et al. 2017 ("Deep pyramidal
residual networks") and the ArcFace authors' published models: the block BN-Conv-BN-PReLU-Conv-BN
and the 3 x 3 stem of stride 1, which keeps 112 x 112 faces large.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from trainer.backbones.base import Backbone, BackboneSpec, checked_size, scaled
from vidsearch.errors import ConfigError

# Blocks in each of the four stages.
DEPTHS: dict[str, tuple[int, int, int, int]] = {
    "_tiny": (1, 1, 1, 1),
    "18": (2, 2, 2, 2),
    "34": (3, 4, 6, 3),
    "50": (3, 4, 14, 3),
    "100": (3, 13, 30, 3),
    "200": (6, 26, 60, 6),
}
CHANNELS = (64, 128, 256, 512)


class IResNet(Backbone):
    """The network of the paper; its last feature map is a sixteenth of the input.

    Args:
        embedding_size: D; the paper's 512.
        blocks: In each of the four stages.
        input_size: Side of the aligned face, a multiple of 16.
        width: Channels are multiplied by it: small networks for small data.
        dropout: Share of the last feature map that is dropped in training.
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
                    _Block(before if i == 0 else width_of_stage, width_of_stage, halves=i == 0)
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
        return (self.stem, *self.layers, self.output)

    def forward(self, faces: Tensor) -> Tensor:
        value: Tensor = self.stem(faces)
        for layer in self.layers:
            assert isinstance(layer, nn.ModuleList)
            value = self.run_blocks(layer, value)
        embedding: Tensor = self.output(value)
        return embedding


class _Block(nn.Module):
    def __init__(self, before: int, channels: int, *, halves: bool) -> None:
        super().__init__()
        stride = 2 if halves else 1
        self.main = nn.Sequential(
            nn.BatchNorm2d(before),
            nn.Conv2d(before, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.PReLU(channels),
            nn.Conv2d(channels, channels, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )
        self.shortcut: nn.Module = nn.Identity()
        if halves:
            self.shortcut = nn.Sequential(
                nn.Conv2d(before, channels, 1, stride=stride, bias=False),
                nn.BatchNorm2d(channels),
            )

    def forward(self, value: Tensor) -> Tensor:
        total: Tensor = self.main(value) + self.shortcut(value)
        return total


def _initialise(network: nn.Module) -> None:
    """Convolutions normal with deviation 0.1, as the published models were started."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, 0, 0.1)
