"""Frames decoded by FFmpeg, and their time stamps."""

from __future__ import annotations

import av

from vidsearch.datatypes import Image
from vidsearch.video.pyav.geometry.pixels import FrameConverter
from vidsearch.video.types import DecodedFrame, ExpectedStream, FrameGeometry


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


def presentation_stamp(frame: av.VideoFrame) -> int | None:
    """Return the presentation time stamp of a frame; None if it has none."""
    return frame.pts


class DtsStamps:
    """Time stamps for containers that store none: the ``dts`` of each frame's packet.

    Frames leave the decoder in display order, one per packet. The decoder's delay makes the first
    frame late, so all stamps are shifted by that delay.

    Args:
        first: Tick at which the stream starts.
    """

    def __init__(self, first: int) -> None:
        self._first = first
        self._delay: int | None = None

    def __call__(self, frame: av.VideoFrame) -> int | None:
        if frame.dts is None:
            return None
        if self._delay is None:
            self._delay = frame.dts - self._first
        return frame.dts - self._delay
