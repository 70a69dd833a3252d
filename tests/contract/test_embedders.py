"""Contract of every embedder; see ``vidsearch.faces.embed.base.Embedder``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.helpers import toy_models
from vidsearch.datatypes import AlignedFaces, Image, Matrix
from vidsearch.errors import ShapeError
from vidsearch.faces.embed import dlib_weights as dlib_resnet
from vidsearch.faces.embed.base import BATCH, Embedder, EmbedderConfig
from vidsearch.faces.embed.dlib_resnet import DlibFaceResNet
from vidsearch.faces.embed.insightface import ArcFaceEmbedder
from vidsearch.faces.embed.onnx import OnnxEmbedder
from vidsearch.faces.embed.torch import TorchEmbedder
from vidsearch.faces.geometry.align import ARCFACE_112, DLIB_150, align_faces
from vidsearch.faces.normalisation import Normalisation
from vidsearch.models.open_pack import DLIB_RESNET, dlib_resnet_onnx, find_file

DLIB = EmbedderConfig(
    model_id="dlib",
    dim=dlib_resnet.DIM,
    template=DLIB_150,
    normalisation=dlib_resnet.NORMALISATION,
)


def _dlib_onnx(folder: Path) -> Embedder:
    return OnnxEmbedder(dlib_resnet_onnx(folder), DLIB)


def _dlib_torch(folder: Path) -> Embedder:
    return TorchEmbedder(DlibFaceResNet.from_dat(find_file(DLIB_RESNET).read_bytes()), DLIB)


def _arcface_config() -> EmbedderConfig:
    return EmbedderConfig(
        model_id="toy", dim=6, template=ARCFACE_112, normalisation=Normalisation()
    )


def _arcface_onnx(folder: Path) -> Embedder:
    """Return a network as exported by the trainer: 112 x 112, any batch."""
    toy_models.save_arcface(folder / "free.onnx")
    return OnnxEmbedder(folder / "free.onnx", _arcface_config())


def _arcface_batch_of_three(folder: Path) -> Embedder:
    toy_models.save_arcface(folder / "three.onnx", batch=3)
    return OnnxEmbedder(folder / "three.onnx", _arcface_config())


def _arcface_insightface(folder: Path) -> Embedder:
    toy_models.save_arcface(folder / "insightface.onnx")
    return ArcFaceEmbedder(folder / "insightface.onnx", _arcface_config())


EMBEDDERS: dict[str, Callable[[Path], Embedder]] = {
    "dlib-onnx": _dlib_onnx,
    "dlib-torch": _dlib_torch,
    "arcface-onnx": _arcface_onnx,
    "arcface-onnx-batch-of-three": _arcface_batch_of_three,
    "arcface-insightface": _arcface_insightface,
}

# Largest effect of the other faces in a batch, on numbers around 0.1: libraries choose their matrix
# product by the batch size. ONNX Runtime's results were equal to the bit where measured.
BATCH_EFFECT = 2e-6


@pytest.fixture(scope="module", params=list(EMBEDDERS))
def embedder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    return EMBEDDERS[request.param](tmp_path_factory.mktemp("embedder"))


@pytest.fixture(scope="module")
def faces(embedder: Embedder) -> AlignedFaces:
    """Faces for more than one chunk: a real face and noise."""
    from skimage import data

    photo: Image = np.asarray(data.astronaut(), np.uint8)  # type: ignore[no-untyped-call]
    landmarks = np.array([[[203, 101], [246, 104], [223, 125], [203, 140], [246, 141]]], np.float32)
    real = align_faces(photo, landmarks, embedder.template)
    side = embedder.template.size
    noise = np.random.default_rng(7).integers(0, 256, (BATCH + 4, side, side, 3), np.uint8)
    return np.concatenate([real, noise])


@pytest.fixture(scope="module")
def embeddings(embedder: Embedder, faces: AlignedFaces) -> Matrix:
    return embedder.embed(faces)


def test_one_row_per_face(embedder: Embedder, faces: AlignedFaces, embeddings: Matrix) -> None:
    assert embeddings.shape == (len(faces), embedder.dim)
    assert embeddings.dtype == np.float32
    assert np.isfinite(embeddings).all()
    assert embedder.model_id


def test_no_faces(embedder: Embedder, faces: AlignedFaces) -> None:
    embeddings = embedder.embed(faces[:0])
    assert embeddings.shape == (0, embedder.dim)
    assert embeddings.dtype == np.float32


@pytest.mark.parametrize("rows", [[0], [4, 0], [3, 1, 2, 0, 19], list(range(19, 2, -1))], ids=len)
def test_other_faces_in_the_batch_have_no_effect(
    embedder: Embedder, faces: AlignedFaces, embeddings: Matrix, rows: list[int]
) -> None:
    """The embedding is the same alone, among few, in another order and in another chunk."""
    np.testing.assert_allclose(
        embedder.embed(faces[rows]), embeddings[rows], rtol=0, atol=BATCH_EFFECT
    )


def test_a_face_and_its_mirror_image_are_the_same(
    embedder: Embedder, faces: AlignedFaces, embeddings: Matrix
) -> None:
    mirrored = embedder.embed(faces[:3, :, ::-1])
    np.testing.assert_allclose(mirrored, embeddings[:3], atol=1e-5)


def test_other_faces_have_other_embeddings(embeddings: Matrix) -> None:
    assert np.abs(embeddings[0] - embeddings[1]).max() > 1e-3


def test_channels_are_not_swapped(
    embedder: Embedder, faces: AlignedFaces, embeddings: Matrix
) -> None:
    swapped = embedder.embed(np.ascontiguousarray(faces[:1, ..., ::-1]))
    assert np.abs(swapped - embeddings[:1]).max() > 1e-3


def test_the_faces_are_not_modified(embedder: Embedder, faces: AlignedFaces) -> None:
    frozen = faces[:3].copy()
    frozen.flags.writeable = False
    embedder.embed(frozen)
    np.testing.assert_array_equal(frozen, faces[:3])


@pytest.mark.parametrize("wrong", ["one face", "another side", "float", "channels first"])
def test_only_aligned_faces_are_accepted(
    embedder: Embedder, faces: AlignedFaces, wrong: str
) -> None:
    inputs = {
        "one face": faces[0],
        "another side": faces[:2, 1:, 1:],
        "float": faces[:2].astype(np.float32),
        "channels first": faces[:2].transpose(0, 3, 1, 2),
    }
    side = embedder.template.size
    message = rf"aligned must be \(N, {side}, {side}, 3\) uint8; got "
    with pytest.raises(ShapeError, match=message):
        embedder.embed(np.asarray(inputs[wrong]))
