"""Animated WebP as a stream that FFmpeg reads: this FFmpeg has no demuxer for the animation.

Pillow decodes the frames. They are stored without loss in a temporary MOV file, which keeps the
duration of each frame. Seek, still and clip work as in any other video.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from fractions import Fraction
from typing import IO, Final, cast

import av
import numpy as np
from PIL import Image as Pillow
from PIL import ImageSequence, WebPImagePlugin

from vidsearch.errors import VideoOpenError
from vidsearch.text.printable import one_line, printable
from vidsearch.video.source import ByteSource

_MILLISECONDS: Final = Fraction(1, 1000)
# Browsers show a frame of at most 10 ms for 100 ms.
_SHORTEST_MS, _REPLACEMENT_MS = 10, 100
_BACKGROUND: Final = (255, 255, 255)
_FAST: Final = {"compression_level": "1"}
_IN_MEMORY_BYTES: Final = 64 << 20


def as_mov(uri: str, source: ByteSource, max_pixels: int) -> ByteSource:
    """Return an animated WebP as a MOV file; close ``source``.

    Args:
        uri: Name in errors.
        source: Bytes of the WebP file.
        max_pixels: Largest frame that is decoded, in pixels.

    Raises:
        VideoOpenError: A frame cannot be decoded, or is too large.
    """
    # The returned source closes the file.
    spooled = tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES)  # noqa: SIM115
    file = cast("IO[bytes]", spooled)
    source.seek(0)
    try:
        with WebPImagePlugin.WebPImageFile(cast("IO[bytes]", source)) as animation:
            _check_size(uri, animation.size, max_pixels)
            _write(file, animation)
    except VideoOpenError:
        file.close()
        raise
    except Exception as error:
        # Pillow raises almost any exception on damaged bytes.
        file.close()
        source.check()
        raise VideoOpenError(
            f"'{printable(uri)}' is an animated WebP that cannot be decoded ({one_line(error)}); "
            "the file is damaged: replace it"
        ) from error
    finally:
        source.close()
    file.seek(0)
    return ByteSource(uri, file)


def _check_size(uri: str, size_wh: tuple[int, int], max_pixels: int) -> None:
    width, height = size_wh
    if width * height > max_pixels:
        raise VideoOpenError(
            f"'{printable(uri)}' has frames of {width} x {height}, more than the {max_pixels} "
            "pixels that are decoded; scale it down first"
        )


def _write(file: IO[bytes], animation: Pillow.Image) -> None:
    with av.open(file, "w", format="mov") as output:
        stream = output.add_stream("png", rate=1000, options=_FAST)
        stream.width, stream.height = animation.size
        stream.pix_fmt = "rgb24"
        stream.time_base = stream.codec_context.time_base = _MILLISECONDS
        for start_ms, duration_ms, image in _frames(animation):
            frame = av.VideoFrame.from_ndarray(np.asarray(image), "rgb24")
            frame.pts, frame.time_base = start_ms, _MILLISECONDS
            for packet in stream.encode(frame):  # one packet: each frame is coded alone
                packet.duration = duration_ms
                output.mux(packet)


def _frames(animation: Pillow.Image) -> Iterator[tuple[int, int, Pillow.Image]]:
    """Yield start and duration in milliseconds and the picture of every frame."""
    start_ms = 0
    for frame in ImageSequence.Iterator(animation):
        rgba = frame.convert("RGBA")
        duration_ms = int(frame.info.get("duration", 0))
        duration_ms = duration_ms if duration_ms > _SHORTEST_MS else _REPLACEMENT_MS
        picture = Pillow.new("RGB", rgba.size, _BACKGROUND)
        picture.paste(rgba, mask=rgba.getchannel("A"))
        yield start_ms, duration_ms, picture
        start_ms += duration_ms
