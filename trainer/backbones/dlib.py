"""Face network of the ``open`` pack as a backbone for fine-tuning."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from trainer.backbones.base import Backbone, BackboneSpec
from vidsearch.errors import ConfigError
from vidsearch.faces.embed.dlib_resnet import DlibFaceResNet
from vidsearch.faces.embed.dlib_weights import BLOCKS, DIM, NORMALISATION
from vidsearch.faces.geometry.align import DLIB_150
from vidsearch.models.open_pack import DLIB_RESNET, verified_file


class Dlib(Backbone):
    """dlib's network of 29 convolutions.

    It has no batch statistics, so it can be fine-tuned with small batches.

    Args:
        embedding_size: 128, as published.
        published: True for the published weights (checked by hash), False for random weights.

    Raises:
        ConfigError: ``embedding_size`` is not 128.
    """

    def __init__(self, embedding_size: int = DIM, *, published: bool = True) -> None:
        super().__init__(
            embedding_size,
            BackboneSpec(
                input_size=DLIB_150.size, template=DLIB_150.name, normalisation=NORMALISATION
            ),
        )
        if embedding_size != DIM:
            raise ConfigError(
                f"backbone dlib has embeddings of {DIM} numbers; got embedding_size "
                f"{embedding_size}: set backbone.embedding_size={DIM}"
            )
        self.network = (
            DlibFaceResNet.from_dat(verified_file(DLIB_RESNET).read_bytes())
            if published
            else DlibFaceResNet()
        )

    def stages(self) -> Sequence[nn.Module]:
        """Return the stem, one stage for each number of filters, and the projection."""
        network = self.network
        filters = [count for count, _ in BLOCKS]
        groups = [
            nn.ModuleList(b for b, f in zip(network.blocks, filters, strict=True) if f == count)
            for count in sorted(set(filters))
        ]
        return (network.stem, *groups, network.projection)

    def forward(self, faces: Tensor) -> Tensor:
        """Return (B, D) raw embeddings of (B, 3, S, S) normalised faces."""
        embedding: Tensor = self.network(faces)
        return embedding
