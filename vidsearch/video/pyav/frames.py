"""Frames decoded by FFmpeg."""

from __future__ import annotations

import av

from vidsearch.datatypes import Image
from vidsearch.video.pyav.geometry.pixels import FrameConverter
from vidsearch.video.report import ExpectedStream
from vidsearch.video.types import DecodedFrame, FrameGeometry


class PyAVFrame(DecodedFrame):
    """Frame decoded by FFmpeg, converted on request; built in display order."""

    __slots__ = ("_convert", "_frame", "_orientation")

    def __init__(
        self,
        frame: av.VideoFrame,
        pts: int,
        duration: int,
        convert: FrameConverter,
        expected: ExpectedStream,
    ) -> None:
        super().__init__(pts, duration, expected.time_base, expected.start)
        self._frame = frame
        self._convert = convert
        self._orientation = convert.orientation(frame)

    @property
    def geometry(self) -> FrameGeometry:
        """Size of the upright frame and its turn."""
        return self._convert.geometry(self._frame, self._orientation)

    def rgb(self) -> Image:
        """Return the upright frame, (H, W, 3) uint8 RGB."""
        return self._convert.rgb(self._frame, self._orientation)

    def thumbnail_bgr(self, width: int, height: int) -> Image:
        """Return a thumbnail, (height, width, 3) uint8 BGR."""
        return self._convert.bgr(self._frame, width, height)
