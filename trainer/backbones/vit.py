"""Small vision transformer for 112 x 112 faces.

Source: Dosovitskiy et al. 2021, "An image is worth 16x16 words". Instead of a class token, the
output is the mean over patches, followed by BN-FC-BN as in the ArcFace paper.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainer.backbones.base import Backbone, BackboneSpec, checked_size
from vidsearch.errors import ConfigError


class VisionTransformer(Backbone):
    """Patches with learned position embeddings, then blocks of self-attention.

    Args:
        embedding_size: D.
        input_size: Side of the aligned face, pixels; a multiple of ``patch``.
        patch: Side of a patch, pixels.
        dim: Dimension of a patch's representation.
        depth: Number of blocks; a third of them forms one stage.
        heads: Attention heads; they split ``dim``.

    Raises:
        ConfigError: An argument breaks its rule.
    """

    def __init__(
        self,
        embedding_size: int = 512,
        *,
        input_size: int = 112,
        patch: int = 8,
        dim: int = 256,
        depth: int = 9,
        heads: int = 4,
    ) -> None:
        if min(patch, heads, depth) < 1 or dim < heads or dim % heads:
            raise ConfigError(
                "backbone vit_small: dim must be a multiple of heads, and patch, heads and depth "
                f"positive; got dim {dim}, heads {heads}, depth {depth}, patch {patch}"
            )
        super().__init__(embedding_size, BackboneSpec(input_size=checked_size(input_size, patch)))
        self.patches = nn.Conv2d(3, dim, patch, stride=patch)
        positions = nn.Parameter(torch.empty(1, (input_size // patch) ** 2, dim))
        nn.init.trunc_normal_(positions, std=0.02)
        # "places" is the name of the position embeddings in every checkpoint.
        self.register_parameter("places", positions)
        self.blocks = nn.ModuleList(_Block(dim, heads) for _ in range(depth))
        self.output = nn.Sequential(
            nn.BatchNorm1d(dim), nn.Linear(dim, embedding_size), nn.BatchNorm1d(embedding_size)
        )

    def stages(self) -> Sequence[nn.Module]:
        """Return the patch projection, three groups of blocks, and the output."""
        third = -(-len(self.blocks) // 3)
        groups = [
            nn.ModuleList(list(self.blocks)[start : start + third])
            for start in range(0, len(self.blocks), third)
        ]
        return (self.patches, *groups, self.output)

    def forward(self, faces: Tensor) -> Tensor:
        """Return (B, D) raw embeddings of (B, 3, S, S) normalised faces."""
        positions = self.get_parameter("places")
        value = self.patches(faces).flatten(2).transpose(1, 2) + positions
        value = self.run_blocks(self.blocks, value)
        embedding: Tensor = self.output(value.mean(dim=1))
        return embedding


class _Block(nn.Module):
    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before_attention = nn.LayerNorm(dim)
        self.queries_keys_values = nn.Linear(dim, 3 * dim)
        self.after_attention = nn.Linear(dim, dim)
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(dim), nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim)
        )

    def forward(self, value: Tensor) -> Tensor:
        batch, patches, dim = value.shape
        split = self.queries_keys_values(self.before_attention(value))
        split = split.view(batch, patches, 3, self.heads, dim // self.heads)
        queries, keys, values = split.permute(2, 0, 3, 1, 4).unbind(0)
        attended = functional.scaled_dot_product_attention(queries, keys, values)
        merged = attended.transpose(1, 2).reshape(batch, patches, dim)
        value = value + self.after_attention(merged)
        result: Tensor = value + self.feed_forward(value)
        return result
