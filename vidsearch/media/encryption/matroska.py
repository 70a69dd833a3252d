"""Protection of Matroska and WebM: content encodings of the video tracks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from vidsearch.media.encryption.base import ReadAt

HEADER: Final = b"\x1aE\xdf\xa3"
_SEGMENT, _CLUSTER, _TRACKS, _TRACK = 0x18538067, 0x1F43B675, 0x1654AE6B, 0xAE
_TRACK_TYPE, _ENCODINGS, _ENCODING, _ENCRYPTION = 0x83, 0x6D80, 0x6240, 0x5035
_VIDEO = b"\1"
_MAX_ELEMENTS: Final = 1000


def encryption(read_at: ReadAt) -> str | None:
    """Return the name of the protection if every video track is encrypted, else None."""
    for name, content, end in _elements(read_at, 0, None):
        if name == _SEGMENT:
            tracks = _video_tracks(read_at, content, end)
            return "Matroska content encryption" if tracks and all(tracks) else None
    return None


def _video_tracks(read_at: ReadAt, offset: int, end: int | None) -> list[bool]:
    """Return True for each encrypted video track of a segment, False for each plain one."""
    for name, content, element_end in _elements(read_at, offset, end):
        if name == _TRACKS:
            return [
                _is_encrypted(read_at, track, track_end)
                for track_name, track, track_end in _elements(read_at, content, element_end)
                if track_name == _TRACK and _is_video(read_at, track, track_end)
            ]
        if name == _CLUSTER:
            return []
    return []


def _is_video(read_at: ReadAt, track: int, end: int | None) -> bool:
    return any(
        name == _TRACK_TYPE and read_at(content, 1) == _VIDEO
        for name, content, _ in _elements(read_at, track, end)
    )


def _is_encrypted(read_at: ReadAt, track: int, end: int | None) -> bool:
    return any(
        inner == _ENCRYPTION
        for name, content, encodings_end in _elements(read_at, track, end)
        if name == _ENCODINGS
        for encoding, encoding_content, encoding_end in _elements(read_at, content, encodings_end)
        if encoding == _ENCODING
        for inner, _, _ in _elements(read_at, encoding_content, encoding_end)
    )


def _elements(
    read_at: ReadAt, offset: int, end: int | None
) -> Iterator[tuple[int, int, int | None]]:
    """Yield name, offset and end of every element; the end is None if the length is unknown."""
    for _ in range(_MAX_ELEMENTS):
        header = read_at(offset, 12)
        if not header or (end is not None and offset >= end):
            return
        name_bytes = _vint_bytes(header[0])
        length_byte = header[name_bytes : name_bytes + 1]
        if name_bytes > 4 or not length_byte:
            return
        length_bytes = _vint_bytes(length_byte[0])
        content = offset + name_bytes + length_bytes
        if length_bytes > 8 or content - offset > len(header):
            return
        raw = int.from_bytes(header[name_bytes : content - offset], "big")
        unknown = (1 << 7 * length_bytes) - 1
        length = raw & unknown
        element_end = None if length == unknown else content + length
        yield int.from_bytes(header[:name_bytes], "big"), content, element_end
        if element_end is None:
            return
        offset = element_end


def _vint_bytes(first: int) -> int:
    """Return the number of bytes of a variable-length integer by its first byte; 9 if invalid."""
    return 9 - first.bit_length()
