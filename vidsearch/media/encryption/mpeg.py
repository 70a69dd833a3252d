"""Protection of MPEG transport and program streams: scrambling bits of their packets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from vidsearch.media.encryption.base import ReadAt

PACK_HEADER: Final = b"\0\0\1\xba"
# Bytes at the start of a stream that are examined.
_WINDOW_BYTES: Final = 1 << 20
# Aligned unit of a Blu-ray stream; its first 16 bytes are not encrypted.
_AACS_UNIT: Final = 6144
_PACKET_BYTES: Final = (188, 192, 204)
# Sync bytes at the start of consecutive packets that tell a transport stream.
_SYNCS: Final = 8
_SYNC: Final = 0x47
_NULL_PID: Final = 0x1FFF
_FIRST_FREE_PID: Final = 0x20
# Stream types of encrypted H.264, AAC, AC-3 and E-AC-3 in HTTP Live Streaming.
_SAMPLE_AES_VIDEO: Final = 0xDB
# Discs scramble a part of their sectors only.
_SCRAMBLED_SECTORS: Final = 0.1


def is_transport_stream(head: bytes) -> bool:
    """Return True if the first bytes hold consecutive packets of a transport stream."""
    return _layout(head) is not None


def blu_ray_encryption(read_at: ReadAt) -> str | None:
    """Return the name of the protection if the first unit of a Blu-ray stream is encrypted."""
    head = read_at(0, _AACS_UNIT + 5)
    if head[4:5] != b"\x47" or head[_AACS_UNIT + 4 :] != b"\x47" or not head[0] & 0xC0:
        return None
    in_clear = sum(head[offset] == _SYNC for offset in range(4, _AACS_UNIT, 192))
    return "AACS, as on Blu-ray discs" if in_clear < _AACS_UNIT // 192 // 2 else None


def program_stream_encryption(read_at: ReadAt) -> str | None:
    """Return the name of the protection if video packets are scrambled, else None."""
    window = read_at(0, _WINDOW_BYTES)
    scrambled = total = 0
    offset = window.find(b"\0\0\1")
    while 0 <= offset < len(window) - 6:
        if window[offset + 3] & 0xF0 == 0xE0 and window[offset + 6] & 0xC0 == 0x80:
            total += 1
            scrambled += bool(window[offset + 6] & 0x30)
        offset = window.find(b"\0\0\1", offset + 3)
    return "CSS, as on video DVDs" if scrambled > _SCRAMBLED_SECTORS * total else None


def transport_stream_encryption(read_at: ReadAt) -> str | None:
    """Return the name of the protection if most packets are scrambled, else None."""
    window = read_at(0, _WINDOW_BYTES)
    scrambled = total = 0
    tables: set[int] = set()
    for packet in _packets(window):
        pid = int.from_bytes(packet[1:3], "big") & _NULL_PID
        payload = _payload(packet)
        starts = bool(packet[1] & 0x40)
        if pid == 0 and starts:
            tables.update(_program_map_pids(payload))
        elif pid in tables and starts:
            if _SAMPLE_AES_VIDEO in _stream_types(payload):
                return "HTTP Live Streaming, SAMPLE-AES"
        elif _FIRST_FREE_PID <= pid < _NULL_PID and payload:
            total += 1
            # A receiver may decrypt a stream without clearing its scrambling bits.
            in_clear = starts and payload.startswith(b"\0\0\1")
            scrambled += bool(packet[3] & 0xC0) and not in_clear
    return "conditional access of a broadcast" if 2 * scrambled > total else None


def _layout(window: bytes) -> tuple[int, int] | None:
    """Return packet size and offset of the first packet of a transport stream."""
    for size in _PACKET_BYTES:
        for first in range(size):
            syncs = window[first : first + _SYNCS * size : size]
            if syncs == b"\x47" * len(syncs) and len(syncs) >= 2:
                return size, first
    return None


def _packets(window: bytes) -> Iterator[bytes]:
    """Yield the packets of a transport stream of any packet size; nothing for another format."""
    layout = _layout(window)
    if layout is not None:
        for offset in range(layout[1], len(window) - 187, layout[0]):
            if window[offset] == _SYNC:
                yield window[offset : offset + 188]


def _payload(packet: bytes) -> bytes:
    control = packet[3] >> 4 & 3
    if control == 1:
        return packet[4:]
    return packet[5 + packet[4] :] if control == 3 else b""


def _section(payload: bytes) -> bytes:
    """Return a table's section without its checksum, as far as it lies in its first packet."""
    section = payload[1 + payload[0] :] if payload else b""
    return section[: 3 + (int.from_bytes(section[1:3], "big") & 0xFFF) - 4]


def _program_map_pids(payload: bytes) -> set[int]:
    section = _section(payload)
    entries = (section[offset : offset + 4] for offset in range(8, len(section) - 3, 4))
    return {int.from_bytes(entry[2:], "big") & _NULL_PID for entry in entries}


def _stream_types(payload: bytes) -> set[int]:
    section = _section(payload)
    types: set[int] = set()
    offset = 12 + (int.from_bytes(section[10:12], "big") & 0xFFF)
    while offset + 5 <= len(section):
        types.add(section[offset])
        offset += 5 + (int.from_bytes(section[offset + 3 : offset + 5], "big") & 0xFFF)
    return types
