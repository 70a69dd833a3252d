"""Embedders exported as ONNX: the dlib network and networks of the trainer."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vidsearch.datatypes import AlignedFaces, Matrix
from vidsearch.device import CPU, Device, open_onnx
from vidsearch.errors import PackFormatError
from vidsearch.faces.embed.base import BatchEmbedder, EmbedderConfig


class OnnxEmbedder(BatchEmbedder):
    """Embedder whose file has one (N, 3, S, S) float32 input and an (N, D) output.

    See ``embed.base.Embedder``.
    """

    def __init__(self, onnx_path: Path, config: EmbedderConfig, device: Device = CPU) -> None:
        """Load the file and compare it with the pack's statements.

        Raises:
            ModelError: The file is missing, is not a model, or has other shapes than ``config``.
            DeviceError: The device is not usable.
        """
        super().__init__(config)
        self._session = open_onnx(onnx_path, device)
        self._input, self._output, self._batch = self._check_shapes(onnx_path)

    def _run(self, faces: AlignedFaces) -> Matrix:
        planes = self.config.normalisation.apply(faces)
        step = self._batch if self._batch is not None else len(planes)
        parts = []
        for start in range(0, len(planes), step):
            part = planes[start : start + step]
            missing = step - len(part)
            if missing:  # pad to the fixed batch size, then drop the padding
                part = np.concatenate([part, np.zeros((missing, *part.shape[1:]), np.float32)])
            (output,) = self._session.run([self._output], {self._input: part})
            parts.append(output[: step - missing])
        return np.concatenate(parts)

    def _check_shapes(self, onnx_path: Path) -> tuple[str, str, int | None]:
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        side = self.template.size
        if len(inputs) != 1 or not outputs:
            raise PackFormatError(
                f"{onnx_path}: an embedder has one input and one output; "
                f"found {len(inputs)} and {len(outputs)}; export it again"
            )
        (source,), target = inputs, outputs[0]
        for role, value, shape in (
            ("input", source, (None, 3, side, side)),
            ("output", target, (None, self.dim)),
        ):
            # A free dimension is a name or None and fits any size.
            fits = len(value.shape) == len(shape) and all(
                stated is None or not isinstance(size, int) or size == stated
                for size, stated in zip(value.shape, shape, strict=True)
            )
            if not fits or value.type != "tensor(float)":
                expected = "(" + ", ".join("N" if n is None else str(n) for n in shape) + ")"
                raise PackFormatError(
                    f"{onnx_path}: {role} {value.name!r} must be {expected} tensor(float) as the "
                    f"pack states; found {value.shape} {value.type}; correct pack.toml or export "
                    "the model again"
                )
        batch = source.shape[0]
        return source.name, target.name, batch if isinstance(batch, int) else None
