from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidsearch.datatypes import AlignedFaces, Matrix
from vidsearch.device import CPU
from vidsearch.errors import PackFormatError
from vidsearch.faces.embed import dlib_weights as dlib_resnet
from vidsearch.faces.embed.base import EmbedderConfig
from vidsearch.faces.embed.dlib_resnet import DlibFaceResNet
from vidsearch.faces.embed.onnx import OnnxEmbedder
from vidsearch.faces.embed.torch import TorchEmbedder
from vidsearch.faces.geometry.align import DLIB_150, align_faces
from vidsearch.models.open_pack import DLIB_RESNET, find_file

DATA = find_file(DLIB_RESNET).read_bytes()
CONFIG = EmbedderConfig(
    model_id="dlib",
    dim=dlib_resnet.DIM,
    template=DLIB_150,
    normalisation=dlib_resnet.NORMALISATION,
    mirror=False,
)


@pytest.fixture(scope="module")
def onnx_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("dlib") / "dlib.onnx"
    path.write_bytes(dlib_resnet.convert(DATA))
    return path


@pytest.fixture(scope="module")
def faces() -> AlignedFaces:
    """A real face, from a photo that scikit-image ships, aligned well and less well."""
    from skimage import data

    photo = np.asarray(data.astronaut(), np.uint8)  # type: ignore[no-untyped-call]
    # Read off the photo: left eye, right eye, nose, left mouth, right mouth.
    frontal = np.array([[203, 101], [246, 104], [223, 125], [203, 140], [246, 141]], np.float32)
    shifts = np.array([[0, 0], [3, -2], [-6, 4], [10, 0]], np.float32)
    landmarks = frontal[None] + shifts[:, None]
    return align_faces(photo, landmarks, DLIB_150)


@pytest.fixture(scope="module")
def few_torch_threads() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _dlib_itself(faces: AlignedFaces) -> Matrix:
    dlib = pytest.importorskip("dlib", reason="dlib-bin is not installed: nothing to compare with")
    model = dlib.face_recognition_model_v1(str(find_file(DLIB_RESNET)))
    return np.array([model.compute_face_descriptor(face) for face in faces], np.float32)


@pytest.mark.usefixtures("few_torch_threads")
def test_onnx_and_torch_agree_with_dlib_on_a_real_face(
    onnx_path: Path, faces: AlignedFaces
) -> None:
    reference = _dlib_itself(faces)
    assert np.linalg.norm(reference, axis=1).min() > 1  # a real answer, not zeros
    ours = OnnxEmbedder(onnx_path, CONFIG, CPU).embed(faces)
    np.testing.assert_allclose(ours, reference, atol=1e-5)
    in_torch = TorchEmbedder(DlibFaceResNet.from_dat(DATA), CONFIG, CPU).embed(faces)
    np.testing.assert_allclose(in_torch, reference, atol=1e-5)


@pytest.mark.media
@pytest.mark.slow
def test_onnx_agrees_with_dlib_on_many_real_faces(onnx_path: Path, media: Path) -> None:
    """Whole photos, resized: other people, light and cameras."""
    from PIL import Image as Pillow

    photos = sorted((media / "photos" / "face_recognition").glob("*.*g"))[:12]
    squares = []
    for photo in photos:
        with Pillow.open(photo) as opened:
            squares.append(np.asarray(opened.convert("RGB").resize((150, 150)), np.uint8))
    stacked = np.stack(squares)
    ours = OnnxEmbedder(onnx_path, CONFIG, CPU).embed(stacked)
    np.testing.assert_allclose(ours, _dlib_itself(stacked), atol=1e-5)


def test_random_pixels_agree_between_torch_and_onnx(
    onnx_path: Path, rng: np.random.Generator
) -> None:
    noise = rng.integers(0, 256, (3, 150, 150, 3), np.uint8)
    ours = OnnxEmbedder(onnx_path, CONFIG, CPU).embed(noise)
    in_torch = TorchEmbedder(DlibFaceResNet.from_dat(DATA), CONFIG, CPU).embed(noise)
    np.testing.assert_allclose(ours, in_torch, atol=1e-5)


def test_shapes_of_the_whole_network() -> None:
    weights = dlib_resnet.parse(DATA)
    assert weights.stem.weight.shape == (32, 3, 7, 7)
    assert [second.weight.shape[0] for _, second in weights.blocks] == (
        [32] * 3 + [64] * 4 + [128] * 3 + [256] * 4
    )
    assert weights.projection.shape == (256, 128)


def test_the_affine_layer_is_folded_in() -> None:
    """Gamma and beta of the stem lie 19,393 bytes into the file, one per filter."""
    weights = dlib_resnet.parse(DATA)
    at = DATA.index(b"con_4") + len(b"con_4") + len(b"\x01\x02\x02\x80\x12\x01\x01\x01\x01\x01\x01")
    raw = np.frombuffer(DATA, "<f4", 32 * 147 + 32, at)
    at = DATA.index(b"affine_") + len(b"affine_") + len(b"\x01\x02\x01\x40\x01\x01\x01\x01\x01\x01")
    gamma, beta = np.frombuffer(DATA, "<f4", 64, at).reshape(2, 32)
    image = np.linspace(-0.5, 0.5, 147, dtype=np.float32)
    plain = gamma * (raw[:-32].reshape(32, 147) @ image + raw[-32:]) + beta
    folded = weights.stem.weight.reshape(32, 147) @ image + weights.stem.bias
    np.testing.assert_allclose(folded, plain, rtol=1e-4, atol=1e-4)


def test_converting_twice_gives_the_same_bytes(onnx_path: Path) -> None:
    assert dlib_resnet.convert(DATA) == onnx_path.read_bytes()


@pytest.mark.parametrize("length", [0, 4, 300, 340, 20_000, 11_000_000, 22_400_000])
def test_a_cut_file_is_an_error(length: int) -> None:
    with pytest.raises(PackFormatError, match="not dlib's face recognition network"):
        dlib_resnet.parse(DATA[:length])


@given(st.binary(max_size=3000))
def test_noise_is_an_error(noise: bytes) -> None:
    with pytest.raises(PackFormatError):
        dlib_resnet.parse(noise)


# Everything up to the first weights: names, versions, lengths.
_HEADER_END = DATA.index(b"con_4") + 16


@given(
    st.integers(DATA.index(b"input_rgb"), _HEADER_END - 1),
    st.integers(1, 255),
)
@settings(deadline=None, max_examples=60)
def test_any_damaged_byte_of_the_structure_is_an_error(at: int, flip: int) -> None:
    damaged = bytearray(DATA)
    damaged[at] ^= flip
    try:
        weights = dlib_resnet.parse(bytes(damaged))
    except PackFormatError:
        return
    # The low bits of a mean's mantissa may change: that is still this network to 1e-3.
    intact = dlib_resnet.parse(DATA)
    np.testing.assert_array_equal(weights.stem.weight, intact.stem.weight)


@pytest.mark.parametrize(
    ("replacement", "message"),
    [
        # Eight bytes of length: 2^63 filters must not be allocated.
        (b"\x08" + b"\xff" * 8, r"tensor shape \(18446744073709551615, 1, 1, 1\)"),
        (b"\x82\x80\x12", r"tensor shape \(-4736, 1, 1, 1\)"),
        (b"\x0f\x80\x12", "control byte 0x0f"),
        (b"\x10\x80\x12", "control byte 0x10"),
    ],
)
def test_wild_lengths_are_refused(replacement: bytes, message: str) -> None:
    at = DATA.index(b"con_4") + len(b"con_4") + 2
    assert DATA[at : at + 3] == b"\x02\x80\x12"  # 4,736 numbers
    damaged = DATA[:at] + replacement + DATA[at + 3 : at + 200]
    with pytest.raises(PackFormatError, match=message):
        dlib_resnet.parse(damaged)


def test_weights_that_are_not_numbers_are_refused() -> None:
    at = DATA.index(b"con_4") + len(b"con_4") + 11
    damaged = bytearray(DATA)
    damaged[at : at + 4] = np.array([np.nan], "<f4").tobytes()
    with pytest.raises(PackFormatError, match="not finite"):
        dlib_resnet.parse(bytes(damaged))


def test_another_dlib_network_is_refused() -> None:
    """The same file with another stride is a network of other shapes."""
    numbers = b"\x01\x20\x01\x07\x01\x07\x01\x02\x01\x02\x01\x00\x01\x00"
    other = numbers.replace(b"\x01\x02\x01\x02", b"\x01\x01\x01\x01")
    at = DATA.index(b"affine_")
    head = DATA[:at]
    assert head.count(numbers) == 1
    with pytest.raises(PackFormatError, match=r"convolution \(32, 7, 7, 1, 1, 0, 0\)"):
        dlib_resnet.parse(head.replace(numbers, other) + DATA[at:])
