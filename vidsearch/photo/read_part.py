"""Part of a damaged photo that was read, so that a face outside it is not used for training."""

from __future__ import annotations

import math
from typing import Final, TypeAlias

import numpy as np
from PIL import Image as Pillow

from vidsearch.datatypes import Detections
from vidsearch.faces.geometry.align import AlignmentTemplate, similarity_transform
from vidsearch.photo.pixels import orientation_of

Part: TypeAlias = tuple[float, float, float, float]
"""Limits x1, y1, x2, y2 of a part of an upright image, pixels."""

WHOLE: Final[Part] = (-math.inf, -math.inf, math.inf, math.inf)

_PNG_INTERLACED = 28
_BMP_HEADER_SIZE, _BMP_HEIGHT, _BMP_PLAIN_HEADER = 14, 22, 40
_TIFF_TILE_WIDTH, _TIFF_PLANES = 322, 284

# Side of the upright image at which the last stored row lies, by EXIF orientation.
_LAST_ROW: Final = dict(enumerate(("bottom", "bottom", "top", "top", "right", "left", "left"), 1))
_OPPOSITE: Final = {"bottom": "top", "top": "bottom", "right": "left", "left": "right"}


def part_read(
    share: float, content: bytes, file_image: Pillow.Image, size_wh: tuple[int, int]
) -> Part | None:
    """Return the part of an upright image that was read; None if it is unknown which part.

    Formats that store an image in several passes, in tiles, or in parts of unequal size do not tell
    which pixels a missing end changes.

    Args:
        share: Share of the stored rows that were read.
        content: The file.
        file_image: The decoded file, of any shape, before any rotation.
        size_wh: Width and height of the upright image.
    """
    if share >= 1:
        return WHOLE
    first_missing = _first_rows_are_missing(content, file_image)
    if first_missing is None:
        return None
    side = _LAST_ROW.get(orientation_of(file_image), "right")
    side = _OPPOSITE[side] if first_missing else side
    width, height = size_wh
    x1, y1, x2, y2 = WHOLE
    return {
        "bottom": (x1, y1, x2, height * share),
        "top": (x1, height * (1 - share), x2, y2),
        "right": (x1, y1, width * share, y2),
        "left": (width * (1 - share), y1, x2, y2),
    }[side]


def holds_face(part: Part | None, face: Detections, template: AlignmentTemplate) -> bool:
    """Return True if a face and its aligned section lie inside the part that was read.

    Args:
        part: Part of the image; None if it is unknown.
        face: One face, N = 1.
        template: Template of the section.
    """
    if part is None:
        return False
    if part == WHOLE:
        return True
    matrix = similarity_transform(face.landmarks[0], template)
    side = template.size
    corners = np.array([(0, 0), (side, 0), (0, side), (side, side)], np.float64)
    corners = (corners - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
    points = np.concatenate([corners, face.boxes_xyxy[0].reshape(2, 2)])
    x1, y1, x2, y2 = part
    low, high = points.min(axis=0), points.max(axis=0)
    return bool(low[0] >= x1 and low[1] >= y1 and high[0] <= x2 and high[1] <= y2)


def _first_rows_are_missing(content: bytes, image: Pillow.Image) -> bool | None:
    """Return True if a cut file lacks its first rows, False: its last rows; None: unknown."""
    unknown: bool
    match image.format:
        case "JPEG" | "MPO":
            unknown = "progressive" in image.info
        case "PNG":
            unknown = content[_PNG_INTERLACED : _PNG_INTERLACED + 1] != b"\0"
        case "GIF":
            unknown = bool(image.info.get("interlace", 1))
        case "TIFF":
            tags = getattr(image, "tag_v2", {})
            unknown = _TIFF_TILE_WIDTH in tags or tags.get(_TIFF_PLANES, 1) != 1
        case "PPM":
            unknown = False
        case "BMP":
            unknown = _number(content, _BMP_HEADER_SIZE) < _BMP_PLAIN_HEADER
        case _:
            unknown = True
    if unknown:
        return None
    return image.format == "BMP" and _number(content, _BMP_HEIGHT) > 0


def _number(content: bytes, offset: int) -> int:
    return int.from_bytes(content[offset : offset + 4], "little", signed=True)
