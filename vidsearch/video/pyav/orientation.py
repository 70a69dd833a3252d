"""Turning stored pictures upright, as a container's display matrix asks."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vidsearch.datatypes import Image

if TYPE_CHECKING:
    import av


@dataclass(frozen=True, slots=True)
class Orientation:
    """One of the eight ways to lay a picture on a grid: transpose first, then flip.

    Attributes:
        transpose: Rows become columns.
        flip_x: Left and right change places.
        flip_y: Top and bottom change places.
    """

    transpose: bool = False
    flip_x: bool = False
    flip_y: bool = False

    @classmethod
    def of(cls, frame: av.VideoFrame) -> Orientation:
        """Return the orientation that a decoded frame asks for."""
        data: Any = frame.side_data.get("DISPLAYMATRIX")
        return _UPRIGHT if data is None else cls.from_matrix(struct.unpack("=9i", bytes(data)))

    @classmethod
    def from_matrix(cls, matrix: tuple[int, ...]) -> Orientation:
        """Return the orientation nearest to a display matrix.

        Args:
            matrix: Nine numbers a b u, c d v, x y w, row by row: a stored point (p, q) is shown at
                (a p + c q + x, b p + d q + y).

        Source:
            ISO/IEC 14496-12, the track header's ``matrix``.

        Example:
            >>> Orientation.from_matrix((0, -65536, 0, 65536, 0, 0, 0, 0, 1 << 30)).rotation
            90
        """
        a, b, _, c, d = matrix[:5]
        if abs(a) + abs(d) >= abs(b) + abs(c):
            return cls(False, a < 0, d < 0)
        return cls(True, c < 0, b < 0)

    @property
    def rotation(self) -> int:
        """Degrees, counter-clockwise: 0, 90, 180 or 270 (a mirrored picture: after mirroring)."""
        across = -1 if self.flip_x else 1
        down = -1 if self.flip_y else 1
        turn = math.atan2(-down, 0) if self.transpose else math.atan2(0, across)
        return round(math.degrees(turn)) % 360

    def size(self, width: int, height: int) -> tuple[int, int]:
        return (height, width) if self.transpose else (width, height)

    def apply(self, image: Image) -> Image:
        """Return ``image`` (H, W, 3) laid out upright; the same array where it already is."""
        if self == _UPRIGHT:
            return image
        turned = image.transpose(1, 0, 2) if self.transpose else image
        turned = turned[:: -1 if self.flip_y else 1, :: -1 if self.flip_x else 1]
        return np.ascontiguousarray(turned)


_UPRIGHT = Orientation()
