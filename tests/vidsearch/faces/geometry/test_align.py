from __future__ import annotations

import cmath
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidsearch.datatypes import Landmarks
from vidsearch.errors import ConfigError, ShapeError
from vidsearch.faces.geometry.align import (
    ARCFACE_112,
    DLIB_150,
    AlignmentTemplate,
    align_faces,
    similarity_transform,
)

BOTH = pytest.mark.parametrize("template", [ARCFACE_112, DLIB_150], ids=lambda t: t.name)


def _moved(points: Landmarks, scale: float, angle: float, shift: complex) -> Landmarks:
    plane = (points[:, 0] + 1j * points[:, 1]) * scale * cmath.exp(1j * angle) + shift
    return np.stack([plane.real, plane.imag], axis=1).astype(np.float32)


@BOTH
@given(
    scale=st.floats(0.05, 20),
    angle=st.floats(-math.pi, math.pi),
    x=st.floats(-500, 500),
    y=st.floats(-500, 500),
)
def test_recovers_a_similarity(
    template: AlignmentTemplate, scale: float, angle: float, x: float, y: float
) -> None:
    matrix = similarity_transform(_moved(template.array, scale, angle, complex(x, y)), template)
    back = cmath.exp(-1j * angle) / scale
    # The landmarks are float32 and up to 3,000 px; 1e-3 px in the template is their rounding.
    grain = 1e-3 + 1e-4 / scale
    assert complex(matrix[0, 0], matrix[1, 0]) == pytest.approx(back, abs=grain / 10)
    shift = -complex(x, y) * back
    assert complex(matrix[0, 2], matrix[1, 2]) == pytest.approx(shift, abs=grain * 100)


def test_least_squares_against_a_general_solver(rng: np.random.Generator) -> None:
    """The same optimum as solving the linear system in (a, b, tx, ty) by numpy's lstsq."""
    landmarks = (ARCFACE_112.array * 1.7 + rng.normal(0, 6, (5, 2))).astype(np.float32)
    rows, wanted = [], []
    for (x, y), (u, v) in zip(landmarks, ARCFACE_112.points, strict=True):
        rows += [[x, -y, 1, 0], [y, x, 0, 1]]
        wanted += [u, v]
    a, b, tx, ty = np.linalg.lstsq(np.array(rows, np.float64), np.array(wanted), rcond=None)[0]
    np.testing.assert_allclose(
        similarity_transform(landmarks, ARCFACE_112), [[a, -b, tx], [b, a, ty]], atol=1e-9
    )


@given(st.integers(0, 2**32 - 1))
def test_never_a_reflection(seed: int) -> None:
    landmarks = np.random.default_rng(seed).uniform(0, 200, (5, 2)).astype(np.float32)
    mirrored = landmarks * np.array([-1, 1], np.float32)
    for points in (landmarks, mirrored):
        matrix = similarity_transform(points, DLIB_150)
        assert np.linalg.det(matrix[:, :2]) >= 0


def test_landmarks_on_one_line_still_give_a_similarity() -> None:
    line = np.array([[i * 10, i * 5] for i in range(5)], np.float32)
    matrix = similarity_transform(line, ARCFACE_112)
    assert np.isfinite(matrix).all()
    assert matrix[0, 0] == matrix[1, 1]
    assert matrix[0, 1] == -matrix[1, 0]


@pytest.mark.parametrize("value", [7.0, math.nan, math.inf])
def test_landmarks_without_extent_are_an_error(value: float) -> None:
    good = DLIB_150.array
    bad = np.full((5, 2), value, np.float32)
    image = np.zeros((20, 20, 3), np.uint8)
    with pytest.raises(ShapeError, match=r"landmarks of face 1 .*drop this face"):
        align_faces(image, np.stack([good, bad]), DLIB_150)


@BOTH
def test_a_face_already_in_place_is_unchanged(
    template: AlignmentTemplate, rng: np.random.Generator
) -> None:
    image = rng.integers(0, 256, (template.size, template.size, 3), np.uint8)
    np.testing.assert_array_equal(align_faces(image, template.array[None], template)[0], image)


def test_a_turned_face_is_turned_back() -> None:
    size = DLIB_150.size
    image = np.zeros((size, size, 3), np.uint8)
    image[20:60, 30:100] = (200, 100, 50)
    # A quarter turn clockwise sends pixel (x, y) to (size - 1 - y, x).
    turned = np.rot90(image, -1)
    x, y = DLIB_150.array.T
    landmarks = np.stack([size - 1 - y, x], axis=1)
    aligned = align_faces(np.ascontiguousarray(turned), landmarks[None], DLIB_150)[0]
    assert np.abs(aligned.astype(int) - image).max() <= 1


@pytest.mark.parametrize("times", [2, 3, 5])
def test_a_large_face_is_averaged_down(times: int, rng: np.random.Generator) -> None:
    """Each pixel is the mean of the times x times block that it covers."""
    size = ARCFACE_112.size
    image = rng.integers(0, 256, (size * times, size * times, 3), np.uint8)
    landmarks = ARCFACE_112.array * times + (times - 1) / 2
    aligned = align_faces(image, landmarks[None].astype(np.float32), ARCFACE_112)[0]
    blocks = image.reshape(size, times, size, times, 3).mean(axis=(1, 3))
    # Interpolation weights are in steps of 1/32: a landmark's rounding costs a few grey levels
    # in this noise, where point sampling would be off by up to 255 and by about 50 on average.
    assert np.abs(aligned - blocks).mean() < 1.5


def test_an_enormous_face_costs_bounded_memory() -> None:
    image = np.full((3000, 3000, 3), 90, np.uint8)
    landmarks = (ARCFACE_112.array * 26).astype(np.float32)
    aligned = align_faces(image, landmarks[None], ARCFACE_112)[0]
    assert (aligned[5:-5, 5:-5] == 90).all()


def test_pixels_outside_the_image_are_black() -> None:
    image = np.full((40, 40, 3), 255, np.uint8)
    far = DLIB_150.array + 1000
    assert not align_faces(image, far[None], DLIB_150).any()


@pytest.mark.parametrize("shape", [(0, 0, 3), (0, 9, 3), (9, 0, 3)])
def test_no_faces_and_no_pixels_are_legal(shape: tuple[int, int, int]) -> None:
    none = align_faces(np.zeros((9, 9, 3), np.uint8), np.zeros((0, 5, 2), np.float32), DLIB_150)
    assert none.shape == (0, 150, 150, 3)
    black = align_faces(np.zeros(shape, np.uint8), DLIB_150.array[None], DLIB_150)
    assert black.shape == (1, 150, 150, 3)


@pytest.mark.parametrize(
    ("size", "points", "message"),
    [
        (4, DLIB_150.points, "size must be at least 8; got 4"),
        (112, DLIB_150.points[:4], "points must be five"),
        (112, (*DLIB_150.points[:4], (math.nan, 1.0)), "points must be five"),
        (112, (*DLIB_150.points[:4], (1.0, 2.0, 3.0)), "points must be five"),
    ],
)
def test_a_malformed_template_is_an_error(
    size: int, points: tuple[tuple[float, float], ...], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        AlignmentTemplate("mine", size, points)
