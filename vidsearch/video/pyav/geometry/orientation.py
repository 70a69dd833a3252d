"""Upright frames from stored frames, by the container's display matrix."""

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
    """Rotation by a multiple of 90 degrees and mirroring: transpose first, then flip.

    Attributes:
        transpose: Swap rows and columns.
        flip_x: Swap left and right.
        flip_y: Swap top and bottom.
    """

    transpose: bool = False
    flip_x: bool = False
    flip_y: bool = False

    @classmethod
    def of(cls, frame: av.VideoFrame) -> Orientation | None:
        """Return the orientation stated in the side data of a decoded frame; None without one."""
        data: Any = frame.side_data.get("DISPLAYMATRIX")
        return None if data is None else cls.from_matrix(struct.unpack("=9i", bytes(data)))

    @classmethod
    def from_matrix(cls, matrix: tuple[int, ...]) -> Orientation:
        """Return the orientation nearest to a display matrix.

        Args:
            matrix: Nine numbers a b u, c d v, x y w, row by row: a stored point (p, q) is displayed
                at (a p + c q + x, b p + d q + y).

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

    def turned(self, degrees: int) -> Orientation:
        """Return this orientation followed by a counter-clockwise turn.

        Args:
            degrees: A multiple of 90.

        Example:
            >>> Orientation().turned(90).rotation
            90
        """
        orientation = self
        for _ in range(degrees // 90 % 4):
            orientation = Orientation(
                not orientation.transpose, orientation.flip_y, not orientation.flip_x
            )
        return orientation

    @property
    def rotation(self) -> int:
        """Counter-clockwise degrees, 0, 90, 180 or 270, applied after any mirroring."""
        across = -1 if self.flip_x else 1
        down = -1 if self.flip_y else 1
        turn = math.atan2(-down, 0) if self.transpose else math.atan2(0, across)
        return round(math.degrees(turn)) % 360

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Return width and height of the upright frame."""
        return (height, width) if self.transpose else (width, height)

    def apply(self, image: Image) -> Image:
        """Return ``image`` (H, W, 3) turned upright; the same array if it is upright already."""
        if self == _UPRIGHT:
            return image
        turned = image.transpose(1, 0, 2) if self.transpose else image
        turned = turned[:: -1 if self.flip_y else 1, :: -1 if self.flip_x else 1]
        return np.ascontiguousarray(turned)


_UPRIGHT = Orientation()
