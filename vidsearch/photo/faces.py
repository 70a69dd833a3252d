"""Finding the face in a photo that a user chose: it is there, so look longer than in a video frame.

A video has thousands of frames and one quick look at each is enough. A query has one photo, and its
face may fill the whole picture, be a speck in a landscape, or lie on its side. So several *looks*
follow each other, from the usual to the unlikely, and the first that finds a face ends the search.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidsearch.datatypes import Detections, Image, Landmarks, check_array
from vidsearch.faces.detect.base import Detector
from vidsearch.faces.geometry import boxes

CLOSEST_TILE = 1280
"""Side of the smallest tile that is looked at. A detector that reduces it to 640 pixels still finds
a face of 24; a smaller one is no use as a query, and looking for it would cost four times more."""

TILE_OVERLAP = 0.25
"""Share of a tile that its neighbour repeats. A face larger than that was there to be seen in the
look before, where tiles are twice as large."""

MARGIN_SIDES = (320, 1280)
"""Longer side, least and most, of a photo that is looked at with a margin: a tiny one is enlarged;
of a large one, whose face must fill it, the detector needs no more."""

UPRIGHT_DEG = 30
"""Largest roll of a face that counts as upright."""

_DOUBLE_IOU = 0.3


@dataclass(frozen=True, slots=True, eq=False)
class FoundFaces:
    """The faces of one photo, largest first.

    Attributes:
        detections: In pixels of the photo as it was given.
        note: Why they are less certain than faces found at first sight; empty if they are not.
    """

    detections: Detections
    note: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class _View:
    """A picture made from the photo.

    Attributes:
        image: What the detector sees.
        to_photo: (2, 3) from its pixels to the photo's: ``[x', y'] = M @ [x, y, 1]``.
        inner_xyxy: Where a box must end to be whole: tiles cut faces, the photo's own edge may.
    """

    image: Image
    to_photo: NDArray[np.float64]
    inner_xyxy: tuple[float, float, float, float] = (-math.inf, -math.inf, math.inf, math.inf)


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """A way to look at a picture.

    Attributes:
        views: The pictures made for the detector.
        note: What to tell a user whose face only this look found.
        turn: Whether to turn the photo even where nothing was found: tiles would take too long.
    """

    views: Callable[[Image], Iterator[_View]]
    note: str
    turn: bool


def find_faces(image: Image, detector: Detector) -> FoundFaces:
    """Return the faces of a photo, largest first, after as many looks as it takes.

    In this order: the photo as it is; with a margin around it (a face cropped tightly); in ever
    smaller tiles (a face too small once the photo is reduced to the detector's size). Where that
    finds nothing, or a face that does not stand upright, the photo is turned by quarters too:
    detectors find a turned face, but misplace its landmarks, which spoils the embedding.

    Args:
        image: (H, W, 3) uint8 RGB.
        detector: Any detector.

    Raises:
        ShapeError: ``image`` is not (H, W, 3) uint8.
    """
    check_array("image", image, (None, None, 3), np.uint8)
    if image.size == 0:
        return FoundFaces(Detections.empty())
    for look in _looks(max(image.shape[:2])):
        found = _largest_first(_see(look, image, detector))
        if len(found) and _stands(found):
            return FoundFaces(found, look.note)
        if len(found) or look.turn:
            best = _best_turn(look, image, found, detector)
            if len(best.detections):
                return best
    return FoundFaces(Detections.empty())


def roll_deg(landmarks: Landmarks) -> NDArray[np.float64]:
    """Return by how much faces are turned in the picture plane, clockwise, in (-180, 180].

    Measured from the middle of the eyes to the middle of the mouth: the landmarks of a face that
    lies on its side are misplaced by the detector, and this line suffers less than the one through
    the eyes (116 photos: upright at most 17 degrees in 99 of 100, on the side at least 61).

    Args:
        landmarks: (N, 5, 2) float32.

    Returns:
        (N,) float64, degrees.
    """
    down = landmarks[:, 3:5].mean(axis=1) - landmarks[:, 0:2].mean(axis=1)
    return np.asarray(np.degrees(np.arctan2(-down[:, 0], down[:, 1])), np.float64)


def _looks(longer_side: int) -> list[_Look]:
    looks = [
        _Look(lambda image: iter((_View(image, _affine()),)), "", turn=True),
        _Look(
            lambda image: iter((_with_margin(image),)),
            "the face fills the photo: one with more room around it answers better",
            turn=True,
        ),
    ]
    tile = longer_side
    while tile > CLOSEST_TILE:
        tile = max(math.ceil(tile / 2 * (1 + TILE_OVERLAP)), CLOSEST_TILE)
        looks.append(
            _Look(
                functools.partial(_tiles, tile=tile),
                "the face is small in the photo and was found only in a close-up",
                turn=False,
            )
        )
    return looks


def _best_turn(look: _Look, image: Image, upright: Detections, detector: Detector) -> FoundFaces:
    """Return what a look finds with the photo turned so that its faces stand upright."""
    best = FoundFaces(upright, look.note)
    score = _uprightness(upright)
    for turns, lies in (
        (1, "on its side (clockwise)"),
        (3, "on its side (counter-clockwise)"),
        (2, "upside down"),
    ):
        found = _largest_first(_see(look, np.ascontiguousarray(np.rot90(image, turns)), detector))
        if len(found) and _stands(found) and _uprightness(found) > score:
            score = _uprightness(found)
            there = _moved(found, _turned_back(turns, image.shape), image.shape)
            notes = f"the photo lies {lies}: the face was found by turning it", look.note
            best = FoundFaces(_largest_first(there), "; ".join(filter(None, notes)))
    return best


def _stands(found: Detections) -> bool:
    """Tell whether the first face stands upright."""
    return bool(abs(roll_deg(found.landmarks[:1])[0]) <= UPRIGHT_DEG)


def _uprightness(found: Detections) -> float:
    """Return how much face stands upright: area times score times cosine of the roll."""
    upright = np.cos(np.radians(roll_deg(found.landmarks)))
    return float((boxes.areas(found.boxes_xyxy) * found.scores * upright).sum())


def _see(look: _Look, image: Image, detector: Detector) -> Detections:
    """Return the faces in all the views of a look, each once, in pixels of ``image``."""
    parts = []
    for view in look.views(image):
        found = detector.detect(view.image)
        left, top, right, bottom = view.inner_xyxy
        x1, y1, x2, y2 = found.boxes_xyxy.T
        whole = (x1 >= left) & (y1 >= top) & (x2 <= right) & (y2 <= bottom)
        parts.append(_moved(found.select(whole), view.to_photo, image.shape))
    together = Detections(
        np.concatenate([part.boxes_xyxy for part in parts]),
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.landmarks for part in parts]),
    )
    return together.select(boxes.nms(together.boxes_xyxy, together.scores, _DOUBLE_IOU))


def _moved(found: Detections, matrix: NDArray[np.float64], shape: tuple[int, ...]) -> Detections:
    turn, shift = matrix[:, :2], matrix[:, 2]
    landmarks = (found.landmarks @ turn.T + shift).astype(np.float32)
    corners = found.boxes_xyxy.reshape(-1, 2, 2) @ turn.T + shift
    moved = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1).astype(np.float32)
    inside = boxes.clip(moved, (shape[1], shape[0]))
    visible = boxes.areas(inside) >= 1  # a face "found" in the margin is none
    return Detections(inside, found.scores, landmarks).select(visible)


def _largest_first(found: Detections) -> Detections:
    return found.select(np.argsort(-boxes.areas(found.boxes_xyxy), kind="stable"))


def _affine(
    turn: tuple[tuple[float, float], tuple[float, float]] = ((1, 0), (0, 1)),
    shift: tuple[float, float] = (0, 0),
) -> NDArray[np.float64]:
    return np.column_stack([np.array(turn, np.float64), np.array(shift, np.float64)])


def _with_margin(image: Image) -> _View:
    """Put the photo, at a handy size, in the middle of a picture twice that size."""
    import cv2

    height, width = image.shape[:2]
    longer = max(height, width)
    scale = min(max(longer, MARGIN_SIDES[0]), MARGIN_SIDES[1]) / longer
    wide, high = max(round(width * scale), 1), max(round(height * scale), 1)
    method = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    resized = cv2.resize(image, (wide, high), interpolation=method)
    left, top = wide // 2, high // 2
    colour = image.reshape(-1, 3).mean(axis=0)
    canvas = np.empty((high + 2 * top, wide + 2 * left, 3), np.uint8)
    canvas[:] = colour.round().astype(np.uint8)
    canvas[top : top + high, left : left + wide] = resized
    per_x, per_y = width / wide, height / high
    return _View(canvas, _affine(((per_x, 0), (0, per_y)), (-left * per_x, -top * per_y)))


def _tiles(image: Image, tile: int) -> Iterator[_View]:
    height, width = image.shape[:2]
    for top in _starts(height, tile):
        for left in _starts(width, tile):
            view = image[top : top + tile, left : left + tile]
            high, wide = view.shape[:2]
            yield _View(
                np.ascontiguousarray(view),
                _affine(shift=(left, top)),
                (
                    1 if left > 0 else -math.inf,
                    1 if top > 0 else -math.inf,
                    wide - 1 if left + wide < width else math.inf,
                    high - 1 if top + high < height else math.inf,
                ),
            )


def _starts(length: int, tile: int) -> list[int]:
    """Return where tiles begin so that they cover a length, evenly, overlapping enough."""
    if length <= tile:
        return [0]
    count = math.ceil((length - tile) / (tile * (1 - TILE_OVERLAP))) + 1
    return [round(start) for start in np.linspace(0, length - tile, count)]


def _turned_back(turns: int, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the way back from a photo after counter-clockwise quarter turns."""
    height, width = shape[:2]
    return {
        1: _affine(((0, -1), (1, 0)), (width, 0)),
        2: _affine(((-1, 0), (0, -1)), (width, height)),
        3: _affine(((0, 1), (-1, 0)), (0, height)),
    }[turns]
