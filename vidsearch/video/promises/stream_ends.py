"""Stream formats that state no size: whether the file ends inside a packet or page."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from vidsearch.video.promises.promise import FilePromise, ReadAt

_TAIL_BYTES: Final = 1 << 18
TS_SYNC: Final = 0x47
"""First byte of a packet of a transport stream."""

# Bytes of a packet and bytes before its sync byte: plain, with time codes (M2TS), with check bytes.
_TS_PACKETS: Final = ((188, 0), (192, 4), (204, 0))
_PROBED_PACKETS: Final = 8
_PACK, _PS_END = 0xBA, 0xB9


@dataclass(frozen=True, slots=True)
class PacketLayout:
    """Packets of a transport stream.

    Attributes:
        start: Offset of the first packet.
        packet_bytes: Distance of the packets.
        before: Bytes of a packet before its sync byte.
    """

    start: int
    packet_bytes: int
    before: int


def ts_promise(read_at: ReadAt, file_bytes: int) -> FilePromise:
    """Return True in ``cut`` if a transport stream ends inside a packet.

    Source:
        ISO/IEC 13818-1, section 2.4.3.
    """
    layout = ts_packets(read_at)
    if layout is None:
        return _promise(file_bytes)
    rest = (file_bytes - layout.start) % layout.packet_bytes
    last = read_at(file_bytes - rest, rest)
    # Other bytes at the end are padding, or the mark of another program.
    cut = rest > layout.before and last[layout.before] == TS_SYNC
    return _promise(file_bytes, cut=cut)


def ts_packets(read_at: ReadAt) -> PacketLayout | None:
    """Return the layout of a transport stream; None if its first bytes do not show it."""
    head = read_at(0, 204 * (_PROBED_PACKETS + 2))
    for packet_bytes, before in _TS_PACKETS:
        start = _first_packet(head, packet_bytes, before)
        if start is not None:
            return PacketLayout(start, packet_bytes, before)
    return None


def ps_promise(read_at: ReadAt, file_bytes: int) -> FilePromise:
    """Return True in ``cut`` if a program stream ends inside a packet.

    Source:
        ISO/IEC 13818-1, section 2.5.3; ISO/IEC 11172-1, section 2.4.3.
    """
    tail = read_at(max(0, file_bytes - _TAIL_BYTES), _TAIL_BYTES)
    offset = tail.rfind(b"\0\0\1\xba")
    while 0 <= offset < len(tail):
        head = tail[offset : offset + 14]
        if head[:3] != b"\0\0\1"[: len(head)]:
            break  # padding
        if head[3:4] == bytes([_PS_END]):
            break
        if len(head) < 6:
            return _promise(file_bytes, cut=True)
        if head[3] != _PACK:
            offset += 6 + struct.unpack(">H", head[4:6])[0]
        elif head[4] >> 6 == 1:
            offset += 14 + (head[13] & 7 if len(head) == 14 else 0)
        else:
            offset += 12
    return _promise(file_bytes, cut=offset > len(tail))


def ogg_promise(read_at: ReadAt, file_bytes: int) -> FilePromise:
    """Return True in ``cut`` if an Ogg file ends inside a page.

    Source:
        RFC 3533, section 6.
    """
    tail = read_at(max(0, file_bytes - _TAIL_BYTES), _TAIL_BYTES)
    page = tail.rfind(b"OggS\0")
    if page < 0:
        return _promise(file_bytes)
    head = tail[page : page + 27]
    segments = tail[page + 27 : page + 27 + head[26]] if len(head) == 27 else b""
    complete = len(head) == 27 and len(segments) == head[26]
    end = page + 27 + len(segments) + sum(segments)
    return _promise(file_bytes, cut=not complete or end > len(tail))


def _promise(file_bytes: int, *, cut: bool = False) -> FilePromise:
    return FilePromise(file_bytes=file_bytes, cut=cut, measured=True)


def _first_packet(head: bytes, packet_bytes: int, before: int) -> int | None:
    """Return the offset of the first of several packets of this size; None without them."""
    for start in range(packet_bytes):
        syncs = head[start + before :: packet_bytes][:_PROBED_PACKETS]
        if len(syncs) == _PROBED_PACKETS and set(syncs) == {TS_SYNC}:
            return start
    return None
