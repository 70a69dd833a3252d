from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from vidsearch.device import CPU, resolve_device
from vidsearch.errors import PackFormatError
from vidsearch.faces.embed.base import BATCH, EmbedderConfig
from vidsearch.faces.embed.torch import TorchEmbedder
from vidsearch.faces.geometry.align import ARCFACE_112
from vidsearch.faces.normalisation import Normalisation

SIDE = ARCFACE_112.size
PLAIN = Normalisation(mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))


class Halves(nn.Module):
    """Returns the means of the left and right halves, and records the batch sizes."""

    def __init__(self) -> None:
        super().__init__()
        self.dropout = nn.Dropout(0.5)
        self.batches: list[int] = []

    def forward(self, planes: Tensor) -> Tensor:
        self.batches.append(len(planes))
        left, right = planes[..., : SIDE // 2], planes[..., SIDE // 2 :]
        means: Tensor = self.dropout(torch.stack([left.mean((1, 2, 3)), right.mean((1, 2, 3))], 1))
        return means


def config(*, mirror: bool, dim: int = 2) -> EmbedderConfig:
    return EmbedderConfig(
        model_id="toy", dim=dim, template=ARCFACE_112, normalisation=PLAIN, mirror=mirror
    )


def half_lit(count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    faces = np.zeros((count, SIDE, SIDE, 3), np.uint8)
    faces[:, :, : SIDE // 2] = (np.arange(count) + 1)[:, None, None, None]
    return faces


def test_one_view_and_no_dropout() -> None:
    embeddings = TorchEmbedder(Halves().train(), config(mirror=False)).embed(half_lit(2))
    np.testing.assert_allclose(embeddings, [[1, 0], [2, 0]], rtol=1e-5)
    assert embeddings.dtype == np.float32


def test_the_mirror_image_is_averaged_in() -> None:
    embeddings = TorchEmbedder(Halves(), config(mirror=True)).embed(half_lit(2))
    np.testing.assert_allclose(embeddings, [[0.5, 0.5], [1.0, 1.0]], rtol=1e-5)


def test_memory_is_bounded_by_chunks() -> None:
    module = Halves()
    embeddings = TorchEmbedder(module, config(mirror=True)).embed(half_lit(2 * BATCH + 5))
    assert module.batches == [2 * BATCH, 2 * BATCH, 10]
    np.testing.assert_allclose(embeddings[:, 0], (np.arange(2 * BATCH + 5) + 1) / 2, rtol=1e-5)


def test_half_precision_comes_out_as_float32() -> None:
    class Half(Halves):
        def forward(self, planes: Tensor) -> Tensor:
            return super().forward(planes).half()

    embeddings = TorchEmbedder(Half(), config(mirror=False)).embed(half_lit(1))
    assert embeddings.dtype == np.float32
    assert embeddings.tolist() == [[1, 0]]


def test_a_module_of_another_length_is_an_error() -> None:
    embedder = TorchEmbedder(Halves(), config(mirror=False, dim=512))
    with pytest.raises(PackFormatError, match=r"gives \(1, 2\); expected \(1, 512\)"):
        embedder.embed(half_lit(1))


@pytest.mark.gpu
def test_a_gpu_gives_the_same_numbers() -> None:
    device = resolve_device("auto", "torch")
    if device == CPU:
        pytest.skip("no CUDA device that torch can use")
    embeddings = TorchEmbedder(Halves(), config(mirror=True), device).embed(half_lit(600))
    expected = TorchEmbedder(Halves(), config(mirror=True)).embed(half_lit(600))
    np.testing.assert_allclose(embeddings, expected, rtol=1e-5)
