"""Boxes of MP4 and QuickTime files.

Source:
    ISO/IEC 14496-12, sections 4.2 (box), 8.8.2 (movie extends header), 8.8.7 (track fragment
    header) and 8.16.3 (segment index).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from vidsearch.video.promises.promise import MAX_PARTS, FilePromise, ReadAt

# Anything else after the film is padding or the mark of another program, e.g. an ID3 tag.
_TOP_LEVEL: Final = frozenset(
    (
        *(b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"moof", b"mfra", b"sidx"),
        *(b"ssix", b"styp", b"prft", b"emsg", b"meta", b"uuid", b"pdin", b"udta", b"pnot"),
    )
)


_INDEX_BYTES: Final = 1 << 20
_SEARCHED_BLOCKS: Final = 64
_BASE_OFFSET: Final = 1  # flag of the box tfhd


@dataclass(frozen=True, slots=True)
class _Box:
    kind: bytes
    offset: int
    size: int

    @property
    def end(self) -> int:
        return self.offset + self.size


def mp4_promise(read_at: ReadAt, file_bytes: int) -> FilePromise:
    """Return the promise of the boxes: where the last one ends, and a film after the index."""
    boxes = list(_boxes(read_at, file_bytes))
    end = max((box.end for box in boxes), default=0)
    stated = max((_end_of_segments(b, read_at) for b in boxes if b.kind == b"sidx"), default=0)
    fragmented = any(box.kind == b"moof" for box in boxes)
    # Without a segment index, nothing states how many fragments follow.
    indexed = stated >= end or not fragmented
    duration_s = _fragments_s(boxes, read_at) if fragmented else None
    read_end = _second_film(boxes, file_bytes, read_at)
    if fragmented and end < read_end and _holds_fragments(read_at, end):
        read_end = end
    return FilePromise(
        file_bytes=file_bytes,
        stated_bytes=(max(end, stated) if indexed else None) or None,
        cut=max(end, stated) > file_bytes,
        outside_bytes=file_bytes - read_end,
        duration_s=duration_s,
        measured=not indexed and duration_s is None,
    )


def _boxes(read_at: ReadAt, file_bytes: int) -> Iterator[_Box]:
    offset = 0
    for _ in range(MAX_PARTS):
        head = read_at(offset, 16)
        if len(head) < 8:
            return
        size, kind = struct.unpack(">I4s", head[:8])
        if kind not in _TOP_LEVEL:
            return
        if size == 1 and len(head) == 16:
            size = struct.unpack(">Q", head[8:])[0]
        elif size == 0:
            size = file_bytes - offset
        if size < 8:
            return
        yield _Box(kind, offset, size)
        offset += size


def _second_film(boxes: list[_Box], file_bytes: int, read_at: ReadAt) -> int:
    """Return the offset of a film after the one with the index; the end of the file without one.

    FFmpeg adds the fragments of a second film to those of the first one if they state their places
    from their own start.
    """
    kinds = [box.kind for box in boxes]
    if b"moov" not in kinds:
        return file_bytes
    for number in range(kinds.index(b"moov") + 1, len(boxes)):
        later = kinds[number:]
        begins = kinds[number] == b"ftyp" and {b"moov", b"mdat"} & set(later)
        if kinds[number] != b"moov" and not begins:
            continue
        fragments = [box for box in boxes[number:] if box.kind == b"moof"]
        if b"moof" not in kinds[:number]:
            return file_bytes if fragments else boxes[number].offset
        absolute = bool(fragments) and _states_offset(fragments[0], read_at)
        return boxes[number].offset if absolute else file_bytes
    return file_bytes


def _holds_fragments(read_at: ReadAt, offset: int) -> bool:
    """Return True if fragments follow after bytes that are no box."""
    for _ in range(_SEARCHED_BLOCKS):
        content = read_at(offset, _INDEX_BYTES)
        if b"moof" in content:
            return True
        if len(content) < _INDEX_BYTES:
            return False
        offset += _INDEX_BYTES - 3
    return False


def _states_offset(fragment: _Box, read_at: ReadAt) -> bool:
    """Return True if the first track of a fragment states its place from the start of the file."""
    content = read_at(fragment.offset, min(fragment.size, _INDEX_BYTES))
    start = content.find(b"tfhd") + 4
    return start >= 4 and len(content) > start + 3 and bool(content[start + 3] & _BASE_OFFSET)


def _fragments_s(boxes: list[_Box], read_at: ReadAt) -> float | None:
    """Return the length of all fragments by the box ``mehd``, seconds; None without one."""
    moov = next((box for box in boxes if box.kind == b"moov"), None)
    content = b"" if moov is None else read_at(moov.offset, min(moov.size, _INDEX_BYTES))
    timescale = _number(content, b"mvhd", before=8)
    duration = _number(content, b"mehd", before=0)
    return duration / timescale if timescale and duration else None


def _number(content: bytes, kind: bytes, before: int) -> int | None:
    """Return a number of a full box, after fields of this size in version 0; None without it."""
    start = content.find(kind) + 4
    if start < 4 or len(content) < start + 24:
        return None
    wide = content[start] == 1
    start += 4 + before * (2 if wide else 1)
    # Only durations become wider with the version; the time scale has 32 bits.
    size = 8 if wide and kind == b"mehd" else 4
    return int.from_bytes(content[start : start + size], "big")


def _end_of_segments(box: _Box, read_at: ReadAt) -> int:
    """Return the end of the segments that a segment index lists; 0 if it is damaged."""
    content = read_at(box.offset + 8, min(box.size - 8, _INDEX_BYTES))
    wide = content[:1] != b"\0"
    counted = 28 if wide else 20
    if len(content) < counted + 4:
        return 0
    first = struct.unpack(">Q" if wide else ">I", content[counted - (8 if wide else 4) : counted])
    count = struct.unpack(">H", content[counted + 2 : counted + 4])[0]
    references = content[counted + 4 : counted + 4 + 12 * count]
    if len(references) < 12 * count:
        return 0
    sizes: tuple[int, ...] = struct.unpack(f">{3 * count}I", references)[::3]
    return box.end + int(first[0]) + sum(size & 0x7FFFFFFF for size in sizes)
