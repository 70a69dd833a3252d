"""Compressed Flash films (SWF).

Source:
    SWF File Format Specification, version 19, chapter 2.
"""

from __future__ import annotations

import lzma
import struct
import zlib
from typing import Final

COMPRESSED_FLASH: Final = (b"CWS", b"ZWS")
"""First bytes of Flash films that are compressed with zlib or LZMA."""

_HEADER_BYTES: Final = 8


def uncompressed_flash(content: bytes, most_bytes: int) -> bytes:
    """Return a Flash film without its compression, as far as it can be read.

    Args:
        content: The compressed film.
        most_bytes: Largest size of the result.

    Example:
        >>> film = b"FWS" + bytes([6]) + (9).to_bytes(4, "little") + b"!"
        >>> uncompressed_flash(b"CWS" + film[3:8] + zlib.compress(film[8:]), 99) == film
        True
    """
    header = content[:_HEADER_BYTES]
    stated = int(struct.unpack("<I", header[4:])[0]) if len(header) == _HEADER_BYTES else 0
    size = min(stated, most_bytes)
    body = b""
    try:
        if header.startswith(b"CWS"):
            body = zlib.decompressobj().decompress(content[_HEADER_BYTES:], size)
        else:
            # A file of the old LZMA format states a length of its own, here an unknown one.
            properties, data = content[12:17], content[17:]
            decompressor = lzma.LZMADecompressor(lzma.FORMAT_ALONE)
            body = decompressor.decompress(properties + b"\xff" * 8 + data, size)
    except (zlib.error, lzma.LZMAError):
        pass  # FFmpeg then names the file as damaged
    return b"FWS" + header[3:] + body
