"""Reading of photos whose end is missing or damaged: the pixels that are whole are used."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, Final

import numpy as np
from PIL import Image as Pillow
from PIL import ImageFile

from vidsearch.photo.png_repair import PNG, repaired_png

JPEG_END: Final = b"\xff\xd9"
_NOISE: Final = bytes((73 * number + 31 * (number >> 3)) % 251 for number in range(8192))
_LESS_DETAIL = 0.99
"""Largest share of a progressive image that lacks a part of its details."""
_HEADER = 12
_RIFF_HEADER = 8
_MOST_BOXES = 100
_COLUMNS, _ROWS = 64, 2048
_ZEROS = 512
_FEW_ZEROS = 0.05
_BMP_HEADER = 34
_WEBP_PARTS: Final = frozenset(
    (b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP", b"EXIF", b"XMP ")
)
_JPEG_2000: Final = (b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51")


@contextmanager
def damage_tolerated() -> Iterator[None]:
    """Let Pillow fill missing pixels with one colour instead of raising an error.

    The setting belongs to the whole process, so the caller holds a lock.
    """
    before = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before


@dataclass(frozen=True, slots=True)
class Mended:
    """Content of a damaged file, changed so that a decoder reads its whole pixels.

    Attributes:
        content: The content.
        share: Share of the picture that is there, in [0, 1]; None: measure it in the decoded image.
        trusted: False if pixels may be wrong.
        faults: False if nothing is wrong with the file: a library has a limit that it exceeds.
    """

    content: bytes
    share: float | None = None
    trusted: bool = True
    faults: bool = True


def mended(content: bytes, most_pixels: int) -> Mended:
    """Return the content of a damaged file with right sizes and checksums.

    WebP, AVIF and HEIC files state their length, and their decoders refuse a shorter file although
    they decode most of its pixels: zero bytes replace the missing end. The size in the header of a
    WebP file is set to that of its parts. Content of other kinds, and content of which less than
    half is there, is returned unchanged.

    Args:
        content: The file, perhaps with zero bytes in place of its end.
        most_pixels: A larger PNG image is not repaired.
    """
    if content.startswith(PNG):
        png = repaired_png(content, most_pixels)
        if png is None:
            return Mended(content)
        return Mended(png.content, png.share, png.trusted, png.faults)
    if content.startswith(_JPEG_2000) and not content.endswith(JPEG_END):
        return Mended(content + JPEG_END)
    if content.startswith(b"BM"):
        return _padded_bmp(content)
    stated, padding = 0, 0
    if content.startswith(b"RIFF"):
        stated, padding = _webp_bytes(content)
        content = content[:4] + struct.pack("<I", max(stated - _RIFF_HEADER, 0)) + content[8:]
    elif content[4:8] == b"ftyp":
        stated = _boxes_bytes(content)
    if not stated or stated > 2 * len(content):
        return Mended(content)
    share = min(len(content) / (stated - padding), 1.0)
    return Mended(
        content[:stated].ljust(stated, b"\0") if stated > len(content) else content, share
    )


def ends_in_zeros(file: BinaryIO) -> bool:
    """Return True if a file has zero bytes at its end, as broken copies have them.

    Args:
        file: The file, at any position.
    """
    size = file.seek(0, 2)
    file.seek(max(size - _ZEROS, 0))
    return size >= 2 * _ZEROS and not any(file.read())


def share_before_zeros(content: bytes) -> float:
    """Return the share of a WebP, AVIF or HEIC file before the zero bytes at its end, in [0, 1].

    Decoders take the zero bytes for a picture. A few of them, such as padding of metadata, do not
    count.

    Args:
        content: The file.
    """
    if content.startswith(b"RIFF"):
        stated = _webp_bytes(content)[0]
    else:
        stated = _boxes_bytes(content) if content[4:8] == b"ftyp" else 0
    if not stated:
        return 1.0
    there = len(content[:stated].rstrip(b"\0"))
    return there / stated if stated - there > max(_ZEROS, stated * _FEW_ZEROS) else 1.0


def share_of_jpeg(
    content: bytes, image: Pillow.Image, decode: Callable[[bytes], Pillow.Image]
) -> float:
    """Return the share of rows of a JPEG image that do not depend on missing data.

    Noise in place of the missing end changes the first row that needs it. If rows of a progressive
    image lack detail only, the share is below 1.

    Args:
        content: The file, as far as it is there.
        image: The file as it is decoded without noise, of any shape.
        decode: Decodes a file, tolerating damage, as ``image`` was decoded.
    """
    there = content.rstrip(b"\0\xff")
    first, second = (
        np.asarray(decode(there + end + JPEG_END).convert("RGB")) for end in (b"", _NOISE)
    )
    if first.shape != second.shape:
        return share_of_rows(image)
    changed = (first != second).any(axis=(1, 2))
    if not changed.any():
        return 1.0
    if "progressive" in image.info:
        return min(share_of_rows(image), len(there) / len(content), _LESS_DETAIL)
    return int(np.argmax(changed)) / len(changed)


def _webp_bytes(content: bytes) -> tuple[int, int]:
    """Return the size of a WebP file by the sizes of its parts, and the padding at its end."""
    end, padding = _HEADER, 0
    while content[end : end + 4] in _WEBP_PARTS and end + 8 <= len(content):
        size = int.from_bytes(content[end + 4 : end + 8], "little")
        padding = size % 2
        end += 8 + size + padding
    return (end, padding) if end > _HEADER else (0, 0)


def _boxes_bytes(content: bytes) -> int:
    """Return the size of a HEIC or AVIF file by the sizes of its boxes; 0 if it is unknown."""
    offset = end = 0
    for _ in range(_MOST_BOXES):
        name = content[offset + 4 : offset + 8]
        size = int.from_bytes(content[offset : offset + 4], "big")
        if size == 1:
            size = int.from_bytes(content[offset + 8 : offset + 16], "big")
        if size < 8:  # 0: to the end of the file
            break
        offset += size
        end = end if name in (b"free", b"skip") else offset
        if offset >= len(content):
            return end
    return 0


def _padded_bmp(content: bytes) -> Mended:
    """Return a BMP file without compression with zero bytes in place of its missing end."""
    if len(content) < _BMP_HEADER:
        return Mended(content)
    offset, _, width, height, _, bits, compression = struct.unpack("<IIiiHHI", content[10:34])
    stride = (width * bits + 31) // 32 * 4
    end = offset + stride * abs(height)
    if compression not in (0, 3) or stride <= 0 or not len(content) < end <= 2 * len(content):
        return Mended(content)
    padding = stride - (width * bits + 7) // 8
    share = min((len(content) - offset) / (end - offset - padding), 1.0)
    return Mended(content.ljust(end, b"\0"), share)


def share_of_rows(image: Pillow.Image) -> float:
    """Return the share of rows that hold a picture, not the colour of missing pixels.

    Missing pixels have one colour, at the bottom of the image, in BMP files at its top.

    Args:
        image: Decoded image of any shape, before any rotation.
    """
    width, height = min(image.width, _COLUMNS), min(image.height, _ROWS)
    sample = np.asarray(image.resize((width, height), Pillow.Resampling.NEAREST).convert("RGB"))
    if image.format != "BMP":
        sample = sample[::-1]
    missing = (sample == sample[0, 0]).all(axis=(1, 2))
    return 0.0 if missing.all() else 1 - int(np.argmin(missing)) / len(sample)
