from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidsearch.datatypes import Boxes, Detections, Image
from vidsearch.errors import ShapeError
from vidsearch.faces.geometry.boxes import iou_matrix
from vidsearch.photo.detection import TILE_OVERLAP, find_faces, roll_deg, tile_starts
from vidsearch.photo.query_warning import QueryWarning, WarningCode

# Synthetic face: a square, red above (the forehead) and blue below (the chin).
RED, BLUE, GROUND = (255, 0, 0), (0, 0, 255), (60, 120, 60)


class SquareDetector:
    """Detects red-over-blue squares, with the weaknesses of a network.

    It reduces images to 640 pixels, misses what is then under 10 pixels or touches the edge, and
    misses faces turned by more than ``most_roll_deg``.
    """

    def __init__(self, most_roll_deg: float = 45) -> None:
        self.most_roll_deg = most_roll_deg

    def detect(self, image: Image) -> Detections:
        shrink = min(1.0, 640 / max(image.shape[:2]))
        size = max(round(image.shape[1] * shrink), 1), max(round(image.shape[0] * shrink), 1)
        seen = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA)).astype(int)
        red = (seen[..., 0] > 200) & (seen[..., 2] < 100)
        blue = (seen[..., 2] > 200) & (seen[..., 0] < 100)
        count, labels = cv2.connectedComponents(
            cv2.dilate((red | blue).astype(np.uint8), np.ones((3, 3), np.uint8))
        )
        boxes, landmarks = [], []
        for label in range(1, count):
            inside = (labels == label) & (red | blue)
            ys, xs = np.nonzero(inside)
            box = np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1], np.float64)
            if min(box[2] - box[0], box[3] - box[1]) < 10:
                continue
            if box[:2].min() < 2 or box[2] > size[0] - 2 or box[3] > size[1] - 2:
                continue
            points = _landmarks(inside & red, inside & blue, box)
            if abs(roll_deg(points[None])[0]) <= self.most_roll_deg:
                boxes.append(box / shrink)
                landmarks.append(points / shrink)
        if not boxes:
            return Detections.empty()
        return Detections(
            np.array(boxes, np.float32),
            np.full(len(boxes), 0.9, np.float32),
            np.array(landmarks, np.float32),
        )


class Blind:
    """Finds no face, and counts the images that it was given."""

    def __init__(self) -> None:
        self.images = 0

    def detect(self, image: Image) -> Detections:
        self.images += 1
        return Detections.empty()


def _landmarks(red: np.ndarray, blue: np.ndarray, box: np.ndarray) -> np.ndarray:
    if not red.any() or not blue.any():
        return np.zeros((5, 2), np.float32)
    top, bottom = (
        np.array([np.nonzero(m)[1].mean(), np.nonzero(m)[0].mean()]) for m in (red, blue)
    )
    across = np.array([(bottom - top)[1], -(bottom - top)[0]]) / 2
    nose = (top + bottom) / 2
    points = [top - across, top + across, nose, bottom - across, bottom + across]
    return np.array(points, np.float32)


def scene(width: int, height: int, *faces: tuple[int, int, int]) -> Image:
    """Draw faces, each as left, top and side."""
    image = np.full((height, width, 3), GROUND, np.uint8)
    for left, top, side in faces:
        image[top : top + side // 2, left : left + side] = RED
        image[top + side // 2 : top + side, left : left + side] = BLUE
    return image


def box(left: float, top: float, side: float) -> Boxes:
    return np.array([[left, top, left + side, top + side]], np.float32)


class TestPasses:
    def test_first_pass(self) -> None:
        found = find_faces(scene(400, 300, (100, 50, 80)), SquareDetector())
        np.testing.assert_allclose(found.detections.boxes_xyxy, box(100, 50, 80))
        assert found.warnings == ()

    def test_largest_first(self) -> None:
        image = scene(600, 300, (20, 20, 40), (100, 50, 120), (300, 100, 80))
        found = find_faces(image, SquareDetector()).detections
        np.testing.assert_allclose(
            found.boxes_xyxy,
            np.concatenate([box(100, 50, 120), box(300, 100, 80), box(20, 20, 40)]),
        )

    def test_face_that_fills_the_photo(self) -> None:
        found = find_faces(scene(80, 80, (0, 0, 80)), SquareDetector())
        np.testing.assert_allclose(found.detections.boxes_xyxy, box(0, 0, 80), atol=1)
        np.testing.assert_allclose(found.detections.landmarks[0, 2], [40, 40], atol=1)
        assert found.warnings == (QueryWarning(WarningCode.FACE_FILLS_PHOTO),)

    @settings(deadline=None, max_examples=15)
    @given(st.integers(28, 70), st.floats(0, 1), st.floats(0, 1))
    def test_small_face_anywhere_is_found_once(self, side: int, x: float, y: float) -> None:
        width, height = 2000, 700
        left, top = 8 + round(x * (width - side - 16)), 8 + round(y * (height - side - 16))
        found = find_faces(scene(width, height, (left, top, side)), SquareDetector()).detections
        assert len(found) == 1
        assert iou_matrix(found.boxes_xyxy, box(left, top, side))[0, 0] > 0.8

    def test_face_across_the_edge_of_a_tile_is_not_cut(self) -> None:
        """4000 pixels in tiles of 2500: the first tile ends inside this face."""
        found = find_faces(scene(4000, 2500, (2470, 1200, 55)), SquareDetector())
        assert len(found.detections) == 1
        assert iou_matrix(found.detections.boxes_xyxy, box(2470, 1200, 55))[0, 0] > 0.8
        assert found.warnings == (QueryWarning(WarningCode.SMALL_FACE),)

    def test_nothing_there(self) -> None:
        detector = Blind()
        found = find_faces(np.zeros((4096, 4096, 3), np.uint8), detector)
        assert len(found.detections) == 0
        assert detector.images <= 50  # the price of a photo without faces

    @pytest.mark.parametrize("shape", [(0, 0, 3), (0, 5, 3), (1, 1, 3), (1, 700, 3), (700, 1, 3)])
    def test_degenerate_pictures(self, shape: tuple[int, ...]) -> None:
        assert len(find_faces(np.zeros(shape, np.uint8), SquareDetector()).detections) == 0

    def test_wrong_array(self) -> None:
        with pytest.raises(ShapeError, match="image"):
            find_faces(np.zeros((4, 4), np.uint8), SquareDetector())


class TestTurnedPhotos:
    @pytest.mark.parametrize("most_roll_deg", [45, 180])
    @pytest.mark.parametrize(
        ("turns", "roll", "undone"),
        [(1, -90, 3), (2, 180, 2), (3, 90, 1)],
    )
    def test_face_is_placed_in_the_photo_as_given(
        self, turns: int, roll: float, undone: int, most_roll_deg: float
    ) -> None:
        """Detectors that miss rotated faces, and those that find them, give the same result."""
        upright = scene(400, 300, (100, 50, 80))
        photo = np.ascontiguousarray(np.rot90(upright, turns))
        found = find_faces(photo, SquareDetector(most_roll_deg))
        ys, xs = np.nonzero(photo[..., 1] == 0)
        expected = np.array([[xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]], np.float32)
        np.testing.assert_allclose(found.detections.boxes_xyxy, expected, atol=1)
        turned = float(roll_deg(found.detections.landmarks)[0])
        assert math.cos(math.radians(turned - roll)) > 0.99
        assert found.warnings == (
            QueryWarning(WarningCode.PHOTO_ROTATED, {"quarter_turns": undone}),
        )

    def test_several_faces_keep_the_photo_upright(self) -> None:
        """One person lying down does not turn a photo in which others stand."""
        image = scene(600, 300, (20, 20, 100), (300, 20, 100))
        image[180:290, 180:290] = np.rot90(scene(110, 110, (0, 0, 110)))
        found = find_faces(image, SquareDetector(180))
        assert len(found.detections) == 3
        assert found.warnings == ()


def test_roll_is_clockwise() -> None:
    # Eyes above the mouth; then the head falls to its left shoulder, as seen: eyes at the right.
    upright = np.array([[[0, 0], [2, 0], [1, 1], [0, 2], [2, 2]]], np.float32)
    lying = np.array([[[2, 0], [2, 2], [1, 1], [0, 0], [0, 2]]], np.float32)
    assert roll_deg(np.concatenate([upright, lying])).tolist() == [0, 90]


@given(st.integers(1, 5000), st.integers(4, 5000), st.floats(0, 1))
def test_every_small_stretch_lies_whole_in_a_tile(length: int, tile: int, place: float) -> None:
    stretch = min(math.floor(tile * TILE_OVERLAP) - 1, length)
    start = place * (length - stretch)
    starts = tile_starts(length, tile)
    assert min(starts) == 0
    assert max(starts) + tile >= length
    assert any(s <= start and start + stretch <= s + tile for s in starts)


@pytest.mark.media
@pytest.mark.parametrize("turns", [1, 2, 3])
def test_turned_photo_gives_the_same_embedding(media: Path, turns: int) -> None:
    """The detector alone loses these faces or their landmarks: median cosine 0.95 or no face."""
    from vidsearch.device import CPU
    from vidsearch.faces.geometry.align import align_faces
    from vidsearch.models.registry import load_pack
    from vidsearch.photo.open import read_photo

    pack = load_pack("open", CPU)
    for name in ("obama.jpg", "lin-manuel-miranda.png", "rose_leslie_img1.jpg"):
        image = read_photo(media / "photos" / "face_recognition" / name)
        pair = []
        for photo in (image, np.ascontiguousarray(np.rot90(image, turns))):
            landmarks = find_faces(photo, pack.detector).detections.landmarks[:1]
            aligned = align_faces(photo, landmarks, pack.embedder.template)
            pair.append(pack.embedder.embed(aligned)[0])
        cosine = pair[0] @ pair[1] / np.linalg.norm(pair[0]) / np.linalg.norm(pair[1])
        assert cosine > 0.99, name
