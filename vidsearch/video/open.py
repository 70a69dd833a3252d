"""Opening a video with one of the backends."""

from __future__ import annotations

from vidsearch.errors import ConfigError
from vidsearch.read_options import DEFAULT_READ, ReadOptions
from vidsearch.video.types import BACKENDS, Backend, VideoReader


def open_video(
    uri: str,
    backend: Backend = "pyav",
    *,
    threads: int = 1,
    options: ReadOptions = DEFAULT_READ,
) -> VideoReader:
    """Open a video and decode its first frame.

    Args:
        uri: Path, or a URI known to fsspec (``s3://bucket/clip.mp4``), read in ranges. A path is
            never taken for a protocol or a playlist.
        backend: ``pyav`` reads every format; for ``decord`` see ``vidsearch.video.decord``.
        threads: Decoder threads. Many videos are decoded fastest by one process per core with one
            thread each; more threads only reduce the latency of a single video.
        options: Stream, turn and seeking; ``decord`` supports the default options only.

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

        return PyAVReader(uri, threads=threads, options=options)
    if backend == "decord":
        if options != DEFAULT_READ:
            raise ConfigError(
                f"decord reads upright default streams only; got {options}; use the pyav decoder"
            )
        from vidsearch.video.decord import DecordReader

        return DecordReader(uri, threads=threads)
    raise ConfigError(f"backend must be one of {', '.join(BACKENDS)}; got {backend!r}")
