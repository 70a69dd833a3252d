"""Arithmetic on ``xyxy`` boxes in pixels; every function accepts N = 0."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vidsearch.datatypes import Boxes, Matrix, Vector, check_array


def areas(boxes_xyxy: Boxes) -> Vector:
    """Return the area of every box in square pixels; a box turned inside out has none.

    Example:
        >>> areas(np.array([[0, 0, 2, 3], [5, 5, 4, 9]], np.float32)).tolist()
        [6.0, 0.0]
    """
    check_array("boxes_xyxy", boxes_xyxy, (None, 4), np.float32)
    sides = np.maximum(boxes_xyxy[:, 2:] - boxes_xyxy[:, :2], 0)
    return np.asarray(sides[:, 0] * sides[:, 1], np.float32)


def iou_matrix(boxes_a: Boxes, boxes_b: Boxes) -> Matrix:
    """Return the intersection over union of every box in A with every box in B.

    A pair whose union has no area scores 0.

    Args:
        boxes_a: (N, 4) xyxy, pixels.
        boxes_b: (M, 4) xyxy, pixels, same image as ``boxes_a``.

    Returns:
        (N, M) float32 in [0, 1].

    Raises:
        ShapeError: An input is not (N, 4) float32.

    Source:
        Definition (Jaccard index of two rectangles).

    Example:
        >>> a = np.array([[0, 0, 2, 2]], np.float32)
        >>> round(float(iou_matrix(a, a + 1)[0, 0]), 4)
        0.1429
    """
    areas_a, areas_b = areas(boxes_a), areas(boxes_b)
    top_left = np.maximum(boxes_a[:, None, :2], boxes_b[None, :, :2])
    bottom_right = np.minimum(boxes_a[:, None, 2:], boxes_b[None, :, 2:])
    sides = np.maximum(bottom_right - top_left, 0)
    shared = sides[..., 0] * sides[..., 1]
    union = areas_a[:, None] + areas_b[None, :] - shared
    iou = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    # A box turned inside out has no area of its own, yet its corners can still overlap another's.
    return np.asarray(np.clip(iou, 0, 1), np.float32)


def clip(boxes_xyxy: Boxes, size_wh: tuple[int, int]) -> Boxes:
    """Return the boxes cut to a picture of ``size_wh`` pixels.

    A box wholly outside becomes one without area on the border.

    Example:
        >>> clip(np.array([[-3, 2, 9, 20]], np.float32), (8, 10)).tolist()
        [[0.0, 2.0, 8.0, 10.0]]
    """
    check_array("boxes_xyxy", boxes_xyxy, (None, 4), np.float32)
    limits = np.array([*size_wh, *size_wh], np.float32)
    return np.asarray(np.minimum(np.maximum(boxes_xyxy, 0), limits), np.float32)


def scale(boxes_xyxy: Boxes, factor: float) -> Boxes:
    """Return the boxes of the same picture resized by ``factor``."""
    check_array("boxes_xyxy", boxes_xyxy, (None, 4), np.float32)
    return np.asarray(boxes_xyxy * np.float32(factor), np.float32)


def expand(boxes_xyxy: Boxes, margin: float) -> Boxes:
    """Return the boxes grown about their centres by ``margin`` of their size on every side.

    Example:
        >>> expand(np.array([[10, 10, 20, 30]], np.float32), 0.5).tolist()
        [[5.0, 0.0, 25.0, 40.0]]
    """
    check_array("boxes_xyxy", boxes_xyxy, (None, 4), np.float32)
    grow = (boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]) * np.float32(margin)
    return np.concatenate([boxes_xyxy[:, :2] - grow, boxes_xyxy[:, 2:] + grow], axis=1)


def nms(boxes_xyxy: Boxes, scores: Vector, iou: float) -> NDArray[np.intp]:
    """Return the rows that greedy non-maximum suppression keeps, best score first.

    A box is dropped when it overlaps a kept, better one by more than ``iou``. Equal scores keep
    the order of the rows, so the result never depends on the sorting algorithm.

    Args:
        boxes_xyxy: (N, 4) float32, pixels.
        scores: (N,) float32.
        iou: Largest overlap that two kept boxes may have.

    Returns:
        (K,) row numbers.

    Raises:
        ShapeError: ``boxes_xyxy`` is not (N, 4) or ``scores`` not (N,).

    Example:
        >>> boxes = np.array([[0, 0, 10, 10], [1, 1, 11, 11], [20, 20, 30, 30]], np.float32)
        >>> nms(boxes, np.array([0.6, 0.9, 0.7], np.float32), iou=0.3).tolist()
        [1, 2]
    """
    check_array("boxes_xyxy", boxes_xyxy, (None, 4), np.float32)
    check_array("scores", scores, (len(boxes_xyxy),), np.float32)
    left = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while left.size:
        best, left = left[0], left[1:]
        kept.append(int(best))
        overlap = iou_matrix(boxes_xyxy[best : best + 1], boxes_xyxy[left])[0]
        left = left[overlap <= iou]
    return np.array(kept, np.intp)
