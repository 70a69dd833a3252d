"""A trained network as an ONNX file: whole, in half precision, or in 8-bit integers."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from vidsearch.datatypes import AlignedFaces, Matrix
from vidsearch.errors import ExportError
from vidsearch.faces.normalisation import Normalisation

if TYPE_CHECKING:
    from torch import nn

Precision = Literal["float32", "float16", "int8"]

INPUT, OUTPUT = "aligned", "embedding"
OPSET = 17
TOLERANCE = 1e-4
"""Largest difference between ONNX and torch, as a share of an embedding's length, in float32."""

_AT_ONCE = 16


def write_onnx(backbone: nn.Module, side: int, path: Path) -> None:
    """Write a network with a free batch size; BatchNorm is folded into its convolutions.

    Args:
        backbone: In evaluation mode, (B, 3, side, side) float32 to (B, D).
        side: Of the aligned face.
        path: Of the new file.

    Raises:
        ExportError: torch cannot express the network in ONNX.
    """
    import torch

    example = torch.zeros(2, 3, side, side)
    try:
        with _quiet():
            torch.onnx.export(
                backbone.cpu().eval(),
                (example,),
                str(path),
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_axes={INPUT: {0: "batch"}, OUTPUT: {0: "batch"}},
                opset_version=OPSET,
                dynamo=False,  # the newer exporter needs a package more and gives nothing here
            )
    except (RuntimeError, torch.onnx.errors.OnnxExporterError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise ExportError(f"this network cannot be written as ONNX: {reason}") from error


def largest_difference(
    backbone: nn.Module, normalisation: Normalisation, path: Path, faces: AlignedFaces
) -> float:
    """Return how far the file is from the network: max |difference|, as a share of the length.

    Faces go through the file one by one and all at once, so a batch size that was baked in, or an
    embedding that depends on its neighbours, shows.

    Args:
        backbone: In evaluation mode.
        normalisation: Of the network.
        path: The file.
        faces: (N, S, S, 3) uint8 RGB.
    """
    import torch

    planes = normalisation.apply(faces)
    with torch.no_grad():
        wanted = backbone(torch.from_numpy(planes)).numpy()
    lengths = np.linalg.norm(wanted, axis=1, keepdims=True)
    together = run_onnx(path, planes)
    alone = np.concatenate([run_onnx(path, planes[i : i + 1]) for i in range(len(planes))])
    scale = np.maximum(lengths, np.finfo(np.float32).tiny)
    return max(float((np.abs(got - wanted) / scale).max()) for got in (together, alone))


def run_onnx(path: Path, planes: Matrix) -> Matrix:
    """Return (N, D) float32 of (N, 3, S, S) float32 on this machine's processor."""
    from vidsearch.device import CPU, open_onnx

    session = open_onnx(path, CPU)
    (found,) = session.run([OUTPUT], {INPUT: planes})
    return np.asarray(found, np.float32)


def to_half(source: Path, path: Path) -> None:
    """Write the file with 16-bit weights and arithmetic; input and output stay float32.

    Raises:
        ExportError: It cannot be converted.
    """
    import onnx

    try:
        with _quiet():
            from onnxruntime.transformers.float16 import convert_float_to_float16

            half = convert_float_to_float16(onnx.load(str(source)), keep_io_types=True)
        onnx.save(half, str(path))
    except (ValueError, RuntimeError) as error:
        raise ExportError(f"the network cannot be converted to float16: {error}") from error


def to_int8(source: Path, path: Path, planes: Matrix) -> None:
    """Write the file with 8-bit weights and activations, their ranges taken from real faces.

    Weights per channel, activations per tensor, in quantise-dequantise form.

    Args:
        source: float32 file.
        path: Of the new file.
        planes: (N, 3, S, S) float32, normalised training faces to take the ranges from.

    Raises:
        ExportError: It cannot be converted.
    """
    try:
        with _quiet():
            from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

            class Faces(CalibrationDataReader):  # type: ignore[misc]
                def __init__(self) -> None:
                    self._starts = iter(range(0, len(planes), _AT_ONCE))

                def get_next(self) -> dict[str, Matrix] | None:
                    start = next(self._starts, None)
                    return None if start is None else {INPUT: planes[start : start + _AT_ONCE]}

            quantize_static(
                str(source),
                str(path),
                Faces(),
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
            )
    except (ValueError, RuntimeError) as error:
        raise ExportError(f"the network cannot be converted to int8: {error}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporters' chatter (deprecations, advice) out of the console."""
    level = logging.root.level
    logging.root.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.root.setLevel(level)
