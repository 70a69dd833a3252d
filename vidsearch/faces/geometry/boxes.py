"""Arithmetic on ``xyxy`` boxes in pixels; every function accepts N = 0."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vidsearch.datatypes import Boxes, Matrix, Vector, check_array


def areas(boxes_xyxy: Boxes) -> Vector:
    """Return the area of every box in square pixels; an inverted box has area 0.

    Args:
        boxes_xyxy: (N, 4) float32, pixels.

    Returns:
        (N,) float32.

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
    # An inverted box has no area, but its corners can overlap another box.
    return np.asarray(np.clip(iou, 0, 1), np.float32)


def clip(boxes_xyxy: Boxes, size_wh: tuple[int, int]) -> Boxes:
    """Return the boxes cut to an image of ``size_wh`` pixels.

    A box outside the image becomes a box without area on its border.

    Args:
        boxes_xyxy: (N, 4) float32, pixels.
        size_wh: Width and height of the image.

    Returns:
        (N, 4) float32.

    Example:
        >>> clip(np.array([[-3, 2, 9, 20]], np.float32), (8, 10)).tolist()
        [[0.0, 2.0, 8.0, 10.0]]
    """
    check_array("boxes_xyxy", boxes_xyxy, (None, 4), np.float32)
    limits = np.array([*size_wh, *size_wh], np.float32)
    return np.asarray(np.minimum(np.maximum(boxes_xyxy, 0), limits), np.float32)


def scale(boxes_xyxy: Boxes, factor: float) -> Boxes:
    """Return the boxes of the same image resized by ``factor``.

    Args:
        boxes_xyxy: (N, 4) float32, pixels.
        factor: Size of the resized image divided by the original size.

    Returns:
        (N, 4) float32, pixels of the resized image.
    """
    check_array("boxes_xyxy", boxes_xyxy, (None, 4), np.float32)
    return np.asarray(boxes_xyxy * np.float32(factor), np.float32)


def expand(boxes_xyxy: Boxes, margin: float) -> Boxes:
    """Return the boxes grown about their centres by ``margin`` of their size on every side.

    Args:
        boxes_xyxy: (N, 4) float32, pixels.
        margin: Share of width and height added on each side.

    Returns:
        (N, 4) float32; boxes may exceed the image.

    Example:
        >>> expand(np.array([[10, 10, 20, 30]], np.float32), 0.5).tolist()
        [[5.0, 0.0, 25.0, 40.0]]
    """
    check_array("boxes_xyxy", boxes_xyxy, (None, 4), np.float32)
    grow = (boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]) * np.float32(margin)
    return np.concatenate([boxes_xyxy[:, :2] - grow, boxes_xyxy[:, 2:] + grow], axis=1)


def nms(boxes_xyxy: Boxes, scores: Vector, iou: float) -> NDArray[np.intp]:
    """Return the rows selected by greedy non-maximum suppression, best score first.

    A box is dropped if it overlaps a selected box by more than ``iou``. Boxes with equal scores
    keep their order, so the result does not depend on the sorting algorithm.

    Args:
        boxes_xyxy: (N, 4) float32, pixels.
        scores: (N,) float32.
        iou: Largest intersection over union of two selected boxes.

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
    remaining = np.argsort(-scores, kind="stable")
    selected: list[int] = []
    while remaining.size:
        best, remaining = remaining[0], remaining[1:]
        selected.append(int(best))
        overlap = iou_matrix(boxes_xyxy[best : best + 1], boxes_xyxy[remaining])[0]
        remaining = remaining[overlap <= iou]
    return np.array(selected, np.intp)
