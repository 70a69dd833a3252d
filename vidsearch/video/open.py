"""Open a video with one of the backends."""

from __future__ import annotations

from vidsearch.errors import ConfigError
from vidsearch.video.types import BACKENDS, Backend, VideoReader


def open_video(uri: str, backend: Backend = "pyav", *, threads: int = 1) -> VideoReader:
    """Open a video and decode its first frame.

    Args:
        uri: A path, or a URI that fsspec knows (``s3://bucket/clip.mp4``), read in ranges. A
            path may look like anything at all: it is never taken for a protocol or a playlist.
        backend: ``pyav`` reads everything; for ``decord`` see ``vidsearch.video.decord``.
        threads: Decoder threads. One process a core with one thread each is the fastest way
            through many videos; more threads only shorten the wait for a single one.

    Raises:
        VideoOpenError: Missing, unreadable, a picture, a playlist, or no known container.
        NoVideoStreamError: Sound only.
        VideoDecodeError: Not one frame could be decoded.
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
