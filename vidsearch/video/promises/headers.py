"""Containers whose header states the size of the file: AVI, ASF, FLV and Matroska."""

from __future__ import annotations

import struct
from typing import Final

from vidsearch.video.promises.frames import later_file
from vidsearch.video.promises.promise import MAX_PARTS, FilePromise, ReadAt, of_stated_size

_HEAD_BYTES: Final = 1 << 16
_EBML: Final = 0x1A45DFA3
_SEGMENT: Final = 0x18538067
# GUIDs of ASF's Header Object and File Properties Object.
_ASF_HEADER: Final = bytes.fromhex("3026B2758E66CF11A6D900AA0062CE6C")
_FILE_PROPERTIES: Final = bytes.fromhex("A1DCAB8C47A9CF118EE400C00C205365")


def avi_promise(read_at: ReadAt, file_bytes: int) -> FilePromise:
    """Return the promise of the RIFF chunks; files above 1 GB have several.

    Source:
        OpenDML AVI File Format Extensions, version 1.02.
    """
    end = 0
    for _ in range(MAX_PARTS):
        head = read_at(end, 12)
        if len(head) < 12 or head[:4] != b"RIFF" or head[8:] not in {b"AVI ", b"AVIX"}:
            break
        size = struct.unpack("<I", head[4:8])[0]
        # Recorders write the size at the end; until then it is 0 or the largest number.
        if size in {0, 0xFFFFFFFF}:
            return FilePromise(file_bytes=file_bytes)
        end += 8 + size + size % 2
    # The padding byte at the end may be missing.
    stated = end if end > file_bytes + 1 else None
    duration_s = _avi_duration_s(read_at(0, _HEAD_BYTES))
    return of_stated_size(read_at, file_bytes, stated, duration_s=duration_s)


def _avi_duration_s(head: bytes) -> float | None:
    """Return the length in the header of the first video stream; None without one."""
    fields = head[head.find(b"vids") + 20 :][:16]
    if b"vids" not in head or len(fields) < 16:
        return None
    scale, rate, start, length = struct.unpack("<IIII", fields)
    return (start + length) * scale / rate if rate and length else None


def asf_promise(read_at: ReadAt, file_bytes: int) -> FilePromise:
    """Return the promise of the File Properties Object.

    Source:
        Advanced Systems Format Specification, revision 01.20.05, section 3.2.
    """
    head = read_at(0, _HEAD_BYTES)
    start = head.find(_FILE_PROPERTIES)
    fields = head[start + 40 : start + 92]
    if start < 0 or len(fields) < 52:
        return FilePromise(file_bytes=file_bytes)
    size, _, _, play, _, preroll_ms, flags = struct.unpack("<QQQQQQI", fields)
    if flags & 1:  # a broadcast: the other fields mean nothing
        return FilePromise(file_bytes=file_bytes)
    duration_s = play / 1e7 - preroll_ms / 1e3
    return of_stated_size(
        read_at,
        file_bytes,
        size,
        signature=_ASF_HEADER,
        duration_s=duration_s if duration_s > 0 else None,
    )


def flv_promise(read_at: ReadAt, file_bytes: int) -> FilePromise:
    """Return the promise of the number ``filesize`` in the metadata.

    Source:
        Adobe Flash Video File Format Specification, version 10.1, annex E.5.
    """
    head = read_at(0, _HEAD_BYTES)
    start = head.find(b"\0\x08filesize\0")
    number = head[start + 11 : start + 19]
    if start < 0 or len(number) < 8:
        return FilePromise(file_bytes=file_bytes)
    size = struct.unpack(">d", number)[0]
    stated = int(size) if 0 < size < 1 << 60 else None
    return of_stated_size(read_at, file_bytes, stated, signature=b"FLV\1")


def matroska_promise(read_at: ReadAt, file_bytes: int, last: int | None = None) -> FilePromise:
    """Return the promise of the Segment; its size is unknown in live recordings.

    Args:
        read_at: Bytes of the file.
        file_bytes: Size of the file.
        last: Offset of the last packet that was read; None if it is not known. FFmpeg reads two
            files joined byte by byte, and no third one.

    Source:
        RFC 8794, sections 5 and 6.
    """
    outside_bytes = file_bytes - later_file(read_at, file_bytes, last, _EBML.to_bytes(4, "big"))
    if outside_bytes:
        return FilePromise(file_bytes=file_bytes, outside_bytes=outside_bytes)
    header = _element(read_at(0, 16))
    if header is None or header[0] != _EBML or header[2] is None:
        return FilePromise(file_bytes=file_bytes)
    start = header[1] + header[2]
    segment = _element(read_at(start, 16))
    if segment is None or segment[0] != _SEGMENT or segment[2] is None:
        return FilePromise(file_bytes=file_bytes)
    return of_stated_size(read_at, file_bytes, start + segment[1] + segment[2])


def _element(head: bytes) -> tuple[int, int, int | None] | None:
    """Return id, bytes of the head, and size of an EBML element; a size of None is unknown."""
    id_bytes = _length(head)
    if id_bytes is None or id_bytes > 4:
        return None
    size_bytes = _length(head[id_bytes:])
    if size_bytes is None:
        return None
    number = head[id_bytes : id_bytes + size_bytes]
    bits = 7 * size_bytes
    size = int.from_bytes(number, "big") & ((1 << bits) - 1)
    unknown = size == (1 << bits) - 1
    return int.from_bytes(head[:id_bytes], "big"), id_bytes + size_bytes, None if unknown else size


def _length(head: bytes) -> int | None:
    """Return the bytes of a number of variable length; None if it is damaged or cut."""
    length = 9 - head[0].bit_length() if head else 9
    return length if length <= min(8, len(head)) else None
