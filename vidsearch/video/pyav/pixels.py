"""Pixels of frames decoded by FFmpeg: size, colours, orientation."""

from __future__ import annotations

from fractions import Fraction

import av
import av.video.reformatter
import numpy as np

from vidsearch.datatypes import Image
from vidsearch.video.pyav.orientation import Orientation

_UNSPECIFIED = 2  # AVCOL_SPC_UNSPECIFIED
_AVERAGE = av.video.reformatter.Interpolation.AREA  # cheapest filter that reads every pixel
_SMOOTH = av.video.reformatter.Interpolation.BILINEAR


class FrameConverter:
    """Converts the frames of one video, each to the upright size of the first frame.

    The frame size may change within a stream. With one size, box coordinates stay comparable.

    Attributes:
        size: Width and height of the upright frame with square pixels.

    Args:
        first: First decoded frame.
        pixel_aspect: Width of a stored pixel divided by its height; None if unknown.
    """

    def __init__(self, first: av.VideoFrame, pixel_aspect: Fraction | None) -> None:
        self.size = Orientation.of(first).size(*_square_size(first, pixel_aspect))
        # One conversion context per size: switching a context between two sizes is slow.
        self._full = av.video.reformatter.VideoReformatter()
        self._small = av.video.reformatter.VideoReformatter()

    def rgb(self, frame: av.VideoFrame) -> Image:
        """Return the upright frame, (H, W, 3) uint8 RGB, of the size ``size``."""
        orientation = Orientation.of(frame)
        width, height = orientation.size(*self.size)
        return orientation.apply(self._reformat(self._full, frame, width, height, "rgb24", _SMOOTH))

    def bgr(self, frame: av.VideoFrame, width: int, height: int) -> Image:
        """Return a reduced frame, (height, width, 3) uint8 BGR, not turned upright."""
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
        # HD video without a stated matrix is BT.709 by convention; FFmpeg assumes BT.601.
        unstated_hd = frame.colorspace == _UNSPECIFIED and (
            frame.width >= 1280 or frame.height > 576
        )
        reformatted = reformatter.reformat(
            frame,
            width=width,
            height=height,
            format=pixels,
            src_colorspace=av.video.reformatter.Colorspace.ITU709 if unstated_hd else None,
            interpolation=interpolation,
            threads=1,
        )
        array: Image = np.ascontiguousarray(reformatted.to_ndarray())
        return array


def _square_size(frame: av.VideoFrame, pixel_aspect: Fraction | None) -> tuple[int, int]:
    """Return width and height with square pixels: one side is stretched, no side is reduced."""
    # A factor above four indicates a damaged header, not an anamorphic video.
    if pixel_aspect is None or not Fraction(1, 4) <= pixel_aspect <= 4:
        return frame.width, frame.height
    if pixel_aspect >= 1:
        return round(frame.width * pixel_aspect), frame.height
    return frame.width, round(frame.height / pixel_aspect)
