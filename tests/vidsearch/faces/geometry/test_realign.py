from __future__ import annotations

import numpy as np
import pytest

from vidsearch.datatypes import Image, Landmarks
from vidsearch.errors import ShapeError
from vidsearch.faces.geometry.align import (
    ARCFACE_112,
    DLIB_150,
    AlignmentTemplate,
    align_faces,
    with_margin,
    without_margin,
)
from vidsearch.faces.geometry.realign import realign


def smooth_image(rng: np.random.Generator) -> Image:
    import cv2

    coarse = rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (480, 480), interpolation=cv2.INTER_CUBIC), np.uint8)


def turned_face(rng: np.random.Generator) -> Landmarks:
    """Return the landmarks of a turned face, which fit no template exactly."""
    angle, size = rng.uniform(-0.6, 0.6), rng.uniform(0.9, 1.6)
    turn = size * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = (ARCFACE_112.array - 56) @ turn.T + 240 + rng.normal(0, 4, (5, 2))
    return points.astype(np.float32)


@pytest.mark.parametrize(
    ("stored", "target"),
    [(DLIB_150, ARCFACE_112), (ARCFACE_112, DLIB_150)],
    ids=["smaller", "larger"],
)
def test_the_stored_image_gives_what_the_frame_would_give(
    rng: np.random.Generator, stored: AlignmentTemplate, target: AlignmentTemplate
) -> None:
    for _ in range(10):
        image, landmarks = smooth_image(rng), turned_face(rng)
        direct = align_faces(image, landmarks[None], target)[0].astype(int)
        stored_image = align_faces(image, landmarks[None], stored)[0]
        again = realign(stored_image, landmarks, stored, target).astype(int)
        middle = slice(target.size // 4, -(target.size // 4))  # inside both images
        assert np.abs(again - direct)[middle, middle].mean() < 2
        # Without the landmarks, the residuals of the stored fit would remain.
        naive = realign(stored_image, stored.array, stored, target).astype(int)
        assert (
            np.abs(naive - direct)[middle, middle].mean()
            > np.abs(again - direct)[middle, middle].mean()
        )


@pytest.mark.parametrize(
    ("stored", "target"),
    [(DLIB_150, ARCFACE_112), (ARCFACE_112, DLIB_150)],
    ids=["smaller", "larger"],
)
def test_the_margin_holds_all_that_another_template_needs(
    rng: np.random.Generator, stored: AlignmentTemplate, target: AlignmentTemplate
) -> None:
    for _ in range(10):
        image, landmarks = smooth_image(rng), turned_face(rng)
        direct = align_faces(image, landmarks[None], target)[0].astype(int)
        with_border = align_faces(image, landmarks[None], with_margin(stored))[0]
        bare = align_faces(image, landmarks[None], stored)[0]
        again = realign(with_border, landmarks, with_margin(stored), target).astype(int)
        without = realign(bare, landmarks, stored, target).astype(int)
        assert np.abs(again - direct).mean() < 1
        assert np.abs(again - direct).max() < np.abs(without - direct).max()


@pytest.mark.parametrize("template", [DLIB_150, ARCFACE_112], ids=lambda t: t.name)
def test_the_margin_is_cut_off_exactly(
    rng: np.random.Generator, template: AlignmentTemplate
) -> None:
    image = smooth_image(rng)
    for landmarks in (
        turned_face(rng),
        2.5 * turned_face(rng) - 200,
        0.2 * turned_face(rng),
    ):
        points = landmarks.astype(np.float32)
        stored_image = align_faces(image, points[None], with_margin(template))
        cut = without_margin(stored_image, template)
        direct = align_faces(image, points[None], template)
        assert np.abs(cut.astype(int) - direct).max() <= 1
        # Back to the stored template: no second interpolation.
        assert np.array_equal(
            realign(stored_image[0], points, with_margin(template), template), cut[0]
        )
    with pytest.raises(ShapeError, match="aligned must be"):
        without_margin(direct, template)


def test_the_same_template_gives_a_copy(rng: np.random.Generator) -> None:
    face = rng.integers(0, 256, (112, 112, 3), dtype=np.uint8)
    again = realign(face, turned_face(rng), ARCFACE_112, ARCFACE_112)
    assert np.array_equal(again, face)
    assert again is not face


def test_wrong_sizes_are_refused(rng: np.random.Generator) -> None:
    with pytest.raises(ShapeError, match="aligned must be"):
        realign(np.zeros((112, 112, 3), np.uint8), turned_face(rng), DLIB_150, ARCFACE_112)
