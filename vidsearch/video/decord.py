"""A second decoder: decord 0.6, whose last release is of 2021, selectable for comparison.

What it cannot do is listed in ``DECORD_LIMITS``. Where that would show as wrong pictures or times,
this adapter refuses with an error that names the other backend; the file itself is opened through
the checks of the PyAV backend first, and never by a name that decord could take for a protocol.
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
from vidsearch.video.pyav.reader import PyAVReader
from vidsearch.video.pyav.stream_timing import ExpectedStream
from vidsearch.video.source import is_remote, local_path
from vidsearch.video.types import DecodedFrame, ReadReport, VideoInfo, VideoReader

_TIMES = "makes up times that do not rise; refused"
_PICTURE = "gives other pictures than the file's; refused"
DECORD_LIMITS: Final[Mapping[str, str]] = MappingProxyType({
    "mp4 with edit list": _TIMES,
    "AVI with B-frames": _TIMES,
    "MPEG-PS": _TIMES,
    "MPEG-TS with B-frames": "loses the first pictures and repeats the last one; refused",
    "raw H.264": "cannot open it",
    "AV1": "cannot open it",
    "turned 90, small": "garbles turned pictures of some widths; refused",
    "mirrored": _PICTURE,
    "wide pixels": "does not make pixels square; refused",
    "tall pixels": "does not make pixels square; refused",
    "truncated mp4": "loses the whole file",
    "damage": "repeats a picture for each one it lost, without saying so",
    "remote files": "reads local files only; refused",
})  # fmt: skip
_USE_PYAV = "use the pyav decoder"
# Grey levels; decoders differ by about one, two pictures of one film by far more.
_SAME_PICTURE = 24.0
_LOOK_WH = (32, 18)


class DecordReader(VideoReader):
    """Decodes with decord; see ``open_video``."""

    def __init__(self, uri: str, *, threads: int = 1) -> None:
        import decord

        self._name = printable(uri)
        if is_remote(uri):
            raise VideoOpenError(
                f"'{self._name}' is not a local file, which decord needs; {_USE_PYAV}"
            )
        with PyAVReader(uri) as probe:
            self._info = probe.info
            self._promise: ExpectedStream = probe.promise
            self._first = next(probe.decode()).rgb()
        # Its complaint about repeated frames goes to the console whatever the log level.
        os.environ.setdefault("DECORD_DUPLICATE_WARNING_THRESHOLD", "1.0")
        decord.logging.set_level(decord.logging.QUIET)
        try:
            # An absolute path begins with a slash: no protocol does.
            self._video: Any = decord.VideoReader(
                str(local_path(uri).absolute()), ctx=decord.cpu(0), num_threads=threads
            )
        except (decord.DECORDError, RuntimeError, AssertionError) as error:
            raise VideoDecodeError(f"decord cannot read '{self._name}'; {_USE_PYAV}") from error
        self._errors_of_decord = (decord.DECORDError, RuntimeError)
        self._used = False
        self._decoded = 0
        self._end: Fraction | None = None

    @property
    def info(self) -> VideoInfo:
        return self._info

    def decode(self) -> Iterator[DecodedFrame]:
        self._check_open()
        if self._used:
            raise VideoDecodeError(f"'{self._name}' was decoded already; open it again")
        self._used = True
        return self._frames()

    def report(self) -> ReadReport:
        return self._promise.compare(self._decoded, self._end, errors=0, damaged=0)

    def close(self) -> None:
        self._video = None

    def _check_open(self) -> None:
        if self._video is None:
            raise VideoDecodeError(f"'{self._name}' is closed; open it again to decode it")

    def _frames(self) -> Iterator[DecodedFrame]:
        for pts, duration in self._ticks():
            self._check_open()
            try:
                image: Image = self._video.next().asnumpy()
            except self._errors_of_decord as error:
                raise VideoDecodeError(
                    f"decord gave up on '{self._name}' after {self._decoded} frames; {_USE_PYAV}"
                ) from error
            except StopIteration:
                return
            self._check_picture(image)
            self._decoded += 1
            self._end = (pts + duration) * self._promise.time_base
            yield DecordFrame(image, pts, duration, self._promise)

    def _check_picture(self, image: Image) -> None:
        shape = (self._info.height, self._info.width, 3)
        if image.shape != shape:
            raise VideoDecodeError(
                f"decord gives frames of shape {image.shape} for '{self._name}', which is "
                f"{shape} upright; {_USE_PYAV}"
            )
        if self._decoded == 0 and _difference(self._first, image) > _SAME_PICTURE:
            raise VideoDecodeError(
                f"decord does not give the first picture of '{self._name}' as it is; {_USE_PYAV}"
            )

    def _ticks(self) -> list[tuple[int, int]]:
        """Each frame's pts and duration; decord counts seconds from the stream's first frame."""
        spans = np.asarray(self._video.get_frame_timestamp(range(len(self._video))), np.float64)
        ticks = np.rint(spans / float(self._promise.time_base))
        sane = np.isfinite(ticks).all() and ticks[0, 0] >= 0 and ticks.max() < 2**62
        if not sane or (np.diff(ticks[:, 0]) <= 0).any():
            raise VideoDecodeError(f"decord's times for '{self._name}' do not rise; {_USE_PYAV}")
        starts = ticks[:, 0].astype(np.int64)
        durations = np.maximum(1, ticks[:, 1].astype(np.int64) - starts)
        first = self._promise.first
        return [(first + int(s), int(d)) for s, d in zip(starts, durations, strict=True)]


class DecordFrame(DecodedFrame):
    """A picture that decord has converted already."""

    __slots__ = ("_image",)

    def __init__(self, image: Image, pts: int, duration: int, promise: ExpectedStream) -> None:
        super().__init__(pts, duration, promise.time_base, promise.start)
        self._image = image

    def rgb(self) -> Image:
        return self._image.copy()

    def thumbnail_bgr(self, width: int, height: int) -> Image:
        return _shrunk_bgr(self._image, width, height)


def _shrunk_bgr(image: Image, width: int, height: int) -> Image:
    import cv2

    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(small[:, :, ::-1], dtype=np.uint8)


def _difference(a: Image, b: Image) -> float:
    """Mean difference of two upright pictures of one size, in grey levels."""
    small_a, small_b = (_shrunk_bgr(image, *_LOOK_WH).astype(np.int16) for image in (a, b))
    return float(np.abs(small_a - small_b).mean())
