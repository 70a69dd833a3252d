"""Cut detection on a stream of frames.

A cut is a step between two frames that is large, stands out from the motion around it, and is not
undone: a fast pan is many large steps, a photographer's flash is a large step and its reversal.
Steps are measured on thumbnails, relative to the contrast of both frames. Thus dark, grey or noisy
videos need no other threshold than bright ones.

At a low frame rate the motion between two frames is as large as a cut, and a shot of one frame is
more likely than a flash. There a step is a cut if it is as large as between unrelated frames, and
if no shift of the picture explains it, as for a camera that turns.

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

from vidsearch.datatypes import Image, check_array
from vidsearch.errors import ConfigError
from vidsearch.video.compare.thumbnails import Thumbnail

# Frames compared on each side of a step.
_REACH: Final = 2
# Seconds between two frames from which the frames around them say nothing about their step.
_SPARSE_S: Final = 0.125


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotConfig:
    """Thresholds of a cut.

    Attributes:
        min_step: Mean difference of two frames divided by the sum of their contrasts. Two unrelated
            frames differ by 0.3 to 0.8, a gesture that fills the frame by up to 0.14.
        min_ratio: Lowest ratio of a cut to the motion around the cut.
        sparse_step: Lowest step of a cut between two frames that lie at least an eighth of a second
            apart, without black bars.
        sparse_shifted: Lowest step that remains in such a cut if one frame is shifted.
    """

    min_step: float = 0.15
    min_ratio: float = 2.0
    sparse_step: float = 0.3
    sparse_shifted: float = 0.14

    def __post_init__(self) -> None:
        for name in ("min_step", "sparse_step", "sparse_shifted"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise ConfigError(f"{name} must be above 0; got {getattr(self, name)}")
        if not (math.isfinite(self.min_ratio) and self.min_ratio >= 1):
            raise ConfigError(f"min_ratio must be at least 1; got {self.min_ratio}")


class ShotDetector:
    """Finds cuts in a stream of thumbnails; a cut is the number of the frame that follows it.

    A shot of one or two frames between two parts of the same shot is taken for a flash, unless the
    frames lie far apart in time.

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
        self._thumbnails: deque[Thumbnail] = deque(maxlen=2 * _REACH + 2)
        self._pushed = 0

    def push(self, thumbnail: Image, interval_s: float = 0.0) -> list[int]:
        """Add the next frame; return a list with the cut that became final, or an empty list.

        Args:
            thumbnail: (36, 64, 3) uint8, channels in a fixed order.
            interval_s: Seconds since the previous frame.

        Raises:
            ShapeError: The thumbnail has another size or type.
        """
        width, height = self.thumbnail_wh
        check_array("thumbnail", thumbnail, (height, width, 3), np.uint8)
        self._thumbnails.append(Thumbnail(thumbnail, interval_s))
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
        if after.interval_s >= _SPARSE_S:
            return self._is_sparse_cut(before, after)
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

    def _is_sparse_cut(self, before: Thumbnail, after: Thumbnail) -> bool:
        return (
            before.picture_difference(after) >= self._config.sparse_step
            and before.shifted_difference(after) >= self._config.sparse_shifted
        )

    def _step(self, index: int) -> float:
        return self._thumbnails[index - 1].difference(self._thumbnails[index])
