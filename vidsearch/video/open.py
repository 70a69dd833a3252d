"""Opening a video with one of the backends."""

from __future__ import annotations

from vidsearch.errors import ConfigError
from vidsearch.video.types import BACKENDS, Backend, VideoReader


def open_video(uri: str, backend: Backend = "pyav", *, threads: int = 1) -> VideoReader:
    """Open a video and decode its first frame.

    Args:
        uri: Path, or a URI known to fsspec (``s3://bucket/clip.mp4``), read in ranges. A path is
            never taken for a protocol or a playlist.
        backend: ``pyav`` reads every format; for ``decord`` see ``vidsearch.video.decord``.
        threads: Decoder threads. Many videos are decoded fastest by one process per core with one
            thread each; more threads only reduce the latency of a single video.

    Raises:
        VideoOpenError: The file is missing, unreadable, an image, a playlist, or in an unknown
            format.
        NoVideoStreamError: The file holds audio only.
        VideoDecodeError: No frame could be decoded.
        ConfigError: Unknown backend, or less than one thread.
    """
    if threads < 1:
        raise ConfigError(f"threads must be at least 1; got {threads}")
    if backend == "pyav":
        from vidsearch.video.pyav.reader import PyAVReader

        return PyAVReader(uri, threads=threads)
    if backend == "decord":
        from vidsearch.video.decord import DecordReader

        return DecordReader(uri, threads=threads)
    raise ConfigError(f"backend must be one of {', '.join(BACKENDS)}; got {backend!r}")
