"""Mutations by structure: parts of a file are lost, doubled, swapped, resized or overwritten."""

from __future__ import annotations

import io
import pickletools
import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

_BOXES = frozenset(
    (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"moof", b"traf", b"mvex", b"udta")
)
# Chunks that hold further chunks, behind this number of bytes.
_HEADS = {b"LIST": 12, b"ANMF": 24}
_NUMBERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF)
_WORDS = (b"nan", b"inf", b"-1", b"1e999", b"9" * 60, b"\x00", b"\xff", b'"', b"[[", b"", b"\r")


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a file: a box, chunk, packet, segment, opcode or line.

    Attributes:
        begin: First byte.
        end: Byte after the last one.
        size: Position, bytes and byte order of the field that states its size; None without one.
    """

    begin: int
    end: int
    size: tuple[int, int, str] | None = None


def mutant(name: str, content: bytes, random_state: random.Random) -> bytes:
    """Return a damaged copy of a file.

    Args:
        name: File name; its ending selects the structure.
        content: The intact file.
        random_state: Source of all choices.
    """
    damaged = content
    for _ in range(random_state.choice((1, 1, 1, 2, 4))):
        if not damaged:
            break
        parts = parts_of(name, damaged)
        damaged = random_state.choice(_MUTATIONS)(damaged, parts, random_state)
    return damaged


def parts_of(name: str, content: bytes) -> list[Part]:
    """Return the parts of a file by its format; blocks of 64 bytes for an unknown one."""
    finder = _FINDERS.get(Path(name).suffix, _blocks)
    parts = [part for part in finder(content) if part.begin < part.end <= len(content)]
    return parts if len(parts) > 1 else list(_blocks(content))


def _boxes(content: bytes, begin: int = 0, end: int | None = None) -> Iterator[Part]:
    end = len(content) if end is None else end
    while begin + 8 <= end:
        (size,) = struct.unpack_from(">I", content, begin)
        last = begin + size if size >= 8 else end
        yield Part(begin, min(last, end), (begin, 4, "big"))
        if content[begin + 4 : begin + 8] in _BOXES:
            yield from _boxes(content, begin + 8, min(last, end))
        begin = last


def _riff(content: bytes) -> Iterator[Part]:
    begin = 12
    while begin + 8 <= len(content):
        (size,) = struct.unpack_from("<I", content, begin + 4)
        yield Part(begin, min(begin + 8 + size, len(content)), (begin + 4, 4, "little"))
        begin += _HEADS.get(content[begin : begin + 4], 8 + size + size % 2)


def _png(content: bytes) -> Iterator[Part]:
    begin = 8
    while begin + 12 <= len(content):
        (size,) = struct.unpack_from(">I", content, begin)
        yield Part(begin, min(begin + 12 + size, len(content)), (begin, 4, "big"))
        begin += 12 + size


def _jpeg(content: bytes) -> Iterator[Part]:
    begin = content.find(b"\xff")
    while 0 <= begin < len(content) - 4:
        end = content.find(b"\xff", begin + 2)
        yield Part(begin, end if end > 0 else len(content), (begin + 2, 2, "big"))
        begin = end


def _packets(content: bytes) -> Iterator[Part]:
    for begin in range(0, len(content), 188):
        yield Part(begin, min(begin + 188, len(content)))


def _start_codes(content: bytes) -> Iterator[Part]:
    begin = content.find(b"\x00\x00\x01")
    while begin >= 0:
        end = content.find(b"\x00\x00\x01", begin + 3)
        yield Part(begin, end if end > 0 else len(content), (begin + 4, 2, "big"))
        begin = end


def _elements(content: bytes) -> Iterator[Part]:
    """Find EBML elements by identifiers of one to four bytes and sizes of one to eight."""
    begin = 0
    while begin + 2 < len(content):
        width = 9 - content[begin].bit_length() if content[begin] else 0
        if not 1 <= width <= 4 or begin + width >= len(content):
            begin += 1
            continue
        first = content[begin + width]
        length = 9 - first.bit_length() if first else 1
        field = content[begin + width : begin + width + length]
        size = int.from_bytes(field, "big") & ((1 << (7 * length)) - 1)
        end = begin + width + length + size
        yield Part(begin, min(end, len(content)), (begin + width, length, "big"))
        # Elements of more than 64 bytes hold others, or a block whose inside is damaged too.
        begin += width + length + (0 if size > 64 else size)


def _lines(content: bytes) -> Iterator[Part]:
    begin = 0
    for line in io.BytesIO(content):
        yield Part(begin, begin + len(line))
        begin += len(line)


def _opcodes(content: bytes) -> Iterator[Part]:
    try:
        positions = [position or 0 for _, _, position in pickletools.genops(content)]
    except Exception:  # noqa: BLE001 (a mutant of a mutant)
        return
    for begin, end in zip(positions, [*positions[1:], len(content)], strict=True):
        yield Part(begin, end, (begin + 1, min(4, max(end - begin - 1, 1)), "little"))


def _blocks(content: bytes) -> Iterator[Part]:
    for begin in range(0, len(content), 64):
        yield Part(begin, min(begin + 64, len(content)), (begin, 4, "little"))


_FINDERS: dict[str, Callable[[bytes], Iterator[Part]]] = {
    **dict.fromkeys((".mp4", ".mov", ".3gp", ".heic", ".avif", ".jp2"), _boxes),
    **dict.fromkeys((".avi", ".webp"), _riff),
    **dict.fromkeys((".png", ".apng"), _png),
    **dict.fromkeys((".jpg", ".mjpeg"), _jpeg),
    **dict.fromkeys((".mpg", ".h264", ".h265"), _start_codes),
    **dict.fromkeys((".mkv", ".webm"), _elements),
    **dict.fromkeys((".toml", ".csv", ".txt", ".json"), _lines),
    **dict.fromkeys((".pickle", ".bin"), _opcodes),
    ".ts": _packets,
}


def _lost(content: bytes, parts: list[Part], chance: random.Random) -> bytes:
    part = chance.choice(parts)
    return content[: part.begin] + content[part.end :]


def _doubled(content: bytes, parts: list[Part], chance: random.Random) -> bytes:
    part = chance.choice(parts)
    times = chance.choice((1, 2, 40 if part.end - part.begin < 4096 else 2))
    return content[: part.end] + content[part.begin : part.end] * times + content[part.end :]


def _swapped(content: bytes, parts: list[Part], chance: random.Random) -> bytes:
    first, second = sorted((chance.choice(parts), chance.choice(parts)), key=lambda p: p.begin)
    if first.end > second.begin:
        return _doubled(content, parts, chance)
    between = content[first.end : second.begin]
    head, one = content[: first.begin], content[first.begin : first.end]
    return head + content[second.begin : second.end] + between + one + content[second.end :]


def _resized(content: bytes, parts: list[Part], chance: random.Random) -> bytes:
    sized = [part for part in parts if part.size is not None]
    if not sized:
        return _renumbered(content, parts, chance)
    part = chance.choice(sized)
    assert part.size is not None
    position, width, order = part.size
    stated = int.from_bytes(content[position : position + width], "big")
    value = chance.choice((*_NUMBERS, stated + 1, stated - 1, stated * 2, len(content)))
    field = (value % (1 << 8 * width)).to_bytes(width, "big" if order == "big" else "little")
    return content[:position] + field + content[position + width :]


def _renumbered(content: bytes, parts: list[Part], chance: random.Random) -> bytes:
    part = chance.choice(parts)
    position, width = chance.randrange(part.begin, part.end), chance.choice((1, 2, 4))
    value = (chance.choice(_NUMBERS) % (1 << 8 * width)).to_bytes(width, "big")
    return content[:position] + value + content[position + width :]


def _flipped(content: bytes, parts: list[Part], chance: random.Random) -> bytes:
    damaged = bytearray(content)
    for _ in range(chance.choice((1, 4, 32))):
        part = chance.choice(parts)
        damaged[chance.randrange(part.begin, part.end)] ^= 1 << chance.randrange(8)
    return bytes(damaged)


def _cut(content: bytes, parts: list[Part], chance: random.Random) -> bytes:
    part = chance.choice(parts)
    return content[: chance.randrange(part.begin, part.end)]


def _zeroed(content: bytes, parts: list[Part], chance: random.Random) -> bytes:
    part = chance.choice(parts)
    return content[: part.begin] + bytes(part.end - part.begin) + content[part.end :]


def _noise(content: bytes, parts: list[Part], chance: random.Random) -> bytes:
    part = chance.choice(parts)
    noise = chance.randbytes(chance.choice((1, 17, 3000)))
    return content[: part.begin] + noise + content[part.begin :]


def _worded(content: bytes, parts: list[Part], chance: random.Random) -> bytes:
    part = chance.choice(parts)
    position = chance.randrange(part.begin, part.end)
    removed = chance.choice((0, 1, 3))
    return content[:position] + chance.choice(_WORDS) + content[position + removed :]


_MUTATIONS = (
    *(_lost, _doubled, _swapped, _resized, _resized, _renumbered),
    *(_flipped, _cut, _zeroed, _noise, _worded),
)
