from itertools import product

import numpy as np
import pytest

from vidsearch.video.pyav.geometry.orientation import Orientation

ONE = 65536
EIGHT = [Orientation(*flags) for flags in product((False, True), repeat=3)]


def place(matrix: tuple[int, ...], image: np.ndarray) -> np.ndarray:
    """Return the upright image by the definition of the matrix, one point at a time."""
    a, b, _, c, d = (value // ONE for value in matrix[:5])
    height, width = image.shape[:2]
    points = {
        (a * p + c * q, b * p + d * q): image[q, p] for p in range(width) for q in range(height)
    }
    left, top = min(x for x, _ in points), min(y for _, y in points)
    right, bottom = max(x for x, _ in points), max(y for _, y in points)
    shown = np.zeros((bottom - top + 1, right - left + 1, 3), np.uint8)
    for (x, y), value in points.items():
        shown[y - top, x - left] = value
    return shown


@pytest.mark.parametrize(
    ("a", "b", "c", "d"),
    [(s, 0, 0, t) for s in (1, -1) for t in (1, -1)]
    + [(0, s, t, 0) for s in (1, -1) for t in (1, -1)],
)
def test_all_eight_agree_with_the_definition(a: int, b: int, c: int, d: int) -> None:
    matrix = (a * ONE, b * ONE, 0, c * ONE, d * ONE, 0, 0, 0, 1 << 30)
    image = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    shown = Orientation.from_matrix(matrix).apply(image)
    np.testing.assert_array_equal(shown, place(matrix, image))
    assert shown.flags.c_contiguous
    assert Orientation.from_matrix(matrix).size(3, 2) == shown.shape[1::-1]


@pytest.mark.parametrize("quarter", range(4))
def test_pure_turns_agree_with_numpy(quarter: int) -> None:
    # Counter-clockwise by 0, 90, 180, 270 degrees, as x' = a p + c q, y' = b p + d q.
    a, b, c, d = [(1, 0, 0, 1), (0, -1, 1, 0), (-1, 0, 0, -1), (0, 1, -1, 0)][quarter]
    turn = Orientation.from_matrix((a * ONE, b * ONE, 0, c * ONE, d * ONE, 0, 0, 0, 1 << 30))
    image = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    np.testing.assert_array_equal(turn.apply(image), np.rot90(image, quarter))
    assert turn.rotation == 90 * quarter


def test_a_slanted_or_empty_matrix_changes_nothing() -> None:
    assert Orientation.from_matrix((46340, -46340, 0, 46340, 46340, 0, 0, 0, 1)) == Orientation()
    assert Orientation.from_matrix((0,) * 9) == Orientation()


@pytest.mark.parametrize("orientation", EIGHT)
def test_no_pixel_is_lost(orientation: Orientation) -> None:
    image = np.arange(5 * 4 * 3, dtype=np.uint8).reshape(5, 4, 3)
    assert sorted(orientation.apply(image).ravel()) == sorted(image.ravel())
