"""Embedders that are torch modules, for GPUs without the GPU build of ONNX Runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vidsearch.datatypes import AlignedFaces, Matrix
from vidsearch.device import CPU, Device
from vidsearch.errors import PackFormatError
from vidsearch.faces.embed.base import BATCH, BatchEmbedder, EmbedderConfig

if TYPE_CHECKING:
    from torch import nn

# Faces per call on a GPU: 32 aligned faces of 150 x 150 pixels do not use a GPU fully.
CUDA_BATCH = 256


class TorchEmbedder(BatchEmbedder):
    """Embedder whose module maps (N, 3, S, S) float32 to (N, D); see ``embed.base.Embedder``."""

    def __init__(self, module: nn.Module, config: EmbedderConfig, device: Device = CPU) -> None:
        """Move a module to the device and switch it to evaluation.

        Args:
            module: Network; modified in place.
            config: Input and output of the network.
            device: Device from ``resolve_device(spec, "torch")``.
        """
        super().__init__(config, CUDA_BATCH if device.kind == "cuda" else BATCH)
        self._device = str(device)
        self._module = module.eval().to(self._device)

    def _run(self, faces: AlignedFaces) -> Matrix:
        import torch

        planes = self.config.normalisation.apply(faces)
        with torch.inference_mode():
            output = self._module(torch.from_numpy(planes).to(self._device))
        if tuple(output.shape) != (len(planes), self.dim):
            raise PackFormatError(
                f"the module of {self.model_id!r} gives {tuple(output.shape)}; "
                f"expected {(len(planes), self.dim)} as its configuration states"
            )
        return np.asarray(output.float().cpu().numpy(), np.float32)
