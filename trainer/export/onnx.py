"""Export of a trained network as an ONNX file in float32, float16 or int8."""

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
from vidsearch.text.printable import first_line

if TYPE_CHECKING:
    from torch import nn

Precision = Literal["float32", "float16", "int8"]

INPUT, OUTPUT = "aligned", "embedding"
OPSET = 17
TOLERANCE = 1e-4
"""Largest allowed difference between ONNX and torch in float32, relative to the norm."""

_CALIBRATION_BATCH = 16


def write_onnx(backbone: nn.Module, side: int, path: Path) -> None:
    """Write a network as ONNX with a variable batch size; BatchNorm is folded into convolutions.

    Args:
        backbone: Network from (B, 3, S, S) float32 to (B, D).
        side: S, the side of the aligned face, pixels.
        path: Path of the new file.

    Raises:
        ExportError: torch cannot express the network in ONNX.
    """
    import torch

    example = torch.zeros(2, 3, side, side)
    try:
        with _suppressed_messages():
            torch.onnx.export(
                backbone.cpu().eval(),
                (example,),
                str(path),
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_axes={INPUT: {0: "batch"}, OUTPUT: {0: "batch"}},
                opset_version=OPSET,
                dynamo=False,  # the dynamo exporter needs onnxscript and has no advantage here
            )
    except (RuntimeError, torch.onnx.errors.OnnxExporterError) as error:
        raise ExportError(f"this network cannot be written as ONNX: {first_line(error)}") from error


def largest_difference(
    backbone: nn.Module, normalisation: Normalisation, path: Path, faces: AlignedFaces
) -> float:
    """Return the largest difference between ONNX file and network, relative to the embedding norm.

    The file embeds the faces one by one and all at once. This also detects a fixed batch size and
    embeddings that depend on other faces of the batch.

    Args:
        backbone: Network in evaluation mode.
        normalisation: Conversion of pixels to the network's input.
        path: ONNX file.
        faces: (N, S, S, 3) uint8 RGB.
    """
    import torch

    planes = normalisation.apply(faces)
    with torch.no_grad():
        expected = backbone(torch.from_numpy(planes)).numpy()
    norms = np.linalg.norm(expected, axis=1, keepdims=True)
    batch_embeddings = run_onnx(path, planes)
    single_embeddings = np.concatenate(
        [run_onnx(path, planes[i : i + 1]) for i in range(len(planes))]
    )
    scale = np.maximum(norms, np.finfo(np.float32).tiny)
    return max(
        float((np.abs(embeddings - expected) / scale).max())
        for embeddings in (batch_embeddings, single_embeddings)
    )


def run_onnx(path: Path, planes: Matrix) -> Matrix:
    """Run an ONNX file on the CPU; return (N, D) float32 embeddings.

    Args:
        path: ONNX file.
        planes: (N, 3, S, S) float32, normalised.
    """
    from vidsearch.device import CPU, open_onnx

    session = open_onnx(path, CPU)
    (embeddings,) = session.run([OUTPUT], {INPUT: planes})
    return np.asarray(embeddings, np.float32)


def to_half(source: Path, path: Path) -> None:
    """Convert an ONNX file to float16 weights and arithmetic; input and output stay float32.

    Args:
        source: float32 file.
        path: Path of the new file.

    Raises:
        ExportError: The network cannot be converted.
    """
    import onnx

    try:
        with _suppressed_messages():
            from onnxruntime.transformers.float16 import convert_float_to_float16

            half = convert_float_to_float16(onnx.load(str(source)), keep_io_types=True)
        onnx.save(half, str(path))
    except (ValueError, RuntimeError) as error:
        raise ExportError(f"the network cannot be converted to float16: {error}") from error


def to_int8(source: Path, path: Path, planes: Matrix) -> None:
    """Quantise an ONNX file to int8 weights and activations, with ranges measured on real faces.

    Weights are quantised per channel and activations per tensor, in quantise-dequantise form.

    Args:
        source: float32 file.
        path: Path of the new file.
        planes: (N, 3, S, S) float32, normalised training faces for the ranges.

    Raises:
        ExportError: The network cannot be converted.
    """
    try:
        with _suppressed_messages():
            from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

            class Faces(CalibrationDataReader):  # type: ignore[misc]
                def __init__(self) -> None:
                    self._starts = iter(range(0, len(planes), _CALIBRATION_BATCH))

                def get_next(self) -> dict[str, Matrix] | None:
                    start = next(self._starts, None)
                    if start is None:
                        return None
                    return {INPUT: planes[start : start + _CALIBRATION_BATCH]}

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
def _suppressed_messages() -> Iterator[None]:
    """Suppress warnings and log messages of the exporters."""
    level = logging.root.level
    logging.root.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.root.setLevel(level)
