"""Protection of Flash videos: the filter flag of their tags."""

from __future__ import annotations

from typing import Final

from vidsearch.media.encryption.base import ReadAt

HEADER: Final = b"FLV\1"
_TAGS: Final = 200
_VIDEO, _TYPE_BITS, _FILTERED = 9, 0x1F, 0x20


def encryption(read_at: ReadAt) -> str | None:
    """Return the name of the protection if the first video tags are encrypted, else None."""
    offset = int.from_bytes(read_at(5, 4), "big") + 4
    for _ in range(_TAGS):
        header = read_at(offset, 11)
        if len(header) < 11:
            return None
        if header[0] & _TYPE_BITS == _VIDEO and header[0] & _FILTERED:
            return "Adobe Access"
        offset += 11 + int.from_bytes(header[1:4], "big") + 4
    return None
