"""The promise of a file by its container."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Final

from vidsearch.video.promises.frames import ivf_promise, nut_promise, y4m_promise
from vidsearch.video.promises.headers import (
    asf_promise,
    avi_promise,
    flv_promise,
    matroska_promise,
)
from vidsearch.video.promises.mp4 import mp4_promise
from vidsearch.video.promises.promise import FilePromise, ReadAt
from vidsearch.video.promises.stream_ends import ogg_promise, ps_promise, ts_promise
from vidsearch.video.source import ByteSource

_PROMISES: Final[Mapping[str, Callable[[ReadAt, int], FilePromise]]] = {
    "mov": mp4_promise,
    "avi": avi_promise,
    "asf": asf_promise,
    "asf_o": asf_promise,
    "flv": flv_promise,
    "mpegts": ts_promise,
    "mpeg": ps_promise,
    "ogg": ogg_promise,
}
_BY_FRAMES: Final[Mapping[str, Callable[[ReadAt, int, int | None], FilePromise]]] = {
    "ivf": ivf_promise,
    "matroska": matroska_promise,
    "nut": nut_promise,
    "yuv4mpegpipe": y4m_promise,
}


def file_promise(container: str, source: ByteSource, last: int | None = None) -> FilePromise:
    """Return the promise of a file's structure; the position in the file stays.

    Args:
        container: FFmpeg's list of names, separated by commas.
        source: Bytes of the file.
        last: Offset of the last packet of the film that was read; None if it is not known.
    """
    position = source.tell()
    try:
        file_bytes = source.seek(0, io.SEEK_END)
        name = container.partition(",")[0]
        if name in _BY_FRAMES:
            return _BY_FRAMES[name](source.read_at, max(file_bytes, 0), last)
        promise_of = _PROMISES.get(name)
        if promise_of is None or file_bytes < 0:
            return FilePromise(file_bytes=max(file_bytes, 0))
        return promise_of(source.read_at, file_bytes)
    finally:
        source.seek(position)
