"""Losses in program streams: bytes between packs that belong to no packet.

Source:
    ISO/IEC 13818-1, section 2.5.3; ISO/IEC 11172-1, section 2.4.3.
"""

from __future__ import annotations

from typing import Final

from vidsearch.video.losses.watch import ByteWatch

_START: Final = b"\0\0\1"
_PACK, _END, _FIRST = 0xBA, 0xB9, 0xB9
# Zeros after a packet that fill up the block of a disc.
_STUFFING: Final = 2048


class ProgramWatch(ByteWatch):
    """Follows the packets by their lengths."""

    def _reset(self) -> None:
        self._next: int | None = None
        self._searched_from = 0

    def _look(self, begin: int, content: bytes) -> int:
        while True:
            if self._next is None:
                offset = content.find(b"\0\0\1\xba", max(self._searched_from - begin, 0))
                if offset < 0:
                    self._searched_from = begin + max(len(content) - 3, 0)
                    return len(content) - min(len(content), _STUFFING)
                self._next = begin + offset
            offset = self._next - begin
            if offset >= len(content):
                return len(content)
            head = content[offset : offset + 14]
            if len(head) < 14:
                return offset
            if head[:3] != _START or head[3] < _FIRST:
                found = content.find(b"\0\0\1\xba", offset)
                if found < 0 and len(content) - offset <= _STUFFING:
                    return offset
                if found < 0 or found - offset > _STUFFING or any(content[offset:found]):
                    self.log.add(self._next)
                self._next, self._searched_from = None, begin + offset + 1
                continue
            self._next += _length(head)


def _length(head: bytes) -> int:
    """Return the bytes of the packet that begins with these bytes."""
    code = head[3]
    if code == _END:
        return 4
    if code != _PACK:
        return 6 + int.from_bytes(head[4:6], "big")
    return 14 + (head[13] & 7) if head[4] >> 6 == 1 else 12
