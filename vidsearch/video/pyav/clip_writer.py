"""Writing a clip as MP4 with H.264 and AAC, which every browser plays."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import av
import av.audio.resampler
import numpy as np

from vidsearch.datatypes import Image

MAX_SIDE_PX: Final = 1280
"""Largest length of a clip's longer side."""

_TICK: Final = Fraction(1, 90_000)
_AUDIO_RATE: Final = 48_000
_FALLBACK_FPS: Final = Fraction(25)
_MAX_FPS: Final = Fraction(60)
_SAME_SHAPE_PX: Final = 3


class ClipWriter:
    """MP4 file under construction; a context manager that finishes the file.

    Args:
        target: File to write.
        fps: Frame rate passed to the encoder; None if unknown. Frames keep their own times.
        audio: Add an audio stream.
    """

    def __init__(self, target: Path, *, fps: float | None, audio: bool) -> None:
        self._target = str(target)
        rate = Fraction(fps).limit_denominator(1001) if fps else _FALLBACK_FPS
        self._fps = min(max(rate, Fraction(1)), _MAX_FPS)
        self._with_audio = audio
        self._begin()

    def _begin(self) -> None:
        self._out = av.open(self._target, "w", options={"movflags": "faststart"})
        self._video: av.VideoStream | None = None
        self._audio = (
            self._out.add_stream("aac", rate=_AUDIO_RATE, layout="stereo")
            if self._with_audio
            else None
        )
        self._resampler = av.audio.resampler.AudioResampler("fltp", "stereo", _AUDIO_RATE)

    def restart(self) -> None:
        """Discard everything that was written; the next frame is the first one of the clip."""
        self._out.close()
        self._begin()

    def write_frame(self, image: Image, time_s: float) -> None:
        """Append a frame; the size of the first frame is the size of the clip.

        A frame of another shape gets black borders.

        Args:
            image: (H, W, 3) uint8 RGB.
            time_s: Seconds from the start of the clip.
        """
        if self._video is None:
            self._video = self._add_video_stream(image)
        frame = _fitted(image, self._video.width, self._video.height)
        frame.pts, frame.time_base = round(time_s / _TICK), _TICK
        self._out.mux(self._video.encode(frame))

    def write_audio(self, frame: av.AudioFrame) -> None:
        """Append an audio frame; do nothing if the clip has no audio stream."""
        if self._audio is None:
            return
        frame.pts = None
        for resampled in self._resampler.resample(frame):
            self._out.mux(self._audio.encode(resampled))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                for stream in (self._video, self._audio):
                    if stream is not None:
                        self._out.mux(stream.encode(None))
        finally:
            self._out.close()

    def _add_video_stream(self, image: Image) -> av.VideoStream:
        options = {"preset": "ultrafast", "crf": "25"}
        stream = self._out.add_stream("libx264", rate=self._fps, options=options)
        scale = min(1.0, MAX_SIDE_PX / max(image.shape[:2]))
        stream.height, stream.width = (
            max(2, round(side * scale) // 2 * 2) for side in image.shape[:2]
        )
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = _TICK
        return stream


def _fitted(image: Image, width: int, height: int) -> av.VideoFrame:
    """Return an image scaled to a size, with black borders if it has another shape."""
    frame = av.VideoFrame.from_ndarray(image, format="rgb24")
    scale = min(width / frame.width, height / frame.height)
    inner_width, inner_height = (
        max(1, round(side * scale)) for side in (frame.width, frame.height)
    )
    # The sides of a clip are even: a small difference in shape is scaled away.
    if inner_width > width - _SAME_SHAPE_PX and inner_height > height - _SAME_SHAPE_PX:
        return frame.reformat(width=width, height=height, format="yuv420p")
    bordered = np.zeros((height, width, 3), np.uint8)
    left, top = (width - inner_width) // 2, (height - inner_height) // 2
    bordered[top : top + inner_height, left : left + inner_width] = frame.reformat(
        width=inner_width, height=inner_height, format="rgb24"
    ).to_ndarray()
    return av.VideoFrame.from_ndarray(bordered, format="rgb24").reformat(format="yuv420p")
