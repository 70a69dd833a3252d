"""Check of the sizes that a pickle states, before anything is read from it.

A pickle of ten bytes can state a length or a place in the reader's memo of billions. The standard
reader allocates that much memory at once.
"""

from __future__ import annotations

import mmap
import pickletools
from typing import Final

_LINE: Final = pickletools.UP_TO_NEWLINE
_LENGTH_BYTES: Final = {
    pickletools.TAKEN_FROM_ARGUMENT1: 1,
    pickletools.TAKEN_FROM_ARGUMENT4: 4,
    pickletools.TAKEN_FROM_ARGUMENT4U: 4,
    pickletools.TAKEN_FROM_ARGUMENT8U: 8,
}
_STOP, _FRAME, _PUT, _LONG_BINPUT = b".\x95pr"
_TWO_LINES: Final = frozenset(b"ci")  # GLOBAL and INST


def _argument_sizes() -> list[int | None]:
    """Return the size of the argument of each opcode: bytes, a negative code, None if unknown."""
    sizes: list[int | None] = [None] * 256
    for opcode in pickletools.opcodes:
        sizes[ord(opcode.code)] = opcode.arg.n if opcode.arg is not None else 0
    return sizes


_SIZES: Final = _argument_sizes()


def check_pickle_sizes(content: bytes | mmap.mmap, begin: int = 0) -> None:
    """Check that no length and no place in the memo exceeds the pickle itself.

    A pickle that ends early or has an unknown opcode passes: its reader reports that.

    Args:
        content: The file.
        begin: Position of the pickle in it.

    Raises:
        ValueError: A stated size exceeds the pickle.
    """
    end, position = len(content), begin
    while position < end:
        code = content[position]
        size = _SIZES[code]
        position += 1
        if code == _STOP or size is None:
            return
        if size >= 0:
            # A memo has at most one entry for every byte of the pickle.
            if code == _LONG_BINPUT and _number(content, position, 4) > end:
                raise ValueError("it states an impossible place in the memo")
            if code == _FRAME and _number(content, position, 8) > end - position - 8:
                raise ValueError("it states more bytes than it has")
            position += size
        elif size == _LINE:
            begin = position
            for _ in range(2 if code in _TWO_LINES else 1):
                newline = content.find(b"\n", position)
                if newline < 0:
                    return
                position = newline + 1
            if code == _PUT and _is_above(content[begin : position - 1], end):
                raise ValueError("it states an impossible place in the memo")
        else:
            width = _LENGTH_BYTES[size]
            length = _number(content, position, width)
            position += width + length
            if position > end:
                raise ValueError("it states more bytes than it has")


def _number(content: bytes | mmap.mmap, position: int, width: int) -> int:
    return int.from_bytes(content[position : position + width], "little")


def _is_above(digits: bytes, limit: int) -> bool:
    try:
        return int(digits) > limit
    except ValueError:  # the reader of the pickle reports it
        return False
