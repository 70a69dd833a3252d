"""Any embedder exported as ONNX: the dlib network and ArcFace-style packs alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vidsearch.datatypes import AlignedFaces, Matrix
from vidsearch.device import CPU, Device, open_onnx
from vidsearch.embed.base import (
    BATCH,
    EmbedderConfig,
    check_aligned,
    mean_of_views,
    with_mirror,
)
from vidsearch.errors import PackFormatError
from vidsearch.geometry.align import AlignmentTemplate


class OnnxEmbedder:
    """An embedder whose file has one (N, 3, S, S) float32 input and an (N, D) output.

    See ``embed.base.Embedder``.
    """

    def __init__(self, onnx_path: Path, config: EmbedderConfig, device: Device = CPU) -> None:
        """Load the file and check that it is what the pack says.

        Raises:
            ModelError: The file is missing, not a model, or of other shapes than ``config``.
            DeviceError: The device is not usable.
        """
        self.config = config
        self._session = open_onnx(onnx_path, device)
        self._input, self._output, self._batch = self._check_shapes(onnx_path)

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
        """Return (N, dim) float32 raw embeddings; see ``embed.base.Embedder.embed``."""
        check_aligned(aligned, self.template)
        embeddings = np.empty((len(aligned), self.dim), np.float32)
        for start in range(0, len(aligned), BATCH):
            chunk = slice(start, start + BATCH)
            planes = self.config.normalisation.apply(aligned[chunk])
            if self.config.mirror:
                embeddings[chunk] = mean_of_views(self._run(with_mirror(planes)))
            else:
                embeddings[chunk] = self._run(planes)
        return embeddings

    def _run(self, planes: Matrix) -> Matrix:
        step = self._batch if self._batch is not None else len(planes)
        parts = []
        for start in range(0, len(planes), step):
            part = planes[start : start + step]
            missing = step - len(part)
            if missing:  # the exported batch size is fixed: fill it up, and drop the surplus
                part = np.concatenate([part, np.zeros((missing, *part.shape[1:]), np.float32)])
            (output,) = self._session.run([self._output], {self._input: part})
            parts.append(output[: step - missing])
        return np.concatenate(parts)

    def _check_shapes(self, onnx_path: Path) -> tuple[str, str, int | None]:
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        side = self.template.size
        if len(inputs) != 1 or not outputs:
            raise PackFormatError(
                f"{onnx_path}: an embedder has one input and an output; "
                f"found {len(inputs)} and {len(outputs)}; export it again"
            )
        (source,), target = inputs, outputs[0]
        for what, value, wanted in (
            ("input", source, (None, 3, side, side)),
            ("output", target, (None, self.dim)),
        ):
            # A free dimension is a name or None; it fits anything.
            fits = len(value.shape) == len(wanted) and all(
                want is None or not isinstance(have, int) or have == want
                for have, want in zip(value.shape, wanted, strict=True)
            )
            if not fits or value.type != "tensor(float)":
                expected = "(" + ", ".join("N" if n is None else str(n) for n in wanted) + ")"
                raise PackFormatError(
                    f"{onnx_path}: {what} {value.name!r} must be {expected} tensor(float) as the "
                    f"pack states; found {value.shape} {value.type}; correct pack.toml or export "
                    "the model again"
                )
        batch = source.shape[0]
        return source.name, target.name, batch if isinstance(batch, int) else None
