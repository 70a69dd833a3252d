"""Conversion of dlib's face recognition network from its own file format to ONNX.

Neither dlib nor torch is needed. The architecture is fixed, and the file must match it in every
length, stride and padding. Every access is checked, so a damaged or foreign file raises an error
and never causes a huge allocation.

Source: dlib's ``dnn_face_recognition_ex.cpp`` (He et al., "Deep residual learning for image
recognition", 2015, at half the filters) and its serialization, ``dlib/serialize.h``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vidsearch.datatypes import Matrix, Vector
from vidsearch.errors import PackFormatError
from vidsearch.faces.normalisation import Normalisation

if TYPE_CHECKING:
    from onnx import NodeProto

SIZE = 150
DIM = 128
# Source: dlib's input_rgb_image_sized; the file holds the same numbers, which are checked.
NORMALISATION = Normalisation(mean=(122.782, 117.001, 104.298), std=(256.0, 256.0, 256.0))

INPUT = "aligned"
OUTPUT = "embedding"

STEM_FILTERS = 32
# Residual blocks in order: number of filters, and True if the block halves height and width.
BLOCKS: tuple[tuple[int, bool], ...] = (
    *((32, False),) * 3,
    *((64, halves) for halves in (True, False, False, False)),
    *((128, halves) for halves in (True, False, False)),
    *((256, halves) for halves in (True, False, False, True)),
)

# Largest distance to the next layer. Flags and empty tensors between two layers take less than 120
# bytes.
_MAX_GAP_BYTES = 400


@dataclass(frozen=True, slots=True, eq=False)
class Convolution:
    """Convolution with the following affine layer folded in.

    Attributes:
        weight: (out, in, k, k) float32.
        bias: (out,) float32.
        stride: Stride in both directions.
        padding: Padding on all four sides.
    """

    weight: NDArray[np.float32]
    bias: Vector
    stride: int
    padding: int


@dataclass(frozen=True, slots=True, eq=False)
class DlibWeights:
    """Weights of the whole network.

    Attributes:
        stem: The 7 x 7 convolution.
        blocks: Two 3 x 3 convolutions for each of ``BLOCKS``.
        projection: (256, 128) float32, the last layer, without bias.
    """

    stem: Convolution
    blocks: tuple[tuple[Convolution, Convolution], ...]
    projection: Matrix


def parse(data: bytes) -> DlibWeights:
    """Return the weights in the content of ``dlib_face_recognition_resnet_model_v1.dat``.

    Raises:
        PackFormatError: The content is not that network; the message states the position.
    """
    reader = _Reader(data)
    reader.seek("input_rgb_image_sized")
    means = tuple(reader.real() for _ in range(3))
    if not np.allclose(means, NORMALISATION.mean, atol=1e-3):
        reader.fail(f"input means {means}", f"{NORMALISATION.mean}")
    reader.expect("input size", (SIZE, SIZE))
    stem = _convolution(reader, 3, STEM_FILTERS, kernel=7, stride=2, padding=0)
    blocks = []
    channels = STEM_FILTERS
    for filters, halves in BLOCKS:
        stride, padding = (2, 0) if halves else (1, 1)
        first = _convolution(reader, channels, filters, kernel=3, stride=stride, padding=padding)
        second = _convolution(reader, filters, filters, kernel=3, stride=1, padding=1)
        blocks.append((first, second))
        channels = filters
    reader.seek("fc_2")
    reader.expect("fully connected layer", (DIM, channels))
    projection = reader.tensor((channels, DIM, 1, 1)).reshape(channels, DIM)
    return DlibWeights(stem, tuple(blocks), projection)


def convert(data: bytes) -> bytes:
    """Return the network as ONNX: (N, 3, 150, 150) float32 normalised RGB to (N, 128).

    Args:
        data: Content of ``dlib_face_recognition_resnet_model_v1.dat``.

    Raises:
        PackFormatError: The content is not that network.
    """
    import onnx
    from onnx import TensorProto, helper

    graph = _Graph()
    output = _forward(graph, parse(data))
    graph.add("Identity", [output], rename=OUTPUT)
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "dlib_face_resnet",
            [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["batch", 3, SIZE, SIZE])],
            [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["batch", DIM])],
            [onnx.numpy_helper.from_array(value, name) for name, value in graph.constants.items()],
        ),
        producer_name="vidsearch",
        opset_imports=[helper.make_opsetid("", 13)],
        ir_version=8,  # supported by ONNX Runtime 1.10 and later
    )
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


class _Graph:
    """Nodes and constants of an ONNX graph, numbered in the order of creation."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, NDArray[np.generic]] = {}

    def constant(self, value: NDArray[np.generic]) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants[name] = value
        return name

    def add(self, operator: str, inputs: list[str], rename: str = "", **attributes: Any) -> str:
        from onnx import helper

        name = rename if rename else f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def convolve(self, source: str, convolution: Convolution) -> str:
        kernel = convolution.weight.shape[-1]
        return self.add(
            "Conv",
            [source, self.constant(convolution.weight), self.constant(convolution.bias)],
            kernel_shape=[kernel, kernel],
            strides=[convolution.stride] * 2,
            pads=[convolution.padding] * 4,
        )

    def pad_end(self, source: str, channels: int, side: int) -> str:
        """Append zero channels, rows and columns."""
        if not channels and not side:
            return source
        pads = np.array([0, 0, 0, 0, 0, channels, side, side], np.int64)
        return self.add("Pad", [source, self.constant(pads)])


def _forward(graph: _Graph, weights: DlibWeights) -> str:
    value = graph.add("Relu", [graph.convolve(INPUT, weights.stem)])
    value = graph.add("MaxPool", [value], kernel_shape=[3, 3], strides=[2, 2])
    channels, side = STEM_FILTERS, _reduced(_reduced(SIZE, 7), 3)
    for (filters, halves), (first, second) in zip(BLOCKS, weights.blocks, strict=True):
        main = graph.add("Relu", [graph.convolve(value, first)])
        main = graph.convolve(main, second)
        if halves:
            shortcut = graph.add("AveragePool", [value], kernel_shape=[2, 2], strides=[2, 2])
            main_side, shortcut_side = _reduced(side, 3), _reduced(side, 2)
            side = max(main_side, shortcut_side)
            # dlib adds tensors of different sizes by padding the smaller one with zeros.
            main = graph.pad_end(main, 0, side - main_side)
            shortcut = graph.pad_end(shortcut, filters - channels, side - shortcut_side)
        else:
            shortcut = value
        value = graph.add("Relu", [graph.add("Add", [main, shortcut])])
        channels = filters
    pooled = graph.add("Flatten", [graph.add("GlobalAveragePool", [value])])
    return graph.add("MatMul", [pooled, graph.constant(weights.projection)])


def _reduced(side: int, kernel: int) -> int:
    """Return the side after a layer of stride 2 without padding."""
    return (side - kernel) // 2 + 1


def _convolution(
    reader: _Reader, channels: int, filters: int, *, kernel: int, stride: int, padding: int
) -> Convolution:
    reader.seek("con_4")
    count = filters * channels * kernel * kernel
    values = reader.tensor((count + filters, 1, 1, 1)).ravel()
    reader.expect("convolution", (filters, kernel, kernel, stride, stride, padding, padding))
    reader.seek("affine_")
    gamma, beta = reader.tensor((2 * filters, 1, 1, 1)).reshape(2, filters)
    weight = values[:count].reshape(filters, channels, kernel, kernel)
    return Convolution(
        weight * gamma[:, None, None, None], values[count:] * gamma + beta, stride, padding
    )


class _Reader:
    """Cursor over dlib's serialization that checks every access."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._offset = 0

    def fail(self, found: str, expected: str) -> None:
        raise PackFormatError(
            f"not dlib's face recognition network: {found} before byte {self._offset}, "
            f"expected {expected}; reinstall the package that contains it"
        )

    def take(self, length: int) -> bytes:
        piece = self._data[self._offset : self._offset + length]
        if len(piece) != length:
            self.fail(f"the file ends after {len(self._data)} bytes", f"{length} more bytes")
        self._offset += length
        return piece

    def seek(self, layer: str) -> None:
        """Move past the name of the next layer of this kind."""
        name = bytes([1, len(layer)]) + layer.encode()
        end = self._offset + _MAX_GAP_BYTES + len(name)
        start = self._data.find(name, self._offset, end)
        if start < 0:
            self.fail("no such layer", f"a layer {layer!r} within {_MAX_GAP_BYTES} bytes")
        self._offset = start + len(name)

    def integer(self) -> int:
        """Read a control byte (byte count, sign in the highest bit), then the magnitude."""
        control = self.take(1)[0]
        length = control & 0x0F
        if control & 0x70 or not 1 <= length <= 8:
            self.fail(f"control byte {control:#04x}", "an integer")
        magnitude = int.from_bytes(self.take(length), "little")
        return -magnitude if control & 0x80 else magnitude

    def real(self) -> float:
        """Read an integer mantissa and an integer exponent of two."""
        mantissa, exponent = self.integer(), self.integer()
        if abs(exponent) > 512:
            self.fail(f"exponent {exponent}", "a finite number")
        return math.ldexp(mantissa, exponent)

    def expect(self, field: str, values: tuple[int, ...]) -> None:
        found = tuple(self.integer() for _ in values)
        if found != values:
            self.fail(f"{field} {found}", f"{values}")

    def tensor(self, shape: tuple[int, int, int, int]) -> NDArray[np.float32]:
        self.expect("tensor version", (2,))
        self.expect("tensor shape", shape)
        raw = np.frombuffer(self.take(4 * math.prod(shape)), "<f4")
        if not np.isfinite(raw).all():
            self.fail("weights that are not finite", "finite weights")
        return raw.astype(np.float32).reshape(shape)
