"""Faces of evaluation photos: the person named is at the centre."""

from __future__ import annotations

import numpy as np

from vidsearch.datatypes import Detections, Image
from vidsearch.evaluation.protocols.photos import central_face, from_arcface
from vidsearch.faces.geometry.align import ARCFACE_112, TEMPLATES, align_faces


class Found:
    """Detector that always returns the same faces."""

    def __init__(self, *centres: tuple[float, float]) -> None:
        self.landmarks = np.stack(
            [ARCFACE_112.array / 4 + np.array(c, np.float32) - 14 for c in centres]
        ).astype(np.float32)
        self.boxes = np.array([[x - 14, y - 14, x + 14, y + 14] for x, y in centres], np.float32)

    def detect(self, image: Image) -> Detections:
        scores = np.linspace(1, 0.5, len(self.boxes)).astype(np.float32)
        return Detections(self.boxes, scores, self.landmarks)


class Nothing:
    """Detector that never finds a face."""

    def detect(self, image: Image) -> Detections:
        return Detections.empty()


def test_the_face_at_the_centre_wins_over_a_better_score() -> None:
    image = np.random.default_rng(1).integers(0, 255, (100, 200, 3), np.uint8)
    detector = Found((30, 50), (104, 52), (160, 20))
    found = central_face(image, detector, ARCFACE_112)
    expected = align_faces(image, detector.landmarks[1:2], ARCFACE_112)
    assert found.shape == (1, 112, 112, 3)
    assert (found == expected).all()


def test_a_wide_photo_is_measured_in_both_directions() -> None:
    # The centre of 200 x 100 pixels is (100, 50): 40 pixels to the side are nearer than 45 up.
    image = np.zeros((100, 200, 3), np.uint8)
    image[:, 130:] = 200
    found = central_face(image, Found((100, 5), (140, 50)), ARCFACE_112)
    assert found.max() == 200


def test_a_photo_without_a_face_gives_none() -> None:
    image = np.zeros((20, 20, 3), np.uint8)
    assert central_face(image, Nothing(), ARCFACE_112).shape == (0, 112, 112, 3)


def test_a_face_in_the_template_is_not_resampled() -> None:
    image = np.random.default_rng(2).integers(0, 255, (112, 112, 3), np.uint8)
    assert (from_arcface(image, ARCFACE_112)[0] == image).all()


def test_another_scale_keeps_the_landmarks() -> None:
    # A dot on the left eye of a 224 x 224 face lies on the left eye of the 112 x 112 face.
    image = np.zeros((224, 224, 3), np.uint8)
    x, y = (2 * ARCFACE_112.array[0]).round().astype(int)
    image[y - 3 : y + 4, x - 3 : x + 4] = 255
    (face,) = from_arcface(image, ARCFACE_112)
    rows, columns = np.nonzero(face[..., 0] > 100)
    assert np.allclose([columns.mean(), rows.mean()], ARCFACE_112.array[0], atol=0.6)
    side = TEMPLATES["dlib_150"].size
    assert from_arcface(image, TEMPLATES["dlib_150"]).shape == (1, side, side, 3)
