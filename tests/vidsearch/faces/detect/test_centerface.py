from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from vidsearch.datatypes import Image
from vidsearch.errors import ConfigError, PackNotFoundError
from vidsearch.faces.detect.centerface import (
    CenterFaceConfig,
    CenterFaceDetector,
    decode_cells,
    network_input,
    to_image_pixels,
)
from vidsearch.faces.geometry.boxes import iou_matrix
from vidsearch.models.open_pack import centerface_onnx


@pytest.fixture(scope="module")
def onnx_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return centerface_onnx(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def detector(onnx_path: Path) -> CenterFaceDetector:
    return CenterFaceDetector(onnx_path)


@pytest.fixture(scope="module")
def astronaut() -> Image:
    from skimage import data

    return np.asarray(data.astronaut(), np.uint8)  # type: ignore[no-untyped-call]


@pytest.fixture(scope="module")
def group() -> Image:
    """Six people at a table, from the insightface package."""
    import importlib.util

    from PIL import Image as Pillow

    spec = importlib.util.find_spec("insightface")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    path = Path(spec.submodule_search_locations[0]) / "data" / "images" / "t1.jpg"
    with Pillow.open(path) as opened:
        return np.asarray(opened.convert("RGB"), np.uint8)


def test_finds_the_face_and_its_landmarks(detector: CenterFaceDetector, astronaut: Image) -> None:
    found = detector.detect(astronaut)
    assert len(found) == 1
    # Read off the enlarged photo with a pixel grid over it, before any detection was drawn.
    by_eye = np.array([[203, 101], [246, 104], [223, 125], [203, 140], [246, 141]])
    np.testing.assert_allclose(found.landmarks[0], by_eye, atol=6)
    assert iou_matrix(found.boxes_xyxy, np.array([[181, 75, 269, 178]], np.float32))[0, 0] > 0.7


def test_finds_everybody_in_a_group(detector: CenterFaceDetector, group: Image) -> None:
    found = detector.detect(group)
    assert len(found) == 6
    eyes, mouth = found.landmarks[:, :2].mean(axis=1), found.landmarks[:, 3:].mean(axis=1)
    assert (eyes[:, 1] < mouth[:, 1]).all()
    assert (found.landmarks[:, 0, 0] < found.landmarks[:, 1, 0]).all()
    assert (np.diff(found.scores) <= 0).all()


def test_a_mirrored_picture_gives_mirrored_faces(
    detector: CenterFaceDetector, group: Image
) -> None:
    """Left stays left as seen in the image: the landmarks change places."""
    width = group.shape[1]
    plain, mirrored = detector.detect(group), detector.detect(group[:, ::-1])
    back = mirrored.boxes_xyxy * np.array([-1, 1, -1, 1], np.float32) + np.array(
        [width, 0, width, 0], np.float32
    )
    overlap = iou_matrix(plain.boxes_xyxy, back[:, [2, 1, 0, 3]])
    partner = overlap.argmax(axis=1)
    assert overlap.max(axis=1).min() > 0.8
    landmarks = mirrored.landmarks[partner][:, [1, 0, 2, 4, 3]] * [-1, 1] + [width, 0]
    size = (plain.boxes_xyxy[:, 2] - plain.boxes_xyxy[:, 0])[:, None, None]
    assert (np.abs(landmarks - plain.landmarks) / size).max() < 0.1


@pytest.mark.parametrize("factor", [0.5, 1.5, 4.0])
def test_boxes_are_pixels_of_the_picture_that_was_given(
    detector: CenterFaceDetector, astronaut: Image, factor: float
) -> None:
    """Images above 640 pixels are reduced inside; boxes stay in the pixels of the image."""
    import cv2

    side = round(512 * factor)
    resized = np.asarray(
        cv2.resize(astronaut, (side, side), interpolation=cv2.INTER_AREA), np.uint8
    )
    found, original = detector.detect(resized), detector.detect(astronaut)
    assert len(found) == 1
    np.testing.assert_allclose(found.landmarks[0] / factor, original.landmarks[0], atol=4)
    assert iou_matrix(found.boxes_xyxy / np.float32(factor), original.boxes_xyxy)[0, 0] > 0.8


@pytest.mark.parametrize("size", [(33, 40), (513, 511), (640, 352), (1000, 77)])
def test_what_is_added_to_fill_up_does_not_move_faces(
    size: tuple[int, int], rng: np.random.Generator
) -> None:
    image = rng.integers(0, 256, (*size, 3), np.uint8)
    planes, (scale_x, scale_y) = network_input(image, 640)
    assert planes.shape[2] % 32 == planes.shape[3] % 32 == 0
    inner_h, inner_w = round(size[0] * scale_y), round(size[1] * scale_x)
    assert max(inner_h, inner_w) <= 640
    assert not planes[0, :, inner_h:].any()
    assert not planes[0, :, :, inner_w:].any()
    # The same factor in both directions, but for rounding to whole pixels.
    assert abs(inner_w / inner_h / (size[1] / size[0]) - 1) < 1 / min(inner_h, inner_w)
    if max(size) <= 640:
        np.testing.assert_array_equal(
            planes[0, :, :inner_h, :inner_w].transpose(1, 2, 0), image.astype(np.float32)
        )


def _maps(height: int, width: int) -> list[NDArray[np.float32]]:
    return [np.zeros((n, height, width), np.float32) for n in (1, 2, 2, 10)]


def test_decoding_by_hand() -> None:
    heat, size, offset, points = _maps(20, 30)
    heat[0, 10, 12] = 0.75
    size[:, 10, 12] = np.log([8.0, 5.0])  # 32 high, 20 wide
    offset[:, 10, 12] = [0.25, -0.5]  # y, x
    points[:, 10, 12] = [0.5, 0.25, 0.5, 0.75, 0.625, 0.5, 0.75, 0.3, 0.75, 0.7]  # y, x, ...
    found = decode_cells(heat[0], size, offset, points, threshold=0.5)
    # Centre: x = (12 - 0.5 + 0.5) * 4 = 48, y = (10 + 0.25 + 0.5) * 4 = 43.
    np.testing.assert_allclose(found.boxes_xyxy, [[38, 27, 58, 59]], atol=1e-4)
    assert found.scores.tolist() == [0.75]
    expected = [[43, 43], [53, 43], [48, 47], [44, 51], [52, 51]]
    np.testing.assert_allclose(found.landmarks[0], expected, atol=1e-4)


def test_the_threshold_itself_is_not_enough() -> None:
    heat, size, offset, points = _maps(4, 4)
    heat[0, 1, 1] = 0.5
    assert len(decode_cells(heat[0], size, offset, points, threshold=0.5)) == 0
    assert len(decode_cells(heat[0], size, offset, points, threshold=0.49)) == 1


def test_wild_numbers_from_the_network_never_leave_it() -> None:
    """Cells that are not finite, enormous or empty are dropped; the valid one stays."""
    heat, size, offset, points = _maps(16, 16)
    heat[0, 2, 2:7] = 0.9
    size[:, 2, 2] = 1e4
    size[:, 2, 3] = -1e4
    points[:, 2, 4] = np.nan
    points[:, 2, 5] = 1e30
    heat[0, 8, 8] = 0.8
    size[:, 8, 8] = np.log(4.0)
    points[:, 8, 8] = np.linspace(0, 1, 10)
    found = to_image_pixels(
        decode_cells(heat[0], size, offset, points, 0.5), (1.0, 1.0), (64, 64), 1.0
    )
    assert np.isfinite(found.landmarks).all()
    assert ((found.boxes_xyxy >= 0) & (found.boxes_xyxy <= 64)).all()
    assert np.ptp(found.landmarks, axis=1).max(axis=1).min() >= 1
    assert np.float32(0.8) in found.scores


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: CenterFaceConfig(max_side=31), "max_side must be 32 to 8192 pixels; got 31"),
        (lambda: CenterFaceConfig(threshold=0.0), "threshold must be between 0 and 1; got 0.0"),
        (lambda: CenterFaceConfig(threshold=float("nan")), "threshold must be between"),
        (lambda: CenterFaceConfig(nms_iou=1.5), r"nms_iou must be in \[0, 1\]; got 1.5"),
    ],
)
def test_options_are_checked(build: Callable[[], CenterFaceConfig], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PackNotFoundError, match=r"gone\.onnx does not exist"):
        CenterFaceDetector(tmp_path / "gone.onnx")


@pytest.mark.slow
def test_memory_stays_flat_over_many_sizes(
    detector: CenterFaceDetector, rng: np.random.Generator
) -> None:
    def resident_mib() -> float:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * 4096 / 2**20

    def many(count: int) -> None:
        for height, width in rng.integers(1, 640, (count, 2)):
            detector.detect(np.zeros((height, width, 3), np.uint8))

    detector.detect(np.zeros((640, 640, 3), np.uint8))
    many(40)
    before = resident_mib()
    many(80)
    assert resident_mib() - before < 40
