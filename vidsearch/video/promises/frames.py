"""Formats in which nothing but the frames states a size: IVF, NUT and YUV4MPEG2."""

from __future__ import annotations

import re
import struct
from typing import Final

from vidsearch.video.promises.promise import FilePromise, ReadAt

_TAIL_BYTES: Final = 1 << 20
_IVF: Final = b"DKIF"
_IVF_FRAME_HEADER: Final = 12
_SEARCHED_BLOCKS: Final = 64
_NUT: Final = b"nut/multimedia container"
_NUT_INDEX: Final = b"NX" + bytes.fromhex("dd672f23e64e")
_Y4M_FRAME: Final = b"FRAME\n"
# Samples of both colour planes for each sample of brightness.
_COLOUR: Final = {"420": 0.5, "411": 0.5, "422": 1.0, "444": 2.0, "mono": 0.0}


def later_file(read_at: ReadAt, file_bytes: int, last: int | None, signature: bytes) -> int:
    """Return the offset of a file that begins after the last packet; else the end of the file.

    Args:
        read_at: Bytes of the file.
        file_bytes: Size of the file.
        last: Offset of the last packet that was read; None if it is not known.
        signature: First bytes of the format.
    """
    offset = file_bytes if last is None else last
    for _ in range(_SEARCHED_BLOCKS):
        content = read_at(offset, _TAIL_BYTES)
        found = content.find(signature)
        if found >= 0:
            return offset + found
        if len(content) < _TAIL_BYTES:
            break
        offset += _TAIL_BYTES - len(signature)
    return file_bytes


def ivf_promise(read_at: ReadAt, file_bytes: int, last: int | None) -> FilePromise:
    """Return the promise of the header of the last frame that was read.

    Args:
        read_at: Bytes of the file.
        file_bytes: Size of the file.
        last: Offset of the frame; None if it is not known.
    """
    header = b"" if last is None else read_at(last, _IVF_FRAME_HEADER)
    if last is None or len(header) < _IVF_FRAME_HEADER:
        return FilePromise(file_bytes=file_bytes)
    if header.startswith(_IVF):
        return FilePromise(file_bytes=file_bytes, outside_bytes=file_bytes - last)
    end = last + _IVF_FRAME_HEADER + int(struct.unpack("<I", header[:4])[0])
    return FilePromise(file_bytes=file_bytes, cut=end > file_bytes)


def nut_promise(read_at: ReadAt, file_bytes: int, last: int | None) -> FilePromise:
    """Return True in ``cut`` if the index at the end is missing, which writers put there.

    Args:
        read_at: Bytes of the file.
        file_bytes: Size of the file.
        last: Offset of the last packet that was read; None if it is not known.

    Source:
        NUT open container format, 2008, section "index".
    """
    # FFmpeg may take the start of the second file for a packet.
    start = None if last is None else max(0, last - len(_NUT))
    outside_bytes = file_bytes - later_file(read_at, file_bytes, start, _NUT)
    if outside_bytes:
        return FilePromise(file_bytes=file_bytes, outside_bytes=outside_bytes)
    tail = read_at(max(0, file_bytes - _TAIL_BYTES), _TAIL_BYTES)
    pointer = int.from_bytes(tail[-12:-4], "big")
    indexed = _NUT_INDEX in tail
    if not indexed and pointer <= file_bytes:
        indexed = read_at(file_bytes - pointer, len(_NUT_INDEX)) == _NUT_INDEX
    return FilePromise(file_bytes=file_bytes, cut=not indexed, measured=not indexed)


def y4m_promise(read_at: ReadAt, file_bytes: int, last: int | None) -> FilePromise:
    """Return True in ``cut`` if the file ends inside a frame.

    Args:
        read_at: Bytes of the file.
        file_bytes: Size of the file.
        last: Offset of the last picture that was read; None if it is not known.
    """
    head = read_at(0, 1024)
    header, _, after = head.partition(b"\n")
    fields = {field[:1]: field[1:] for field in header.decode("latin-1").split()[1:]}
    colour = re.match(r"420|411|422|444(?!alpha)|mono", fields.get("C", "420"))
    sides = [fields.get(name, "") for name in "WH"]
    if (
        last is None
        or colour is None
        or not all(map(str.isdigit, sides))
        or not after.startswith(_Y4M_FRAME)
    ):
        return FilePromise(file_bytes=file_bytes)
    width, height = map(int, sides)
    across = width if colour[0] in {"444", "mono"} else -(-width // 2) * 2
    down = -(-height // 2) * 2 if colour[0] == "420" else height
    samples = width * height + int(across * down * _COLOUR[colour[0]])
    deep = re.search(r"p(9|1\d)|mono(9|1\d)", fields.get("C", "")) is not None
    end = last + samples * (2 if deep else 1)
    return FilePromise(
        file_bytes=file_bytes,
        cut=read_at(end, len(_Y4M_FRAME)) == _Y4M_FRAME,
        measured=True,
    )
