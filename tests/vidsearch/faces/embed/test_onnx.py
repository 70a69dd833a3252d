from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vidsearch.errors import PackFormatError, PackNotFoundError
from vidsearch.faces.embed.base import EmbedderConfig
from vidsearch.faces.embed.onnx import OnnxEmbedder
from vidsearch.faces.geometry.align import ARCFACE_112, DLIB_150, AlignmentTemplate
from vidsearch.faces.normalisation import Normalisation

SIDE = ARCFACE_112.size


def save_left_mean(
    path: Path,
    batch: int | str = "batch",
    channels: int = 3,
    dtype: int = 1,
) -> Path:
    """Write an embedder of 2 numbers: the mean of the left and of the right half, all channels."""
    import onnx
    from onnx import helper, numpy_helper

    half = SIDE // 2
    kernel = np.zeros((2, channels, SIDE, SIDE), np.float32)
    kernel[0, :, :, :half] = kernel[1, :, :, half:] = 1 / (channels * SIDE * half)
    weight = numpy_helper.from_array(
        kernel.astype(helper.tensor_dtype_to_np_dtype(dtype)), "kernel"
    )
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["face", "kernel"], ["whole"]),
            helper.make_node("Flatten", ["whole"], ["vector"]),
        ],
        "halves",
        [helper.make_tensor_value_info("face", dtype, [batch, channels, SIDE, SIDE])],
        [helper.make_tensor_value_info("vector", dtype, [batch, 2])],
        [weight],
    )
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 13)])
    onnx.save(model, str(path))
    return path


def config(
    *, mirror: bool = False, dim: int = 2, template: AlignmentTemplate = ARCFACE_112
) -> EmbedderConfig:
    plain = Normalisation(mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    return EmbedderConfig(
        model_id="toy", dim=dim, template=template, normalisation=plain, mirror=mirror
    )


def half_lit(count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Return faces with a left half of 10, 20, 30, ... and a black right half."""
    faces = np.zeros((count, SIDE, SIDE, 3), np.uint8)
    for row in range(count):
        faces[row, :, : SIDE // 2] = 10 * (row + 1)
    return faces


def test_one_view(tmp_path: Path) -> None:
    embedder = OnnxEmbedder(save_left_mean(tmp_path / "m.onnx"), config())
    np.testing.assert_allclose(embedder.embed(half_lit(2)), [[10, 0], [20, 0]], rtol=1e-4)


def test_the_mirror_image_is_averaged_in(tmp_path: Path) -> None:
    embedder = OnnxEmbedder(save_left_mean(tmp_path / "m.onnx"), config(mirror=True))
    np.testing.assert_allclose(embedder.embed(half_lit(2)), [[5, 5], [10, 10]], rtol=1e-4)


@pytest.mark.parametrize("batch", [1, 4, "n"])
@pytest.mark.parametrize("mirror", [False, True])
def test_a_file_of_any_batch_size_embeds_any_number(
    tmp_path: Path, batch: int | str, mirror: bool
) -> None:
    """23 faces: more than one chunk, and a rest in every size."""
    embedder = OnnxEmbedder(save_left_mean(tmp_path / "m.onnx", batch), config(mirror=mirror))
    left = np.arange(1, 24) * 10.0
    right = np.zeros(23)
    expected = [(left + right) / 2] * 2 if mirror else [left, right]
    np.testing.assert_allclose(
        embedder.embed(half_lit(23)), np.stack(expected, axis=1), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize(
    ("channels", "dtype", "wanted", "message"),
    [
        (1, 1, config(), r"input 'face' must be \(N, 3, 112, 112\) .*found \['batch', 1, 112"),
        (3, 1, config(template=DLIB_150), r"input 'face' must be \(N, 3, 150, 150\)"),
        (3, 1, config(dim=5), r"output 'vector' must be \(N, 5\) .*found \['batch', 2\]"),
        (3, 10, config(), r"found \['batch', 3, 112, 112\] tensor\(float16\)"),
    ],
    ids=["one channel", "another side", "another dim", "half precision"],
)
def test_a_file_that_is_not_what_the_pack_says(
    tmp_path: Path, channels: int, dtype: int, wanted: EmbedderConfig, message: str
) -> None:
    path = save_left_mean(tmp_path / "m.onnx", channels=channels, dtype=dtype)
    with pytest.raises(PackFormatError, match=message):
        OnnxEmbedder(path, wanted)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PackNotFoundError, match=r"gone\.onnx does not exist"):
        OnnxEmbedder(tmp_path / "gone.onnx", config())
