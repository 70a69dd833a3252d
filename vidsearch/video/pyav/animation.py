"""Animations and Flash films, prepared for FFmpeg; still images are refused."""

from __future__ import annotations

import io
from typing import Final

import av.container

from vidsearch.errors import VideoOpenError
from vidsearch.media.animation import is_animation, with_displayed_delays
from vidsearch.media.flash import uncompressed_flash
from vidsearch.text.printable import printable
from vidsearch.video.pyav.animated_webp import as_mov
from vidsearch.video.source import ByteSource

COUNTED_FORMATS: Final = frozenset({"GIF", "AVIF sequence", "HEIF sequence"})
"""Formats whose number of frames FFmpeg knows when it has opened the file."""

_STRUCTURE_BYTES: Final = 1 << 20
# A larger GIF keeps the delays that it states.
_LARGEST_GIF: Final = 1 << 28
_LARGEST_FLASH: Final = 1 << 28


def readable_animation(
    uri: str, source: ByteSource, image_format: str, max_pixels: int
) -> tuple[ByteSource, str | None]:
    """Return the bytes that FFmpeg reads, and the format from which they were converted.

    Args:
        uri: Name in errors.
        source: Bytes of the file; closed if they were converted.
        image_format: Name of the image format, as in ``media.kinds``.
        max_pixels: Largest frame that is decoded, in pixels.

    Raises:
        VideoOpenError: The file is a still image, or a damaged animation.
    """
    if image_format == "GIF":
        return _with_displayed_delays(uri, source), None
    if not is_animation(source.read_at(0, _STRUCTURE_BYTES)):
        raise VideoOpenError(_still_image(uri, image_format))
    if image_format == "WebP":
        return as_mov(uri, source, max_pixels), "webp"
    return source, None


def uncompressed(uri: str, source: ByteSource) -> ByteSource:
    """Return the bytes of a compressed Flash film, of which FFmpeg would lose the end.

    Args:
        uri: Name in errors.
        source: Bytes of the file; closed.
    """
    content = uncompressed_flash(source.read_at(0, _LARGEST_FLASH), _LARGEST_FLASH)
    source.check()
    source.close()
    return ByteSource(uri, io.BytesIO(content))


def check_frame_count(uri: str, image_format: str, container: av.container.InputContainer) -> None:
    """Close an animation that has one frame only, and raise.

    Args:
        uri: Name in errors.
        image_format: One of ``COUNTED_FORMATS``.
        container: Open file.

    Raises:
        VideoOpenError: The file is a still image.
    """
    if max((stream.frames for stream in container.streams.video), default=0) < 2:
        container.close()
        raise VideoOpenError(_still_image(uri, image_format.removesuffix(" sequence")))


def _with_displayed_delays(uri: str, source: ByteSource) -> ByteSource:
    if source.seek(0, io.SEEK_END) > _LARGEST_GIF:
        return source
    content = source.read_at(0, _LARGEST_GIF)
    changed = with_displayed_delays(content)
    if changed == content:
        return source
    source.close()
    return ByteSource(uri, io.BytesIO(changed))


def _still_image(uri: str, image_format: str) -> str:
    return (
        f"'{printable(uri)}' is an image ({image_format}), not a video; search with it, or leave "
        "it out"
    )
