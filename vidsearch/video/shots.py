"""Cut detection on a stream of frames.

A cut is a step between two frames that is large, stands out from the motion around it, and is not
undone: a fast pan is many large steps, a photographer's flash is a large step and its reversal.
Steps are measured on thumbnails, relative to the contrast of both frames. Thus dark, grey or noisy
videos need no other threshold than bright ones.

PySceneDetect's detectors compare hues, which are noise in frames with little colour or light.
``benchmarks/pipeline/cuts.py`` joins 72 sequences of real shots (22 862 frames, 936 cuts: bright,
dark, grey, noisy, five frames per second, shots of 2 to 6 frames, flashes, fades, pans, whip pans,
zooms). The constants below were chosen on other sequences. Missed / false cuts:

================================  ===========  =============
detector                          all          in the dark
================================  ===========  =============
this detector                      77 /   12     1 /    0
AdaptiveDetector(3)               451 /   78   133 /    0
AdaptiveDetector(2)               210 /  129    74 /    0
ContentDetector(27)                11 / 7000     0 / 1954
================================  ===========  =============

56 of the 77 lie inside whip pans that cross the frame in five to twelve frames. No detector counts
gradual transitions as cuts.
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

# Frames compared on each side of a step.
_REACH: Final = 2
# Grey levels added to the contrast: noise and compression artefacts of a black frame.
_CONTRAST_FLOOR: Final = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotConfig:
    """Thresholds of a cut.

    Attributes:
        min_step: Mean difference of two frames divided by the sum of their contrasts. Two unrelated
            frames differ by 0.3 to 0.8, a gesture that fills the frame by up to 0.14.
        min_ratio: Lowest ratio of a cut to the motion around the cut.
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

    A shot of one or two frames between two parts of the same shot is taken for a flash.

    Attributes:
        thumbnail_wh: Size of the thumbnails.
        delay: Largest number of frames by which a cut is reported late.

    Example:
        >>> black, white = (np.full((36, 64, 3), level, np.uint8) for level in (0, 255))
        >>> detector = ShotDetector()
        >>> [detector.push(thumbnail) for thumbnail in [black] * 3 + [white] * 3]
        [[], [], [], [], [], [3]]
        >>> detector.finish()
        []
    """

    thumbnail_wh: Final = (64, 36)
    delay: Final = _REACH

    def __init__(self, config: ShotConfig | None = None) -> None:
        self._config = config if config is not None else ShotConfig()
        self._thumbnails: deque[_Thumbnail] = deque(maxlen=2 * _REACH + 2)
        self._pushed = 0

    def push(self, thumbnail: Image) -> list[int]:
        """Add the next frame; return a list with the cut that became final, or an empty list.

        Args:
            thumbnail: (36, 64, 3) uint8, channels in a fixed order.

        Raises:
            ShapeError: The thumbnail has another size or type.
        """
        width, height = self.thumbnail_wh
        check_array("thumbnail", thumbnail, (height, width, 3), np.uint8)
        self._thumbnails.append(_Thumbnail(thumbnail))
        self._pushed += 1
        return self._test(_REACH)

    def finish(self) -> list[int]:
        """Return the cuts among the last frames."""
        return [cut for back in range(_REACH - 1, -1, -1) for cut in self._test(back)]

    def _test(self, back: int) -> list[int]:
        """Test the frame that lies ``back`` frames before the latest."""
        index = len(self._thumbnails) - 1 - back
        return [self._pushed - 1 - back] if index >= 1 and self._is_cut(index) else []

    def _is_cut(self, index: int) -> bool:
        thumbnails = self._thumbnails
        before, after = thumbnails[index - 1], thumbnails[index]
        step = before.difference(after)
        if step < self._config.min_step:
            return False
        # The smaller step on each side is motion; the larger one may be another cut.
        earlier = min((self._step(i) for i in range(max(1, index - _REACH), index)), default=0.0)
        end = min(index + _REACH, len(thumbnails) - 1) + 1
        later = min((self._step(i) for i in range(index + 1, end)), default=0.0)
        if step < self._config.min_ratio * max(earlier, later):
            return False
        earliest = max(0, index - 1 - _REACH)
        across = [thumbnails[i].difference(after) for i in range(earliest, index - 1)]
        across += [before.difference(thumbnails[i]) for i in range(index + 1, end)]
        return min(across, default=step) >= max(self._config.min_step, step / 2)

    def _step(self, index: int) -> float:
        return self._thumbnails[index - 1].difference(self._thumbnails[index])


class _Thumbnail:
    """Thumbnail averaged in blocks of 2 x 2 pixels, and its contrast."""

    __slots__ = ("_contrast", "_values")

    def __init__(self, thumbnail: Image) -> None:
        rows = thumbnail[::2].astype(np.float32) + thumbnail[1::2]
        blocks = (rows[:, ::2] + rows[:, 1::2]) / 4
        values: NDArray[np.float32] = blocks.ravel().astype(np.float32, copy=False)
        centred = values - values.mean()
        self._values = values
        self._contrast = math.sqrt(float(centred @ centred) / values.size)

    def difference(self, other: _Thumbnail) -> float:
        difference = float(np.abs(self._values - other._values).mean())
        return difference / (self._contrast + other._contrast + _CONTRAST_FLOOR)
