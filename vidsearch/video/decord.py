"""Second video backend for comparison: decord 0.6, last released in 2021.

``DECORD_LIMITS`` lists its limits. Where a limit would give wrong frames or times, the reader
raises an error that names the other backend. The PyAV backend checks the file first, and decord
receives an absolute path, which it cannot mistake for a protocol.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from vidsearch.datatypes import Image
from vidsearch.errors import VideoDecodeError, VideoOpenError
from vidsearch.text.printable import printable
from vidsearch.video.pyav.keyframes import keyframe_sizes
from vidsearch.video.pyav.reader import PyAVReader
from vidsearch.video.report import ExpectedStream, ReadReport
from vidsearch.video.source import is_remote, local_path
from vidsearch.video.types import DecodedFrame, FrameGeometry, VideoInfo, VideoReader

_TIMES = "gives times that do not increase; refused"
_FRAMES = "returns frames that differ from the file's; refused"
DECORD_LIMITS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "mp4 with edit list": _TIMES,
        "AVI with B-frames": _TIMES,
        "MPEG-PS": _TIMES,
        "MPEG-TS with B-frames": "loses the first frames and repeats the last one; refused",
        "raw H.264": "cannot open it",
        "AV1": "cannot open it",
        "turned 90, small": "garbles rotated frames of some widths; refused",
        "mirrored": _FRAMES,
        "wide pixels": "does not make pixels square; refused",
        "tall pixels": "does not make pixels square; refused",
        "truncated mp4": "loses the whole file",
        "several sizes": "scales all frames to the size of the first; refused",
        "several films": "does not choose among video streams; refused",
        "damage": "repeats a frame for each lost frame, without a report",
        "remote files": "reads local files only; refused",
    }
)
_USE_PYAV = "use the pyav decoder"
# Largest mean difference, in grey levels, between decoders for the same frame. The usual difference
# is about one level. Two frames of one video differ by far more.
_MAX_DECODER_DIFFERENCE = 24.0
_COMPARED_WH = (32, 18)


class DecordReader(VideoReader):
    """Decodes with decord; see ``open_video``."""

    def __init__(self, uri: str, *, threads: int = 1) -> None:
        import decord

        self._name = printable(uri)
        if is_remote(uri):
            raise VideoOpenError(
                f"'{self._name}' is not a local file, as decord requires; {_USE_PYAV}"
            )
        with PyAVReader(uri) as probe:
            self._info = probe.info
            self._expected: ExpectedStream = probe.expected
            self._first = next(probe.decode()).rgb()
        self._refuse_what_decord_changes(uri)
        # decord prints its warning about repeated frames at every log level.
        os.environ.setdefault("DECORD_DUPLICATE_WARNING_THRESHOLD", "1.0")
        decord.logging.set_level(decord.logging.QUIET)
        try:
            # An absolute path begins with a slash; a protocol does not.
            self._video: Any = decord.VideoReader(
                str(local_path(uri).absolute()), ctx=decord.cpu(0), num_threads=threads
            )
        except (decord.DECORDError, RuntimeError, AssertionError) as error:
            raise VideoDecodeError(f"decord cannot read '{self._name}'; {_USE_PYAV}") from error
        self._decord_errors = (decord.DECORDError, RuntimeError)
        self._decoding = False
        self._decoded = 0
        self._end: Fraction | None = None

    @property
    def info(self) -> VideoInfo:
        """Facts stated by the container."""
        return self._info

    def decode(self) -> Iterator[DecodedFrame]:
        """Yield every frame; see ``VideoReader.decode``."""
        self._check_open()
        if self._decoding:
            raise VideoDecodeError(f"'{self._name}' was decoded already; open it again")
        self._decoding = True
        return self._frames()

    def report(self) -> ReadReport:
        """Return the report of the frames decoded so far; see ``VideoReader.report``."""
        return self._expected.compare(self._decoded, self._end)

    def close(self) -> None:
        """Free the decoder and the file."""
        self._video = None

    def _refuse_what_decord_changes(self, uri: str) -> None:
        if self._info.other_streams:
            raise VideoDecodeError(
                f"'{self._name}' holds several video streams, and decord does not choose among "
                f"them; {_USE_PYAV}"
            )
        sizes = keyframe_sizes(uri)
        if len(sizes) > 1:
            sizes_text = ", ".join(f"{width} x {height}" for width, height in sorted(sizes))
            raise VideoDecodeError(
                f"'{self._name}' has frames of several sizes ({sizes_text}), and decord scales "
                f"them to one size; {_USE_PYAV}"
            )

    def _check_open(self) -> None:
        if self._video is None:
            raise VideoDecodeError(f"'{self._name}' is closed; open it again to decode it")

    def _frames(self) -> Iterator[DecodedFrame]:
        for pts, duration in self._ticks():
            self._check_open()
            try:
                image: Image = self._video.next().asnumpy()
            except self._decord_errors as error:
                raise VideoDecodeError(
                    f"decord failed on '{self._name}' after {self._decoded} frames; {_USE_PYAV}"
                ) from error
            except StopIteration:
                return
            self._check_frame(image)
            self._decoded += 1
            self._end = (pts + duration) * self._expected.time_base
            yield DecordFrame(image, pts, duration, self._expected)

    def _check_frame(self, image: Image) -> None:
        shape = (self._info.height, self._info.width, 3)
        if image.shape != shape:
            raise VideoDecodeError(
                f"decord returns frames of shape {image.shape} for '{self._name}'; the upright "
                f"shape is {shape}; {_USE_PYAV}"
            )
        if self._decoded == 0 and _difference(self._first, image) > _MAX_DECODER_DIFFERENCE:
            raise VideoDecodeError(
                f"decord's first frame of '{self._name}' differs from the file's; {_USE_PYAV}"
            )

    def _ticks(self) -> list[tuple[int, int]]:
        """Return pts and duration of each frame; decord counts seconds from the first frame."""
        spans = np.asarray(self._video.get_frame_timestamp(range(len(self._video))), np.float64)
        ticks = np.rint(spans / float(self._expected.time_base))
        valid = np.isfinite(ticks).all() and ticks[0, 0] >= 0 and ticks.max() < 2**62
        if not valid or (np.diff(ticks[:, 0]) <= 0).any():
            raise VideoDecodeError(
                f"decord's times for '{self._name}' do not increase; {_USE_PYAV}"
            )
        starts = ticks[:, 0].astype(np.int64)
        durations = np.maximum(1, ticks[:, 1].astype(np.int64) - starts)
        first = self._expected.first
        return [(first + int(s), int(d)) for s, d in zip(starts, durations, strict=True)]


class DecordFrame(DecodedFrame):
    """Frame that decord converted to RGB."""

    __slots__ = ("_image",)

    def __init__(self, image: Image, pts: int, duration: int, expected: ExpectedStream) -> None:
        super().__init__(pts, duration, expected.time_base, expected.start)
        self._image = image

    @property
    def geometry(self) -> FrameGeometry:
        """Size of the upright frame; the reader refuses turned frames."""
        return FrameGeometry(self._image.shape[1], self._image.shape[0])

    def rgb(self) -> Image:
        """Return the upright frame, (H, W, 3) uint8 RGB."""
        return self._image.copy()

    def thumbnail_bgr(self, width: int, height: int) -> Image:
        """Return a thumbnail, (height, width, 3) uint8 BGR."""
        return _thumbnail_bgr(self._image, width, height)


def _thumbnail_bgr(image: Image, width: int, height: int) -> Image:
    import cv2

    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(small[:, :, ::-1], dtype=np.uint8)


def _difference(a: Image, b: Image) -> float:
    """Return the mean difference of two upright images of one size, in grey levels."""
    small_a, small_b = (_thumbnail_bgr(image, *_COMPARED_WH).astype(np.int16) for image in (a, b))
    return float(np.abs(small_a - small_b).mean())
