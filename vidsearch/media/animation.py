"""Animations among image files: GIF, APNG, WebP, AVIF and HEIF with more than one frame.

An animation and a still image of these formats have the same ending and the same signature. They
differ in the blocks that follow.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

ANIMATION_ENDINGS: Final = frozenset(
    {
        ".apng",
        ".avif",
        ".avifs",
        ".gif",
        ".heic",
        ".heics",
        ".heif",
        ".heifs",
        ".png",
        ".webp",
    }
)
"""Endings of files that hold an animation or a still image, in lower case."""

ANIMATION_BYTES: Final = 1 << 16
"""Bytes to read for ``is_animation``."""

_PNG = b"\x89PNG\r\n\x1a\n"
_SEQUENCE_BRANDS: Final = frozenset({b"avis", b"msf1", b"hevc", b"hevx"})
_GIF_LOOPS: Final = frozenset({b"NETSCAPE2.0", b"ANIMEXTS1.0"})
_GIF_IMAGE, _GIF_CONTROL, _GIF_APPLICATION, _GIF_END = b"\x2c", b"\x21\xf9", b"\x21\xff", b"\x3b"
_SMALLEST_WEBP_FRAME = 24  # chunk header and frame header


def is_animation(head: bytes) -> bool:
    """Return True if the file is an image file with more than one frame.

    Args:
        head: First ``ANIMATION_BYTES`` of the file. All bytes of the file give the exact result. If
            the first frame of a GIF is larger than ``head``, a stated loop counts as an animation.

    Example:
        >>> is_animation(b"GIF89a" + bytes(7) + b";")
        False
    """
    if head.startswith((b"GIF87a", b"GIF89a")):
        return _is_moving_gif(head)
    if head.startswith(_PNG):
        return _is_moving_png(head)
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return _is_moving_webp(head)
    return head[4:8] == b"ftyp" and head[8:12] in _SEQUENCE_BRANDS


def with_displayed_delays(gif: bytes) -> bytes:
    """Return a GIF in which every frame has the delay that browsers use.

    Browsers show a frame with a stated delay of 0 or 1 hundredths of a second for 10 hundredths.

    Args:
        gif: All bytes of the file.
    """
    changed = bytearray(gif)
    for block, offset in _gif_blocks(gif):
        delay = slice(offset + 4, offset + 6)
        if block == _GIF_CONTROL and int.from_bytes(gif[delay], "little") < 2:
            changed[delay] = b"\x0a\0"
    return bytes(changed)


def _is_moving_gif(head: bytes) -> bool:
    images, loops, ended = 0, False, False
    for block, offset in _gif_blocks(head):
        images += block == _GIF_IMAGE
        loops |= block == _GIF_APPLICATION and head[offset + 3 : offset + 14] in _GIF_LOOPS
        ended |= block == _GIF_END
    return images > 1 or (images == 1 and loops and not ended)


def _gif_blocks(content: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield type and offset of every block of a GIF, as far as ``content`` holds them."""
    offset = 13 + _gif_palette_bytes(content[10:11])
    while offset < len(content):
        block = content[offset : offset + (2 if content[offset] == 0x21 else 1)]
        yield block, offset
        if block == _GIF_IMAGE:
            offset += 10 + _gif_palette_bytes(content[offset + 9 : offset + 10]) + 1
        elif block[0] == 0x21:
            offset += 2
        else:  # end or damage
            return
        while offset < len(content) and content[offset]:
            offset += 1 + content[offset]
        offset += 1


def _gif_palette_bytes(flags: bytes) -> int:
    return 3 << (flags[0] & 7) + 1 if flags and flags[0] & 0x80 else 0


def _is_moving_png(head: bytes) -> bool:
    offset = len(_PNG)
    while offset + 12 <= len(head):
        length, kind = (
            int.from_bytes(head[offset : offset + 4], "big"),
            head[offset + 4 : offset + 8],
        )
        if kind == b"acTL":
            return int.from_bytes(head[offset + 8 : offset + 12], "big") > 1
        if kind == b"IDAT":
            return False
        offset += 12 + length
    return False


def _is_moving_webp(head: bytes) -> bool:
    end = 8 + int.from_bytes(head[4:8], "little")
    frames = 0
    for offset, kind in _riff_chunks(head, end):
        if kind == b"ANMF":
            frames += 1
        elif not kind and frames:  # behind the bytes that were read
            return frames > 1 or end - offset >= _SMALLEST_WEBP_FRAME
        if frames > 1:
            return True
    return False


def _riff_chunks(head: bytes, end: int) -> Iterator[tuple[int, bytes]]:
    """Yield offset and name of every chunk; an empty name for the first one beyond ``head``."""
    offset = 12
    while offset + 8 <= len(head):
        length = int.from_bytes(head[offset + 4 : offset + 8], "little")
        yield offset, head[offset : offset + 4]
        offset += 8 + length + (length & 1)
    if offset < end:
        yield offset, b""
