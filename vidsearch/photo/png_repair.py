"""PNG files with wrong checksums or a missing end, made readable again."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from PIL import PngImagePlugin

PNG: Final = b"\x89PNG\r\n\x1a\n"
_SAMPLES: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # colour type -> samples of a pixel
_PASSES: Final = (  # of interlaced images: first column and row, steps of columns and rows
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
_LEFT_OUT: Final = frozenset((b"IHDR", b"acTL", b"fcTL", b"tEXt", b"zTXt", b"iTXt"))
_AT_ONCE: Final = 4096


@dataclass(frozen=True, slots=True)
class RepairedPng:
    """PNG file with right checksums.

    Attributes:
        content: The file; missing pixels are zero, and texts, animation frames and other parts
            with a wrong checksum are left out.
        share: Share of the pixels that were there, in [0, 1].
        trusted: False if the pixels contradict their checksum or their compression.
        faults: True if a checksum is wrong or an end is missing.
    """

    content: bytes
    share: float
    trusted: bool
    faults: bool


def repaired_png(content: bytes, most_pixels: int) -> RepairedPng | None:
    """Return a damaged PNG file with its readable pixels.

    Args:
        content: The file.
        most_pixels: A larger image is not repaired.

    Returns:
        None if the header is damaged, or if less than a row is there.
    """
    header, valid_header = b"", False
    pixels = bytearray()
    others: list[tuple[bytes, bytes]] = []
    faults = content.find(b"IEND") < 0
    for name, data, valid in _chunks(content):
        faults = faults or not valid
        if name == b"IHDR" and not header:
            header, valid_header = data, valid
        elif name == b"IDAT":
            pixels += data
        elif name == b"iCCP" and not _is_small(data):
            continue
        elif (valid and not pixels and name not in _LEFT_OUT) or name == b"PLTE":
            others.append((name, data))
    expected = _expected_bytes(header, most_pixels)
    if not expected:
        return None
    rows, trusted = _inflated(bytes(pixels), expected)
    height = int.from_bytes(header[4:8], "big")
    if len(rows) * height < expected or (len(rows) > expected and not valid_header):
        return None
    rows = rows[:expected]
    data = zlib.compress(rows + bytes(expected - len(rows)), 1)
    chunks = [(b"IHDR", header), *others, (b"IDAT", data), (b"IEND", b"")]
    file = PNG + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )
    return RepairedPng(file, len(rows) / expected, trusted, faults or not trusted)


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes, bool]]:
    """Yield name, data and validity of each chunk, up to the first that is none."""
    offset = len(PNG)
    while offset + 8 <= len(content):
        length = int.from_bytes(content[offset : offset + 4], "big")
        name, data = content[offset + 4 : offset + 8], content[offset + 8 : offset + 8 + length]
        if not name.isalpha() or name == b"IEND":
            return
        offset += 12 + length
        yield name, data, content[offset - 4 : offset] == struct.pack(">I", zlib.crc32(name + data))


def _is_small(profile: bytes) -> bool:
    """Return True if a colour profile is not larger than Pillow takes."""
    inflater = zlib.decompressobj()
    try:
        inflater.decompress(profile.partition(b"\0")[2][1:], PngImagePlugin.MAX_TEXT_CHUNK)
    except zlib.error:
        return False
    return inflater.eof


def _expected_bytes(header: bytes, most_pixels: int) -> int:
    """Return the size of the filtered rows of an image; 0 if the header is damaged."""
    if len(header) != 13:
        return 0
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    if colour not in _SAMPLES or depth not in (1, 2, 4, 8, 16) or interlaced > 1:
        return 0
    if not 0 < width * height <= most_pixels:
        return 0
    bits = depth * _SAMPLES[colour]
    total = 0
    for left, top, columns, rows in _PASSES if interlaced else ((0, 0, 1, 1),):
        across, down = math.ceil((width - left) / columns), math.ceil((height - top) / rows)
        if across > 0 and down > 0:
            total += down * (1 + math.ceil(across * bits / 8))
    return total


def _inflated(data: bytes, most: int) -> tuple[bytes, bool]:
    """Return the rows up to the first error, and False if they are perhaps wrong."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)  # without header and checksum
    rows = bytearray()
    rest = data[2:]
    try:
        while rest and not inflater.eof and len(rows) <= most:
            rows += inflater.decompress(rest, _AT_ONCE)
            rest = inflater.unconsumed_tail
    except zlib.error:
        return bytes(rows), False
    checksum = struct.pack(">I", zlib.adler32(rows))
    stated = inflater.unused_data[: len(checksum)]
    complete = inflater.eof and len(stated) == len(checksum)
    return bytes(rows), stated == checksum if complete else len(rows) <= most
