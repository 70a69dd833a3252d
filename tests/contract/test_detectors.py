"""Contract of every detector; see ``vidsearch.faces.detect.base.Detector``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.helpers import toy_models
from vidsearch.datatypes import Detections, Image
from vidsearch.errors import ShapeError
from vidsearch.faces.detect.base import WEAK_SCORE, Detector, WeakDetector
from vidsearch.faces.detect.centerface import CenterFaceDetector
from vidsearch.faces.detect.insightface import ScrfdDetector
from vidsearch.faces.geometry.align import DLIB_150, align_faces
from vidsearch.faces.geometry.boxes import iou_matrix
from vidsearch.models.open_pack import centerface_onnx


@dataclass(frozen=True)
class Case:
    """Detector, and images in which it finds one face and four faces."""

    detector: Detector
    one_face: Image
    four_faces: Image


def _centerface(folder: Path) -> Case:
    from skimage import data

    photo = np.asarray(data.astronaut(), np.uint8)  # type: ignore[no-untyped-call]
    half = photo[::2, ::2]
    return Case(CenterFaceDetector(centerface_onnx(folder)), photo, np.tile(half, (2, 2, 1)))


def _scrfd(folder: Path) -> Case:
    """Return an SCRFD-shaped network for which a red square is a face."""
    toy_models.save_scrfd(folder / "scrfd.onnx")

    def squares(*corners: tuple[int, int]) -> Image:
        image = np.zeros((640, 640, 3), np.uint8)
        for row, column in corners:
            image[row : row + 8, column : column + 8, 0] = 255
        return image

    return Case(
        ScrfdDetector(folder / "scrfd.onnx"),
        squares((320, 160)),
        squares((320, 160), (40, 40), (40, 400), (480, 80)),
    )


DETECTORS: dict[str, Callable[[Path], Case]] = {"centerface": _centerface, "scrfd": _scrfd}


@pytest.fixture(scope="module", params=list(DETECTORS))
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    return DETECTORS[request.param](tmp_path_factory.mktemp("detector"))


@pytest.fixture(scope="module")
def detector(case: Case) -> Detector:
    return case.detector


@pytest.fixture(scope="module")
def one_face(case: Case) -> Image:
    return case.one_face


def check_contract(found: Detections, image: Image) -> None:
    height, width = image.shape[:2]
    assert (found.boxes_xyxy >= 0).all()
    assert (found.boxes_xyxy <= np.array([width, height, width, height])).all()
    sides = found.boxes_xyxy[:, 2:] - found.boxes_xyxy[:, :2]
    assert (sides > 0).all()
    assert ((found.scores >= 0) & (found.scores <= 1)).all()
    assert (np.diff(found.scores) <= 0).all()
    align_faces(image, found.landmarks, DLIB_150)  # every face can be aligned


def test_one_face(detector: Detector, one_face: Image) -> None:
    found = detector.detect(one_face)
    assert len(found) == 1
    check_contract(found, one_face)


def test_four_faces_are_told_apart(case: Case) -> None:
    found = case.detector.detect(case.four_faces)
    assert len(found) == 4
    check_contract(found, case.four_faces)
    np.testing.assert_array_equal(iou_matrix(found.boxes_xyxy, found.boxes_xyxy) > 0, np.eye(4))


def test_nothing_to_find(detector: Detector) -> None:
    image = np.zeros((240, 320, 3), np.uint8)
    assert len(detector.detect(image)) == 0


@pytest.mark.parametrize(
    "size_hw",
    [(0, 0), (0, 7), (7, 0), (1, 1), (2, 3), (31, 33), (10, 4000), (4000, 10), (1, 5000)],
    ids=str,
)
def test_pictures_of_any_size(
    detector: Detector, size_hw: tuple[int, int], rng: np.random.Generator
) -> None:
    image = rng.integers(0, 256, (*size_hw, 3), np.uint8)
    check_contract(detector.detect(image), image)


@pytest.mark.parametrize("seed", range(3))
def test_noise_gives_valid_detections(detector: Detector, seed: int) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (300, 500, 3), np.uint8)
    check_contract(detector.detect(image), image)


def test_the_same_image_gives_the_same_detections(detector: Detector, one_face: Image) -> None:
    """Detecting in another image in between has no effect."""
    first = detector.detect(one_face)
    detector.detect(one_face[:100, :333])
    again = detector.detect(one_face)
    np.testing.assert_array_equal(first.boxes_xyxy, again.boxes_xyxy)
    np.testing.assert_array_equal(first.landmarks, again.landmarks)
    np.testing.assert_array_equal(first.scores, again.scores)


def test_the_image_is_not_modified_and_need_not_be_contiguous(
    detector: Detector, one_face: Image
) -> None:
    padded = np.zeros((one_face.shape[0], one_face.shape[1] + 5, 3), np.uint8)
    padded[:, :-5] = one_face
    view = padded[:, :-5]
    assert not view.flags.c_contiguous
    view.flags.writeable = False
    np.testing.assert_array_equal(
        detector.detect(view).boxes_xyxy, detector.detect(one_face).boxes_xyxy
    )
    np.testing.assert_array_equal(view, one_face)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((20, 20), np.uint8),
        np.zeros((20, 20, 4), np.uint8),
        np.zeros((1, 20, 20, 3), np.uint8),
        np.zeros((20, 20, 3), np.float32),
    ],
    ids=["grey", "with alpha", "batch", "float"],
)
def test_only_rgb_images_are_accepted(detector: Detector, image: Image) -> None:
    with pytest.raises(ShapeError, match=r"image must be \(N, N, 3\) uint8; got "):
        detector.detect(image)


def test_weak_detections_leave_the_others_as_they_are(case: Case, one_face: Image) -> None:
    detector = case.detector
    assert isinstance(detector, WeakDetector)
    for image in (one_face, one_face[::-1].copy(), np.zeros((90, 160, 3), np.uint8)):
        found, weak = detector.detect_with_weak(image)
        alone = detector.detect(image)
        np.testing.assert_array_equal(found.boxes_xyxy, alone.boxes_xyxy)
        np.testing.assert_array_equal(found.scores, alone.scores)
        np.testing.assert_array_equal(found.landmarks, alone.landmarks)
        check_contract(weak, image)
        assert ((weak.scores >= WEAK_SCORE) & (weak.scores <= 0.5)).all()
