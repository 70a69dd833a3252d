"""Where one shot ends and the next begins, found while frames stream by.

A cut is a step between two frames that is large, stands out from the motion around it, and does
not undo itself: a fast pan is many large steps, a photographer's flash a large step and its way
back. Steps are measured on tiny pictures, relative to the contrast of the two, so that dark,
grey or noisy material needs no other threshold than bright material.

PySceneDetect's detectors compare hues, which are noise where there is hardly any colour or light.
``benchmarks/cuts.py`` joins 72 sequences of real shots (22 862 frames, 936 cuts: bright, dark,
grey, noisy, five frames a second, shots of 2 to 6 frames, flashes, fades, pans, whip pans, zooms);
the constants below were chosen on others. Cuts missed / made up:

================================  ===========  =============
detector                          all          in the dark
================================  ===========  =============
this one                           77 /   12     1 /    0
AdaptiveDetector(3)               451 /   78   133 /    0
AdaptiveDetector(2)               210 /  129    74 /    0
ContentDetector(27)                11 / 7000     0 / 1954
================================  ===========  =============

56 of the 77 lie inside whip pans that cross the picture in five to twelve frames. Gradual
transitions are not cuts to any of them.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vidsearch.datatypes import Image, check_array
from vidsearch.errors import ConfigError

_REACH: Final = 2
# Grey levels added to the contrast: what sensor noise and compression leave of a black picture.
_CONTRAST_FLOOR: Final = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotConfig:
    """What counts as a cut.

    Attributes:
        min_step: Mean difference of two frames over the sum of their contrasts. Two unrelated
            pictures differ by 0.3 to 0.8, a gesture that fills the picture by up to 0.14.
        min_ratio: How many times larger a cut is than the motion beside it.
    """

    min_step: float = 0.15
    min_ratio: float = 2.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.min_step) and self.min_step > 0):
            raise ConfigError(f"min_step must be above 0; got {self.min_step}")
        if not (math.isfinite(self.min_ratio) and self.min_ratio >= 1):
            raise ConfigError(f"min_ratio must be at least 1; got {self.min_ratio}")


class ShotDetector:
    """Finds cuts in a stream of thumbnails; a cut is the number of the frame that follows it.

    A shot of one or two frames between two views of the same picture passes for a flash.

    Attributes:
        thumbnail_wh: Size of the thumbnails it takes.
        delay: A cut is reported at most so many frames late.

    Example:
        >>> black, white = (np.full((36, 64, 3), level, np.uint8) for level in (0, 255))
        >>> detector = ShotDetector()
        >>> [detector.push(picture) for picture in [black] * 3 + [white] * 3]
        [[], [], [], [], [], [3]]
        >>> detector.finish()
        []
    """

    thumbnail_wh: Final = (64, 36)
    delay: Final = _REACH

    def __init__(self, config: ShotConfig | None = None) -> None:
        self._config = config if config is not None else ShotConfig()
        self._pictures: deque[_Picture] = deque(maxlen=2 * _REACH + 2)
        self._seen = 0

    def push(self, thumbnail: Image) -> list[int]:
        """Take the next frame; return the cuts that it settles, none or one.

        Args:
            thumbnail: (36, 64, 3) uint8, channels in any order that stays the same.

        Raises:
            ShapeError: Another size or type.
        """
        width, height = self.thumbnail_wh
        check_array("thumbnail", thumbnail, (height, width, 3), np.uint8)
        self._pictures.append(_Picture(thumbnail))
        self._seen += 1
        return self._test(_REACH)

    def finish(self) -> list[int]:
        """Return the cuts among the last frames, which no later frame will settle."""
        return [cut for back in range(_REACH - 1, -1, -1) for cut in self._test(back)]

    def _test(self, back: int) -> list[int]:
        """Test the frame that lies ``back`` frames before the latest."""
        at = len(self._pictures) - 1 - back
        return [self._seen - 1 - back] if at >= 1 and self._is_cut(at) else []

    def _is_cut(self, at: int) -> bool:
        pictures = self._pictures
        before, after = pictures[at - 1], pictures[at]
        step = before.differs(after)
        if step < self._config.min_step:
            return False
        # The smaller step of each side is motion; the larger one may be another cut.
        earlier = min((self._step(i) for i in range(max(1, at - _REACH), at)), default=0.0)
        end = min(at + _REACH, len(pictures) - 1) + 1
        later = min((self._step(i) for i in range(at + 1, end)), default=0.0)
        if step < self._config.min_ratio * max(earlier, later):
            return False
        across = [pictures[i].differs(after) for i in range(max(0, at - 1 - _REACH), at - 1)]
        across += [before.differs(pictures[i]) for i in range(at + 1, end)]
        return min(across, default=step) >= max(self._config.min_step, step / 2)

    def _step(self, at: int) -> float:
        return self._pictures[at - 1].differs(self._pictures[at])


class _Picture:
    """A thumbnail averaged down to what a cut changes, and its contrast."""

    __slots__ = ("_contrast", "_values")

    def __init__(self, thumbnail: Image) -> None:
        rows = thumbnail[::2].astype(np.float32) + thumbnail[1::2]
        blocks = (rows[:, ::2] + rows[:, 1::2]) / 4
        values: NDArray[np.float32] = blocks.ravel().astype(np.float32, copy=False)
        centred = values - values.mean()
        self._values = values
        self._contrast = math.sqrt(float(centred @ centred) / values.size)

    def differs(self, other: _Picture) -> float:
        difference = float(np.abs(self._values - other._values).mean())
        return difference / (self._contrast + other._contrast + _CONTRAST_FLOOR)
