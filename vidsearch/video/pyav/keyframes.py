"""Sizes of the keyframes of a video."""

from __future__ import annotations

from contextlib import suppress

import av.error

from vidsearch.video.pyav.open import OpenedStream
from vidsearch.video.pyav.timing.demuxers import demuxed


def keyframe_sizes(uri: str) -> set[tuple[int, int]]:
    """Return the stored sizes, (width, height), of the keyframes of a video.

    The size of frames changes at keyframes only.

    Args:
        uri: Path, or a URI known to fsspec.

    Raises:
        VideoError: The video is missing or cannot be opened.
    """
    opened = OpenedStream(uri)
    sizes: set[tuple[int, int]] = set()
    try:
        opened.set_up(1)
        context = opened.stream.codec_context
        context.skip_frame = "NONKEY"
        with suppress(av.error.FFmpegError):
            for packet in demuxed(opened.container, [opened.stream]):
                with suppress(av.error.FFmpegError):
                    sizes |= {(frame.width, frame.height) for frame in context.decode(packet)}
    finally:
        opened.close()
    return sizes
