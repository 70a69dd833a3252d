"""Conversion of the published CenterFace file: any input size, weights as constants."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vidsearch.errors import PackFormatError

if TYPE_CHECKING:
    from onnx import ModelProto, ValueInfoProto

INPUT = "input.1"
# Heat map, log size, centre offset, landmarks; all at a quarter of the input size.
OUTPUTS = ("537", "538", "539", "540")


def convert(source: bytes) -> bytes:
    """Return the model with free batch, height and width, its weights as constants.

    The published file fixes the input size. It also lists every weight among the graph's inputs,
    where a caller could replace it. ONNX Runtime then warns about each weight and cannot fold
    constants (72 instead of 29 ms per 640-pixel frame).

    Args:
        source: Content of the published ``centerface.onnx``.

    Raises:
        PackFormatError: The file is not an ONNX model, or not CenterFace.
    """
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        model: ModelProto = onnx.load_from_string(source)
        onnx.checker.check_model(model)
    except (DecodeError, onnx.checker.ValidationError, ValueError) as error:
        raise PackFormatError(
            "the CenterFace file is not a valid ONNX model; reinstall the package that contains it"
        ) from error
    graph = model.graph
    weights = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in weights]
    names = tuple(value.name for value in inputs), tuple(value.name for value in graph.output)
    if names != ((INPUT,), OUTPUTS):
        raise PackFormatError(
            f"the ONNX model is not CenterFace: its inputs are {names[0]} and outputs {names[1]}, "
            f"expected {(INPUT,)} and {OUTPUTS}"
        )
    del graph.input[:]
    graph.input.extend(inputs)
    read_names = {name for node in graph.node for name in node.input}
    read_weights = [tensor for tensor in graph.initializer if tensor.name in read_names]
    del graph.initializer[:]  # training counters among them would cause a warning each
    graph.initializer.extend(read_weights)
    _free_shape(graph.input[0], "height", "width")
    for output in graph.output:
        _free_shape(output, "height_4", "width_4")
    model.ir_version = max(model.ir_version, 4)  # first version in which weights need not be inputs
    return bytes(model.SerializeToString())


def _free_shape(value: ValueInfoProto, height: str, width: str) -> None:
    dims = value.type.tensor_type.shape.dim
    if len(dims) != 4:
        raise PackFormatError(
            f"the ONNX model is not CenterFace: {value.name!r} has {len(dims)} dimensions, not 4"
        )
    dims[0].dim_param, dims[2].dim_param, dims[3].dim_param = "batch", height, width
