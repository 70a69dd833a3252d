"""Motion JPEG without a container: JPEG frames one after another, as cameras store them.

A recording of a web camera may hold the headers of its HTTP answer between the frames.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from vidsearch.media.endings import is_text

MOTION_JPEG_BYTES: Final = 1 << 24
"""Bytes to read for ``is_motion_jpeg``: two frames of the largest cameras."""

JPEG: Final = b"\xff\xd8\xff"
_HEADER_BYTES = 4096
_MULTIPART = (b"--", b"http/", b"content-type: multipart")
_END_OF_IMAGE, _START_OF_SCAN, _APP2 = 0xD9, 0xDA, 0xE2
# Markers inside a scan: an escaped byte 0xFF, and restart markers.
_IN_SCAN = frozenset({0x00, *range(0xD0, 0xD8)})
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PADDING = b"\0\r\n\xff"


def is_multipart_jpeg(head: bytes) -> bool:
    r"""Return True if JPEG frames follow headers, as in the answer of a web camera.

    Args:
        head: First bytes of the file; 4096 are enough.

    Example:
        >>> is_multipart_jpeg(b"--frame\r\nContent-Type: image/jpeg\r\n\r\n\xff\xd8\xff")
        True
    """
    headers, jpeg, _ = head[:_HEADER_BYTES].partition(JPEG)
    return bool(jpeg) and headers.lstrip().lower().startswith(_MULTIPART) and is_text(headers)


def is_motion_jpeg(head: bytes) -> bool:
    """Return True if a second JPEG of the same size follows the first one.

    A photo may also hold two JPEGs: the photo and a second view, a preview or a gain map. Such
    photos state it (multi-picture format), or the second JPEG has another size.

    Args:
        head: First ``MOTION_JPEG_BYTES`` of the file, or fewer.
    """
    size = end = None
    for marker, offset in _segments(head, 0):
        if marker == _APP2 and head.startswith(b"MPF\0", offset + 4):
            return False
        if marker in _START_OF_FRAME:
            size = _size_field(head, offset)
        if marker == _END_OF_IMAGE:
            end = offset + 2
    if size is None or end is None:
        return False
    while end < len(head) and head[end] in _PADDING and not head.startswith(JPEG, end):
        end += 1
    second = (
        _size_field(head, offset)
        for marker, offset in _segments(head, end)
        if marker in _START_OF_FRAME
    )
    return next(second, None) == size


def _size_field(content: bytes, offset: int) -> bytes:
    """Return height and width as stored in a frame header."""
    return content[offset + 5 : offset + 9]


def _segments(content: bytes, start: int) -> Iterator[tuple[int, int]]:
    """Yield marker and offset of every segment of a JPEG, up to the end of the image."""
    offset = start + 2
    if not content.startswith(JPEG, start):
        return
    while 0 <= offset < len(content) - 1 and content[offset] == 0xFF:
        marker = content[offset + 1]
        if marker == 0xFF:
            offset += 1
            continue
        yield marker, offset
        if marker == _END_OF_IMAGE:
            return
        if marker == _START_OF_SCAN:
            offset = _scan_end(content, offset + 2)
        elif marker in _WITHOUT_LENGTH:
            offset += 2
        else:
            offset += 2 + int.from_bytes(content[offset + 2 : offset + 4], "big")


def _scan_end(content: bytes, offset: int) -> int:
    """Return the offset of the marker that ends a scan; -1 if the scan is cut."""
    offset = content.find(b"\xff", offset)
    while 0 <= offset < len(content) - 1 and content[offset + 1] in _IN_SCAN:
        offset = content.find(b"\xff", offset + 2)
    return offset
