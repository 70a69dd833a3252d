"""Pixels of FFmpeg's decoded frames: sizes, colours, orientation."""

from __future__ import annotations

from fractions import Fraction

import av
import av.video.reformatter
import numpy as np

from vidsearch.datatypes import Image
from vidsearch.video.pyav.orientation import Orientation

_UNSPECIFIED = 2  # AVCOL_SPC_UNSPECIFIED
_AVERAGE = av.video.reformatter.Interpolation.AREA  # the cheapest that looks at every pixel
_SMOOTH = av.video.reformatter.Interpolation.BILINEAR


class FrameConverter:
    """Pixels of one video's frames, each in the size that its first frame has upright.

    Streams may change size half-way; boxes found in their frames must still mean the same place.

    Attributes:
        size: Width and height of the upright picture with square pixels.
    """

    def __init__(self, first: av.VideoFrame, pixel_aspect: Fraction | None) -> None:
        self.size = Orientation.of(first).size(*_square_size(first, pixel_aspect))
        # One conversion context for each of the two sizes: switching one back and forth is slow.
        self._full = av.video.reformatter.VideoReformatter()
        self._small = av.video.reformatter.VideoReformatter()

    def rgb(self, frame: av.VideoFrame) -> Image:
        orientation = Orientation.of(frame)
        width, height = orientation.size(*self.size)
        return orientation.apply(self._reformat(self._full, frame, width, height, "rgb24", _SMOOTH))

    def bgr(self, frame: av.VideoFrame, width: int, height: int) -> Image:
        return self._reformat(self._small, frame, width, height, "bgr24", _AVERAGE)

    def _reformat(
        self,
        reformatter: av.video.reformatter.VideoReformatter,
        frame: av.VideoFrame,
        width: int,
        height: int,
        pixels: str,
        interpolation: av.video.reformatter.Interpolation,
    ) -> Image:
        # HD that does not say which matrix it uses is BT.709 by convention; FFmpeg assumes BT.601.
        unsaid_hd = frame.colorspace == _UNSPECIFIED and (frame.width >= 1280 or frame.height > 576)
        small = reformatter.reformat(
            frame,
            width=width,
            height=height,
            format=pixels,
            src_colorspace=av.video.reformatter.Colorspace.ITU709 if unsaid_hd else None,
            interpolation=interpolation,
            threads=1,
        )
        array: Image = np.ascontiguousarray(small.to_ndarray())
        return array


def _square_size(frame: av.VideoFrame, pixel_aspect: Fraction | None) -> tuple[int, int]:
    """Width and height with square pixels: one side is stretched, none loses detail."""
    # Beyond a factor of four it is a damaged header, not an anamorphic picture.
    if pixel_aspect is None or not Fraction(1, 4) <= pixel_aspect <= 4:
        return frame.width, frame.height
    if pixel_aspect >= 1:
        return round(frame.width * pixel_aspect), frame.height
    return frame.width, round(frame.height / pixel_aspect)
