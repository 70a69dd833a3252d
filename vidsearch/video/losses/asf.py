"""Losses in ASF and WMV files: packets that are not at their places.

Source:
    Advanced Systems Format Specification, revision 01.20.05, sections 3.2, 5.1 and 5.2.
"""

from __future__ import annotations

import struct
from typing import Final

from vidsearch.video.losses.watch import ByteWatch
from vidsearch.video.promises.promise import ReadAt

_FILE_PROPERTIES: Final = bytes.fromhex("A1DCAB8C47A9CF118EE400C00C205365")
_DATA: Final = bytes.fromhex("3626B2758E66CF11A6D900AA0062CE6C")
_HEAD_BYTES: Final = 1 << 16


class AsfWatch(ByteWatch):
    """Looks for the first bytes of every packet; packets have one size.

    Args:
        first: Offset of the first packet.
        packet_bytes: Size of the packets.
        mark: Bytes with which every packet begins.
    """

    def __init__(self, first: int, packet_bytes: int, mark: bytes) -> None:
        super().__init__()
        self._first = first
        self._size = packet_bytes
        self._mark = mark
        self._reset()

    def _reset(self) -> None:
        self._lost = False

    def _look(self, begin: int, content: bytes) -> int:
        number = max(0, -(-(begin - self._first) // self._size))
        offset = self._first + number * self._size - begin
        while offset + len(self._mark) <= len(content):
            lost = not content.startswith(self._mark, offset)
            if lost and not self._lost:
                self.log.add(begin + offset)
            self._lost = lost
            offset += self._size
        return min(offset, len(content))


def asf_watch(read_at: ReadAt) -> AsfWatch | None:
    """Return a watch of a file; None if its header does not state the size of the packets."""
    head = read_at(0, _HEAD_BYTES)
    properties, data = head.find(_FILE_PROPERTIES), head.find(_DATA)
    if properties < 0 or data < 0 or len(head) < properties + 100:
        return None
    least, most = struct.unpack_from("<II", head, properties + 92)
    first = data + 50
    mark = read_at(first, 3)
    # The first byte of error correction data; the format has no other fixed bytes.
    if least != most or not least or mark[:1] != b"\x82":
        return None
    return AsfWatch(first, least, mark[:1])
