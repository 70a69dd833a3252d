"""Writing a clip as MP4 with H.264 and AAC, which every browser plays."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import av
import av.audio.resampler

from vidsearch.datatypes import Image

MAX_SIDE_PX: Final = 1280
"""Largest length of a clip's longer side."""

_TICK: Final = Fraction(1, 90_000)
_AUDIO_RATE: Final = 48_000
_FALLBACK_FPS: Final = Fraction(25)
_MAX_FPS: Final = Fraction(60)


class ClipWriter:
    """MP4 file under construction; a context manager that finishes the file.

    Args:
        target: File to write.
        fps: Frame rate passed to the encoder; None if unknown. Frames keep their own times.
        audio: Add an audio stream.
    """

    def __init__(self, target: Path, *, fps: float | None, audio: bool) -> None:
        self._out = av.open(str(target), "w", options={"movflags": "faststart"})
        rate = Fraction(fps).limit_denominator(1001) if fps else _FALLBACK_FPS
        self._fps = min(max(rate, Fraction(1)), _MAX_FPS)
        self._video: av.VideoStream | None = None
        self._audio = (
            self._out.add_stream("aac", rate=_AUDIO_RATE, layout="stereo") if audio else None
        )
        self._resampler = av.audio.resampler.AudioResampler("fltp", "stereo", _AUDIO_RATE)

    def write_frame(self, image: Image, time_s: float) -> None:
        """Append a frame; the size of the first frame is the size of the clip.

        Args:
            image: (H, W, 3) uint8 RGB.
            time_s: Seconds from the start of the clip.
        """
        if self._video is None:
            self._video = self._add_video_stream(image)
        frame = av.VideoFrame.from_ndarray(image, format="rgb24")
        small = frame.reformat(width=self._video.width, height=self._video.height, format="yuv420p")
        small.pts, small.time_base = round(time_s / _TICK), _TICK
        self._out.mux(self._video.encode(small))

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
