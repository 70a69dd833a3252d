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


def smooth_picture(rng: np.random.Generator) -> Image:
    import cv2

    coarse = rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (480, 480), interpolation=cv2.INTER_CUBIC), np.uint8)


def somebody(rng: np.random.Generator) -> Landmarks:
    """A turned face whose landmarks fit no template exactly."""
    angle, size = rng.uniform(-0.6, 0.6), rng.uniform(0.9, 1.6)
    turn = size * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = (ARCFACE_112.array - 56) @ turn.T + 240 + rng.normal(0, 4, (5, 2))
    return points.astype(np.float32)


@pytest.mark.parametrize(
    ("stored", "wanted"),
    [(DLIB_150, ARCFACE_112), (ARCFACE_112, DLIB_150)],
    ids=["smaller", "larger"],
)
def test_the_stored_face_gives_what_the_frame_would_give(
    rng: np.random.Generator, stored: AlignmentTemplate, wanted: AlignmentTemplate
) -> None:
    for _ in range(10):
        picture, landmarks = smooth_picture(rng), somebody(rng)
        direct = align_faces(picture, landmarks[None], wanted)[0].astype(int)
        kept = align_faces(picture, landmarks[None], stored)[0]
        again = realign(kept, landmarks, stored, wanted).astype(int)
        middle = slice(wanted.size // 4, -(wanted.size // 4))  # inside both pictures
        assert np.abs(again - direct)[middle, middle].mean() < 2
        # Without the way back through the landmarks, the residuals of the fit would stay in.
        naive = realign(kept, stored.array, stored, wanted).astype(int)
        assert (
            np.abs(naive - direct)[middle, middle].mean()
            > np.abs(again - direct)[middle, middle].mean()
        )


@pytest.mark.parametrize(
    ("stored", "wanted"),
    [(DLIB_150, ARCFACE_112), (ARCFACE_112, DLIB_150)],
    ids=["smaller", "larger"],
)
def test_with_a_rim_nothing_that_another_template_shows_is_missing(
    rng: np.random.Generator, stored: AlignmentTemplate, wanted: AlignmentTemplate
) -> None:
    for _ in range(10):
        picture, landmarks = smooth_picture(rng), somebody(rng)
        direct = align_faces(picture, landmarks[None], wanted)[0].astype(int)
        rim = align_faces(picture, landmarks[None], with_margin(stored))[0]
        bare = align_faces(picture, landmarks[None], stored)[0]
        again = realign(rim, landmarks, with_margin(stored), wanted).astype(int)
        without = realign(bare, landmarks, stored, wanted).astype(int)
        assert np.abs(again - direct).mean() < 1
        assert np.abs(again - direct).max() < np.abs(without - direct).max()


@pytest.mark.parametrize("template", [DLIB_150, ARCFACE_112], ids=lambda t: t.name)
def test_the_rim_comes_off_exactly(rng: np.random.Generator, template: AlignmentTemplate) -> None:
    picture = smooth_picture(rng)
    for landmarks in (somebody(rng), 2.5 * somebody(rng) - 200, 0.2 * somebody(rng)):
        one = landmarks.astype(np.float32)
        kept = align_faces(picture, one[None], with_margin(template))
        cut = without_margin(kept, template)
        direct = align_faces(picture, one[None], template)
        assert np.abs(cut.astype(int) - direct).max() <= 1
        # Back to the template that it was stored for: nothing is interpolated once more.
        assert np.array_equal(realign(kept[0], one, with_margin(template), template), cut[0])
    with pytest.raises(ShapeError, match="aligned must be"):
        without_margin(direct, template)


def test_the_same_template_is_a_copy(rng: np.random.Generator) -> None:
    face = rng.integers(0, 256, (112, 112, 3), dtype=np.uint8)
    again = realign(face, somebody(rng), ARCFACE_112, ARCFACE_112)
    assert np.array_equal(again, face)
    assert again is not face


def test_wrong_sizes_are_refused(rng: np.random.Generator) -> None:
    with pytest.raises(ShapeError, match="aligned must be"):
        realign(np.zeros((112, 112, 3), np.uint8), somebody(rng), DLIB_150, ARCFACE_112)
