"""Adapters of the insightface package, on small networks with hand-computed results."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from vidsearch.device import Device
from vidsearch.errors import (
    ConfigError,
    DeviceError,
    ModelError,
    PackFormatError,
    PackNotFoundError,
    ShapeError,
)
from vidsearch.faces.detect.insightface import ScrfdConfig, ScrfdDetector
from vidsearch.faces.embed.base import EmbedderConfig
from vidsearch.faces.embed.insightface import ArcFaceEmbedder
from vidsearch.faces.geometry.align import ARCFACE_112, DLIB_150
from vidsearch.faces.normalisation import Normalisation

DIM = 6


@pytest.fixture(scope="module")
def scrfd(toys: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scrfd") / "toy.onnx"
    toys.save_scrfd(path)
    return path


@pytest.fixture(scope="module")
def detector(scrfd: Path) -> ScrfdDetector:
    return ScrfdDetector(scrfd)


@pytest.fixture(scope="module")
def arcface(toys: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("arcface") / "toy.onnx"
    toys.save_arcface(path)
    return path


def config(**changes: Any) -> EmbedderConfig:
    fields: dict[str, Any] = {
        "model_id": "toy",
        "dim": DIM,
        "template": ARCFACE_112,
        "normalisation": Normalisation(),
        "mirror": False,
    }
    return EmbedderConfig(**(fields | changes))


def blank(height: int, width: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.zeros((height, width, 3), np.uint8)


def test_detector_finds_red_where_it_is(detector: ScrfdDetector) -> None:
    image = blank(640, 640)
    image[80:88, 160:168] = (255, 0, 0)  # the cell at (20, 10): anchor (160, 80)
    found = detector.detect(image)
    # 1 cell left and up, 2 right and down; (255 - 127.5) / 128.
    assert found.boxes_xyxy.tolist() == [[152, 72, 176, 96]]
    assert found.scores.tolist() == [0.99609375]
    expected = [[144, 96], [152, 88], [160, 80], [168, 72], [176, 64]]
    assert found.landmarks[0].tolist() == expected


def test_detector_is_given_rgb(detector: ScrfdDetector) -> None:
    image = blank(640, 640)
    image[80:88, 160:168] = (0, 0, 255)
    assert len(detector.detect(image)) == 0


def test_detector_returns_to_the_pictures_own_pixels_best_first(detector: ScrfdDetector) -> None:
    image = blank(1280, 960)  # halved to 640 x 480
    image[160:176, 320:336] = (255, 0, 0)
    image[960:976, 640:656] = (210, 0, 0)
    found = detector.detect(image)
    assert found.boxes_xyxy.tolist() == [[304, 144, 352, 192], [624, 944, 672, 992]]
    assert found.scores == pytest.approx([0.99609375, (210 - 127.5) / 128])


def test_detector_keeps_boxes_inside_the_picture(detector: ScrfdDetector) -> None:
    image = blank(640, 640)
    image[0:8, 0:8] = (255, 0, 0)
    image[632:640, 632:640] = (255, 0, 0)
    boxes = sorted(detector.detect(image).boxes_xyxy.tolist())
    assert boxes == [[0, 0, 16, 16], [624, 624, 640, 640]]


@pytest.mark.parametrize(
    "size", [(0, 0), (0, 5), (1, 1), (1, 5000), (5000, 1), (3, 700), (641, 1), (17, 31)]
)
def test_detector_takes_pictures_of_any_size(
    detector: ScrfdDetector, size: tuple[int, int]
) -> None:
    image = np.full((*size, 3), 100, np.uint8)
    assert len(detector.detect(image)) == 0
    assert (image == 100).all()


def test_detector_refuses_other_arrays(detector: ScrfdDetector) -> None:
    with pytest.raises(ShapeError, match="image must be"):
        detector.detect(np.zeros((4, 4), np.uint8))
    with pytest.raises(ShapeError, match="uint8"):
        detector.detect(np.zeros((4, 4, 3), np.float32))


def test_detector_obeys_threshold(scrfd: Path) -> None:
    image = blank(640, 640)
    image[80:88, 160:168] = (210, 0, 0)  # 0.645
    assert len(ScrfdDetector(scrfd, ScrfdConfig(threshold=0.64)).detect(image)) == 1
    assert len(ScrfdDetector(scrfd, ScrfdConfig(threshold=0.65)).detect(image)) == 0


@pytest.mark.parametrize("changes", [{"side": 100}, {"threshold": 0.0}, {"nms_iou": 1.5}])
def test_detector_config_is_checked(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(changes))):
        ScrfdConfig(**changes)


def test_embedder_golden(arcface: Path) -> None:
    faces = np.zeros((2, 112, 112, 3), np.uint8)
    faces[0] = (255, 0, 51)  # 1, -1, -0.6
    faces[1, :, 1, 0] = 255  # one red column: mean red -1 + 2/112
    embeddings = ArcFaceEmbedder(arcface, config()).embed(faces)
    expected = [[1, -1, -0.6, 1, 1, 1], [-1 + 2 / 112, -1, -1, -1, 1, -1]]
    np.testing.assert_allclose(embeddings, expected, atol=1e-3)
    assert embeddings.dtype == np.float32


def test_embedder_averages_the_mirror_image(arcface: Path, rng: np.random.Generator) -> None:
    faces = rng.integers(0, 256, (3, 112, 112, 3), dtype=np.uint8)
    plain = ArcFaceEmbedder(arcface, config())
    mirrored = ArcFaceEmbedder(arcface, config(mirror=True)).embed(faces)
    expected = (plain.embed(faces) + plain.embed(np.ascontiguousarray(faces[:, :, ::-1]))) / 2
    np.testing.assert_allclose(mirrored, expected, atol=1e-6)


@pytest.mark.parametrize("batch", ["batch", 1, 4])
@pytest.mark.parametrize("count", [0, 1, 3, 17, 40])
def test_embedder_takes_any_number_of_faces(
    toys: ModuleType, tmp_path: Path, rng: np.random.Generator, batch: int | str, count: int
) -> None:
    path = tmp_path / "rec.onnx"
    toys.save_arcface(path, batch=batch)
    embedder = ArcFaceEmbedder(path, config(mirror=True))
    faces = rng.integers(0, 256, (count, 112, 112, 3), dtype=np.uint8)
    together = embedder.embed(faces)
    assert together.shape == (count, DIM)
    for row in range(count):
        np.testing.assert_allclose(
            embedder.embed(faces[row : row + 1])[0], together[row], atol=1e-6
        )


def test_embedder_refuses_other_sizes(arcface: Path) -> None:
    embedder = ArcFaceEmbedder(arcface, config())
    assert (embedder.model_id, embedder.dim, embedder.template) == ("toy", DIM, ARCFACE_112)
    with pytest.raises(ShapeError, match="aligned must be"):
        embedder.embed(np.zeros((1, 150, 150, 3), np.uint8))


def test_one_thread_and_the_provider_asked_for(arcface: Path, detector: ScrfdDetector) -> None:
    for model in (detector._model, ArcFaceEmbedder(arcface, config())._model):
        assert model.session.get_providers() == ["CPUExecutionProvider"]
        assert model.session.get_session_options().intra_op_num_threads == 1


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"dim": 512}, "embeddings must have 512 numbers as the pack states; found 6"),
        ({"template": DLIB_150}, "input must be 150 x 150 pixels as the pack states"),
        (
            {"normalisation": Normalisation(mean=(1.0, 2.0, 3.0))},
            'all channels alike, in RGB order.*use embedder kind "onnx"',
        ),
        ({"normalisation": Normalisation(channels="bgr")}, "in RGB order"),
    ],
)
def test_embedder_must_be_what_the_pack_says(
    arcface: Path, changes: dict[str, Any], rule: str
) -> None:
    with pytest.raises(PackFormatError, match=rule):
        ArcFaceEmbedder(arcface, config(**changes))


def test_files_that_are_something_else(
    toys: ModuleType, tmp_path: Path, scrfd: Path, arcface: Path
) -> None:
    garbage = tmp_path / "garbage.onnx"
    garbage.write_bytes(b"not a model")
    bare = tmp_path / "bare.onnx"
    toys.save_scrfd(bare, landmarks=False)
    with pytest.raises(PackNotFoundError, match=r"nowhere\.onnx does not exist"):
        ScrfdDetector(tmp_path / "nowhere.onnx")
    with pytest.raises(PackFormatError, match=r"garbage\.onnx is not a detection model"):
        ScrfdDetector(garbage)
    with pytest.raises(PackFormatError, match="9 or 15 outputs; found 6"):
        ScrfdDetector(bare)
    with pytest.raises(PackFormatError, match="9 or 15 outputs; found 1"):
        ScrfdDetector(arcface)
    with pytest.raises(ModelError, match="is not a recognition model"):
        ArcFaceEmbedder(scrfd, config())


def test_no_silent_fallback_to_the_cpu(scrfd: Path) -> None:
    import onnxruntime as ort

    if "CUDAExecutionProvider" in ort.get_available_providers():
        pytest.skip("this onnxruntime has CUDA")
    with pytest.raises(DeviceError, match="device 'cuda:0' needs an onnxruntime built with CUDA"):
        ScrfdDetector(scrfd, device=Device("cuda", 0))
