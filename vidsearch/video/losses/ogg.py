"""Losses in Ogg files: missing numbers of pages.

Source:
    RFC 3533, section 6.
"""

from __future__ import annotations

import struct
from typing import Final

from vidsearch.video.losses.watch import ByteWatch

_HEAD: Final = struct.Struct("<4sBBqIIIB")
_BEGINS: Final = 2


class OggWatch(ByteWatch):
    """Compares the numbers of the pages of every stream."""

    def _reset(self) -> None:
        self._numbers: dict[int, int] = {}
        self._page = 0

    def _look(self, begin: int, content: bytes) -> int:
        offset: int = 0
        while True:
            found = content.find(b"OggS\0", offset)
            if found < 0:
                return max(offset, len(content) - 4)
            if len(content) < found + _HEAD.size:
                return found
            _, _, flags, _, serial, number, _, segments = _HEAD.unpack_from(content, found)
            sizes = content[found + _HEAD.size : found + _HEAD.size + segments]
            if len(sizes) < segments:
                return found
            expected = self._numbers.get(serial, number) + 1
            if not flags & _BEGINS and serial in self._numbers and number != expected:
                self.log.add(self._page)  # the end of this page may be missing
            self._numbers[serial], self._page = number, begin + found
            offset = found + _HEAD.size + int(segments)
            if offset + sum(sizes) > len(content):
                return offset
            offset += sum(sizes)
