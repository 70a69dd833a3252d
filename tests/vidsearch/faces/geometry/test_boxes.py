from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from vidsearch.datatypes import Boxes, Vector
from vidsearch.errors import ShapeError
from vidsearch.faces.geometry import boxes


def _boxes(*rows: tuple[float, float, float, float]) -> Boxes:
    return np.array(rows, np.float32).reshape(-1, 4)


def _well_formed(corners: Boxes) -> Boxes:
    return np.concatenate(
        [np.minimum(corners[:, :2], corners[:, 2:]), np.maximum(corners[:, :2], corners[:, 2:])],
        axis=1,
    )


any_boxes = hnp.arrays(
    np.float32,
    st.tuples(st.integers(0, 12), st.just(4)),
    elements=st.floats(-100, 1000, width=32),
)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ((0, 0, 4, 4), (0, 0, 4, 4), 1.0),
        ((0, 0, 4, 4), (2, 2, 6, 6), 4 / 28),  # 2x2 shared; 16 + 16 - 4
        ((0, 0, 4, 4), (1, 1, 3, 3), 4 / 16),  # one inside the other
        ((0, 0, 4, 4), (4, 0, 8, 4), 0.0),  # an edge in common is no area
        ((0, 0, 0, 0), (0, 0, 0, 0), 0.0),  # no union
        ((4, 4, 0, 0), (0, 0, 4, 4), 0.0),  # inside out
    ],
)
def test_iou_by_hand(
    a: tuple[float, float, float, float], b: tuple[float, float, float, float], expected: float
) -> None:
    assert boxes.iou_matrix(_boxes(a), _boxes(b))[0, 0] == pytest.approx(expected)


def test_iou_of_none_with_some_is_an_empty_matrix() -> None:
    assert boxes.iou_matrix(_boxes(), _boxes((0, 0, 1, 1), (0, 0, 2, 2))).shape == (0, 2)


@given(any_boxes, any_boxes)
def test_iou_is_symmetric_and_bounded(a: Boxes, b: Boxes) -> None:
    forth = boxes.iou_matrix(a, b)
    assert forth.dtype == np.float32
    assert ((forth >= 0) & (forth <= 1)).all()
    np.testing.assert_array_equal(forth, boxes.iou_matrix(b, a).T)


def test_wrong_shape_or_dtype_is_named() -> None:
    with pytest.raises(ShapeError, match=r"boxes_xyxy must be \(N, 4\) float32; got \(2, 3\)"):
        boxes.iou_matrix(np.zeros((2, 3), np.float32), _boxes())
    with pytest.raises(ShapeError, match="float64"):
        boxes.areas(np.zeros((2, 4)))  # type: ignore[arg-type]


@given(any_boxes)
def test_clipped_boxes_lie_in_the_image(corners: Boxes) -> None:
    clipped = boxes.clip(_well_formed(corners), (320, 200))
    assert (clipped >= 0).all()
    assert (clipped <= np.array([320, 200, 320, 200])).all()
    assert (clipped[:, 2:] >= clipped[:, :2]).all()


def test_clip_and_expand_do_not_modify_their_argument() -> None:
    given_boxes = _boxes((-5, -5, 50, 50))
    before = given_boxes.copy()
    boxes.clip(given_boxes, (10, 10))
    boxes.expand(given_boxes, 0.5)
    boxes.scale(given_boxes, 3)
    np.testing.assert_array_equal(given_boxes, before)


def test_scaling_by_a_factor_and_back_is_the_identity() -> None:
    given_boxes = _boxes((1, 2, 30, 40), (5, 6, 7, 8))
    np.testing.assert_allclose(boxes.scale(boxes.scale(given_boxes, 4), 0.25), given_boxes)


def _reference_nms(corners: Boxes, scores: Vector, iou: float) -> list[int]:
    """The textbook loop, one pair at a time."""
    kept: list[int] = []
    for row in sorted(range(len(scores)), key=lambda r: (-scores[r], r)):
        overlaps = [boxes.iou_matrix(corners[k : k + 1], corners[row : row + 1]) for k in kept]
        if all(overlap[0, 0] <= iou for overlap in overlaps):
            kept.append(row)
    return kept


@given(any_boxes, st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.3, 0.7, 1.0]))
def test_nms_equals_the_textbook_loop(corners: Boxes, seed: int, iou: float) -> None:
    corners = _well_formed(corners)
    # Few distinct values, so that ties are common.
    steps = np.random.default_rng(seed).integers(0, 4, len(corners))
    scores = np.asarray(steps / 4, np.float32)
    assert boxes.nms(corners, scores, iou).tolist() == _reference_nms(corners, scores, iou)


def test_nms_does_not_chain() -> None:
    # B overlaps A, C overlaps B but not A: B falls to A, so C stays.
    chain = _boxes((0, 0, 10, 10), (4, 0, 14, 10), (9, 0, 19, 10))
    assert boxes.nms(chain, np.array([0.9, 0.8, 0.7], np.float32), 0.3).tolist() == [0, 2]
