"""Thumbnails of frames, and how much two of them differ."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vidsearch.datatypes import Image

_Blocks: TypeAlias = NDArray[np.float32]
# Grey levels added to the contrast: noise and compression artefacts of a black frame.
_CONTRAST_FLOOR: Final = 8.0
# Grey levels by which the blocks of a bar at an edge differ.
_BAR_NOISE: Final = 6.0
# Largest shift of a picture as part of its side.
_LARGEST_SHIFT: Final = 0.5


class Thumbnail:
    """Thumbnail averaged in blocks of 2 x 2 pixels.

    Args:
        pixels: (H, W, 3) uint8 with even sides.
        interval_s: Seconds since the previous frame.
    """

    def __init__(self, pixels: Image, interval_s: float) -> None:
        self.interval_s = interval_s
        rows = pixels[::2].astype(np.float32) + pixels[1::2]
        self._blocks: _Blocks = ((rows[:, ::2] + rows[:, 1::2]) / 4).astype(np.float32, copy=False)
        self._contrast = _contrast(self._blocks)

    def difference(self, other: Thumbnail) -> float:
        """Return the mean difference divided by the sum of the contrasts."""
        difference = float(np.abs(self._blocks - other._blocks).mean())
        return difference / (self._contrast + other._contrast + _CONTRAST_FLOOR)

    def picture_difference(self, other: Thumbnail) -> float:
        """Return the difference of the pictures, without bars of one colour at the edges."""
        first, second, contrast = self._pictures(other)
        return float(np.abs(first - second).mean()) / contrast

    def shifted_difference(self, other: Thumbnail) -> float:
        """Return the least difference of the pictures, if one is shifted by up to half its side.

        A camera that turns shifts the picture; the parts that are in both frames are alike.
        """
        first, second, contrast = self._pictures(other)
        height, width = first.shape[:2]
        differences = []
        for right in _shifts(width):
            for down in _shifts(height):
                shifted = first[max(0, down) : height + down, max(0, right) : width + right]
                still = second[max(0, -down) : height - down, max(0, -right) : width - right]
                differences.append(float(np.abs(shifted - still).mean()))
        return min(differences) / contrast

    def _pictures(self, other: Thumbnail) -> tuple[_Blocks, _Blocks, float]:
        """Return both pictures without the bars that both have, and the sum of the contrasts."""
        sides = zip(self._bars, other._bars, strict=True)
        top, bottom, left, right = (min(bars) for bars in sides)
        height, width = self._blocks.shape[:2]
        inside = np.s_[top : height - bottom, left : width - right]
        first, second = self._blocks[inside], other._blocks[inside]
        return first, second, _contrast(first) + _contrast(second) + _CONTRAST_FLOOR

    @cached_property
    def _bars(self) -> tuple[int, int, int, int]:
        """Rows at the top and the bottom, columns at the left and the right of one colour."""
        blocks = self._blocks
        top = _bar(blocks)
        if top == len(blocks):
            return 0, 0, 0, 0
        columns = blocks.swapaxes(0, 1)
        return top, _bar(blocks[::-1]), _bar(columns), _bar(columns[::-1])


def _contrast(blocks: _Blocks) -> float:
    centred = blocks.ravel() - blocks.mean()
    return math.sqrt(float(centred @ centred) / centred.size)


def _bar(lines: _Blocks) -> int:
    """Return the number of leading lines that have the colour of the first one throughout."""
    colour = lines[0].mean(0)
    plain = np.abs(lines - colour).max((1, 2)) <= _BAR_NOISE
    return len(lines) if plain.all() else int(plain.argmin())


def _shifts(length: int) -> range:
    largest = int(length * _LARGEST_SHIFT)
    return range(-largest, largest + 1)
