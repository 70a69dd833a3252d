"""Any embedder that is a torch module: the way to a GPU without an ONNX Runtime built for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vidsearch.datatypes import AlignedFaces, Matrix
from vidsearch.device import CPU, Device
from vidsearch.errors import PackFormatError
from vidsearch.faces.embed.base import BATCH, BatchEmbedder, EmbedderConfig

if TYPE_CHECKING:
    from torch import nn

# A GPU is only busy with many faces at once; 32 views of 150 x 150 are not many.
CUDA_BATCH = 256


class TorchEmbedder(BatchEmbedder):
    """An embedder whose module maps (N, 3, S, S) float32 to (N, D); see ``embed.base.Embedder``."""

    def __init__(self, module: nn.Module, config: EmbedderConfig, device: Device = CPU) -> None:
        """Take over a module: it is moved to the device and switched to evaluation.

        Args:
            module: The network.
            config: What it expects and gives.
            device: From ``resolve_device(spec, "torch")``.
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
