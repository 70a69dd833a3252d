"""Pixels of frames decoded by FFmpeg: size, colours, orientation."""

from __future__ import annotations

from fractions import Fraction

import av
import av.video.reformatter
import numpy as np

from vidsearch.datatypes import Image
from vidsearch.video.pyav.geometry.orientation import Orientation
from vidsearch.video.pyav.geometry.pixel_aspect import AspectDecoder
from vidsearch.video.types import FrameGeometry

# Colour matrices by their codes in H.273, as in AVColorSpace of FFmpeg.
_BT709, _UNSPECIFIED, _BT601, _BT2020 = 1, 2, 5, 9
_CONVERTED = frozenset((0, 1, 2, 3, 4, 5, 6, 7, 9))
# BT.2020 with constant luminance and ICtCp have the wide colours of BT.2020.
_NEAREST = {10: _BT2020, 14: _BT2020}
# The matrices 12 and 13 are derived from the primaries.
_OF_PRIMARIES = {1: _BT709, 9: _BT2020}
_AVERAGE = av.video.reformatter.Interpolation.AREA  # cheapest filter that reads every pixel
_SMOOTH = av.video.reformatter.Interpolation.BILINEAR


class FrameConverter:
    """Converts the frames of one video, each to its own upright size with square pixels.

    Attributes:
        decoder: Decoder of the frames.

    Args:
        decoder: Decoder of the frames, which knows their pixel aspect.
        turn_deg: See ``ReadOptions.turn_deg``.
    """

    def __init__(self, decoder: AspectDecoder, turn_deg: int = 0) -> None:
        self.decoder = decoder
        self._ratio_of = decoder.ratio_of
        self._stated = Orientation()
        self._rotation_deg = 0
        self._turn_deg = turn_deg
        self._stored: tuple[int, int, Fraction | None, Orientation] | None = None
        self._geometry = FrameGeometry(0, 0)
        # One conversion context per size: switching a context between two sizes is slow.
        self._full = av.video.reformatter.VideoReformatter()
        self._small = av.video.reformatter.VideoReformatter()

    def orientation(self, frame: av.VideoFrame) -> Orientation:
        """Return the orientation of the next frame in display order.

        A container's orientation comes with every frame. The orientation in a coded stream comes
        with its keyframes and holds until the next one.
        """
        # The side data of a frame are slow to read. Between two keyframes, an orientation that
        # changes changes the rotation.
        rotation = frame.rotation
        if frame.key_frame or rotation != self._rotation_deg:
            self._rotation_deg = rotation
            stated = Orientation.of(frame)
            if stated is not None:
                self._stated = stated
            elif frame.key_frame:
                self._stated = Orientation()
        return self._stated.turned(self._turn_deg)

    def geometry(self, frame: av.VideoFrame, orientation: Orientation) -> FrameGeometry:
        """Return size and rotation of the upright frame."""
        stored = (frame.width, frame.height, self._ratio_of(frame), orientation)
        if stored != self._stored:
            width, height = orientation.size(*_square_size(*stored[:3]))
            self._stored = stored
            self._geometry = FrameGeometry(width, height, orientation.rotation)
        return self._geometry

    def rgb(self, frame: av.VideoFrame, orientation: Orientation) -> Image:
        """Return the upright frame, (H, W, 3) uint8 RGB."""
        width, height = _square_size(frame.width, frame.height, self._ratio_of(frame))
        image = self._reformat(self._full, frame, width, height, "rgb24", _SMOOTH)
        return orientation.apply(image)

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
        reformatted = reformatter.reformat(
            frame,
            width=width,
            height=height,
            format=pixels,
            src_colorspace=_colour_matrix(frame),
            interpolation=interpolation,
            threads=1,
        )
        array: Image = np.ascontiguousarray(reformatted.to_ndarray())
        return array


def _colour_matrix(frame: av.VideoFrame) -> int | None:
    """Return the matrix to convert the colours with, by its code in H.273; None as stated.

    FFmpeg converts with the matrices of ``_CONVERTED``. Another one is replaced by the nearest.
    """
    stated = frame.colorspace
    if stated == _UNSPECIFIED:
        # HD video without a stated matrix is BT.709 by convention; FFmpeg assumes BT.601.
        return _BT709 if frame.width >= 1280 or frame.height > 576 else None
    if stated in _CONVERTED:
        return None
    return _NEAREST.get(stated) or _OF_PRIMARIES.get(frame.color_primaries, _BT601)


def _square_size(width: int, height: int, pixel_aspect: Fraction | None) -> tuple[int, int]:
    """Return width and height with square pixels: one side is stretched, no side is reduced."""
    if pixel_aspect is None:
        return width, height
    if pixel_aspect >= 1:
        return round(width * pixel_aspect), height
    return width, round(height / pixel_aspect)
