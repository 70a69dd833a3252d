"""ArcFace, the embedder of the InsightFace packs, run by the ``insightface`` package.

Source: Deng, Guo, Xue, Zafeiriou, "ArcFace: additive angular margin loss for deep face
recognition" (2019).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vidsearch.datatypes import AlignedFaces, Matrix
from vidsearch.device import CPU, Device
from vidsearch.errors import PackFormatError
from vidsearch.faces.embed.base import BATCH, BatchEmbedder, EmbedderConfig
from vidsearch.faces.insightface_model import open_insightface


class ArcFaceEmbedder(BatchEmbedder):
    """ArcFace model published by InsightFace; see ``embed.base.Embedder``."""

    def __init__(self, onnx_path: Path, config: EmbedderConfig, device: Device = CPU) -> None:
        """Load the file and compare it with the pack's statements.

        Raises:
            ModelError: The file is missing, is not an ArcFace, or has other sizes than ``config``.
            DeviceError: The device is not usable.
        """
        super().__init__(config)
        scale = config.normalisation
        self._model = open_insightface(onnx_path, "recognition", scale, device)
        side = config.template.size
        if tuple(self._model.input_size) != (side, side):
            raise PackFormatError(
                f"{onnx_path}: input must be {side} x {side} pixels as the pack states; "
                f"found {self._model.input_size}; check which file the pack names"
            )
        if (self._model.input_mean, self._model.input_std) != (scale.mean[0], scale.std[0]):
            raise PackFormatError(
                f"{onnx_path}: normalisation must be mean {scale.mean[0]}, std {scale.std[0]} as "
                f"the pack states; insightface reads mean {self._model.input_mean}, "
                f"std {self._model.input_std} from the package"
            )
        batch = self._model.session.get_inputs()[0].shape[0]
        self._batch = batch if isinstance(batch, int) else BATCH
        self._fixed = isinstance(batch, int)
        found = self._run(np.zeros((1, side, side, 3), np.uint8)).shape[1]
        if found != config.dim:
            raise PackFormatError(
                f"{onnx_path}: embeddings must have {config.dim} numbers as the pack states; "
                f"found {found}; check which file the pack names"
            )

    def _run(self, faces: AlignedFaces) -> Matrix:
        parts = []
        for start in range(0, len(faces), self._batch):
            part = faces[start : start + self._batch]
            count = len(part)
            if self._fixed and count < self._batch:  # pad to the fixed batch, then drop the padding
                padding = np.zeros((self._batch - count, *part.shape[1:]), np.uint8)
                part = np.concatenate([part, padding])
            faces_bgr = [
                np.ascontiguousarray(face[..., ::-1]) for face in part
            ]  # insightface takes BGR
            output = np.asarray(self._model.get_feat(faces_bgr), np.float32)
            parts.append(output.reshape(len(part), -1)[:count])
        return np.concatenate(parts)
