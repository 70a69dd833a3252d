"""Any embedder that is a torch module: the way to a GPU without an ONNX Runtime built for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vidsearch.datatypes import AlignedFaces, Matrix
from vidsearch.device import CPU, Device
from vidsearch.embed.base import (
    BATCH,
    EmbedderConfig,
    check_aligned,
    mean_of_views,
    with_mirror,
)
from vidsearch.errors import PackFormatError
from vidsearch.geometry.align import AlignmentTemplate

if TYPE_CHECKING:
    from torch import nn

# A GPU is only busy with many faces at once; 32 views of 150 x 150 are not many.
CUDA_BATCH = 256


class TorchEmbedder:
    """An embedder whose module maps (N, 3, S, S) float32 to (N, D); see ``embed.base.Embedder``."""

    def __init__(self, module: nn.Module, config: EmbedderConfig, device: Device = CPU) -> None:
        """Take over a module: it is moved to the device and switched to evaluation.

        Args:
            module: The network.
            config: What it expects and gives.
            device: From ``resolve_device(spec, "torch")``.
        """
        self.config = config
        self._device = str(device)
        self._batch = CUDA_BATCH if device.kind == "cuda" else BATCH
        self._module = module.eval().to(self._device)

    @property
    def model_id(self) -> str:
        return self.config.model_id

    @property
    def dim(self) -> int:
        return self.config.dim

    @property
    def template(self) -> AlignmentTemplate:
        return self.config.template

    def embed(self, aligned: AlignedFaces) -> Matrix:
        """Return (N, dim) float32 raw embeddings; see ``embed.base.Embedder.embed``.

        Raises:
            PackFormatError: The module's output is not (N, dim).
        """
        check_aligned(aligned, self.template)
        embeddings = np.empty((len(aligned), self.dim), np.float32)
        for start in range(0, len(aligned), self._batch):
            chunk = slice(start, start + self._batch)
            planes = self.config.normalisation.apply(aligned[chunk])
            if self.config.mirror:
                embeddings[chunk] = mean_of_views(self._run(with_mirror(planes)))
            else:
                embeddings[chunk] = self._run(planes)
        return embeddings

    def _run(self, planes: Matrix) -> Matrix:
        import torch

        with torch.inference_mode():
            output = self._module(torch.from_numpy(planes).to(self._device))
        if tuple(output.shape) != (len(planes), self.dim):
            raise PackFormatError(
                f"the module of {self.model_id!r} gives {tuple(output.shape)}; "
                f"expected {(len(planes), self.dim)} as its configuration states"
            )
        return np.asarray(output.float().cpu().numpy(), np.float32)
