"""Packets, packs and pages made by hand."""

from __future__ import annotations

import struct

import pytest

from vidsearch.video.losses.coded import CodedWatch
from vidsearch.video.losses.ogg import OggWatch
from vidsearch.video.losses.program import ProgramWatch
from vidsearch.video.losses.transport import TransportWatch
from vidsearch.video.losses.watch import ByteWatch

FILM, SOUND = 256, 257
TABLES = b"\x47\x40\0\x10" + bytes(184)


def packet(counter: int, *, pid: int = FILM, starts: bool = False, flags: int = -1) -> bytes:
    """Return a packet with payload; ``flags`` adds an adaptation field."""
    control = 0x10 if flags < 0 else 0x30
    head = bytes([0x47, (0x40 if starts else 0) | pid >> 8, pid & 255, control | counter % 16])
    return (head + (b"" if flags < 0 else bytes([1, flags]))).ljust(188, b"\xaa")


def without_payload(counter: int, flags: int = 0) -> bytes:
    return bytes([0x47, FILM >> 8, FILM & 255, 0x20 | counter % 16, 183, flags]) + b"\xff" * 182


def run(first: int, count: int) -> list[bytes]:
    return [packet(number) for number in range(first, first + count)]


def losses(watch: ByteWatch, content: bytes, block: int = 1000) -> int:
    for offset in range(0, len(content), block):
        watch.passed(offset, content[offset : offset + block])
    return watch.log.until(len(content))


INTACT = {
    "counters": run(0, 40),
    "repeated packet": [*run(0, 9), packet(8), *run(9, 9)],
    "packet without payload": [*run(0, 9), without_payload(8), *run(9, 9)],
    "announced jump": [*run(0, 9), packet(3, flags=0x80), *run(4, 9)],
    "announced before": [*run(0, 9), without_payload(2, 0x80), *run(3, 9)],
    "other stream": [*run(0, 9), packet(7, pid=SOUND), packet(3, pid=SOUND), *run(9, 9)],
    "join": [*run(0, 9), TABLES, packet(0, starts=True, flags=0x40), *run(1, 9)],
    "junk at the start": [b"\x12" * 100, *run(0, 20)],
    "junk at the end": [*run(0, 20), bytes(3000)],
}
LOST = {
    "jump": [*run(0, 9), *run(12, 9)],
    "jump at a picture": [*run(0, 9), packet(3, starts=True, flags=0x40), *run(4, 9)],
    "jump after tables": [*run(0, 9), TABLES, *run(12, 9)],
    "zeros": [*run(0, 9), bytes(5000), *run(9, 9)],
    "short packet": [*run(0, 9), packet(9)[:100], *run(10, 9)],
    "error mark": [*run(0, 9), b"\x47\x81" + packet(9)[2:], *run(10, 9)],
}


@pytest.mark.parametrize("block", [100, 188, 1000, 1 << 20])
@pytest.mark.parametrize("name", [*INTACT, *LOST])
def test_losses_of_a_transport_stream(name: str, block: int) -> None:
    content = b"".join((INTACT | LOST)[name])
    assert losses(TransportWatch(188, 0, FILM), content, block) == (name in LOST)


def test_losses_of_a_stream_with_time_codes() -> None:
    content = b"".join(b"\x01\x02\x03\x04" + part for part in LOST["jump"])
    assert losses(TransportWatch(192, 4, FILM), content) == 1


def test_a_read_elsewhere_is_no_loss() -> None:
    content = b"".join(run(0, 40))
    watch = TransportWatch(188, 0, FILM)
    watch.passed(0, content[:3000])
    watch.passed(5000, content[5000:])
    watch.passed(0, content)
    assert watch.log.until(len(content)) == 0


PACK = b"\0\0\1\xba\x44" + bytes(8) + b"\xf8"
PES = b"\0\0\1\xe0\0\x40" + b"\xaa" * 64


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([PACK, PES, PES, PACK, PES, b"\0\0\1\xb9"], 0),
        ([PACK, PES, bytes(1900), PACK, PES], 0),
        ([b"\x12" * 40, PACK, PES, PACK, PES], 0),
        ([PACK, PES, b"\0\0\1\xb9", PACK, PES], 0),
        ([PACK, PES, bytes(9000), PACK, PES], 1),
        ([PACK, PES[:20], PACK, PES, PES, PACK, PES], 1),
    ],
)
def test_losses_of_a_program_stream(parts: list[bytes], expected: int) -> None:
    for block in (50, 1000):
        assert losses(ProgramWatch(), b"".join(parts), block) == expected


def page(serial: int, number: int, flags: int = 0) -> bytes:
    return struct.pack("<4sBBqIIIB", b"OggS", 0, flags, 0, serial, number, 0, 1) + b"\x40" * 65


@pytest.mark.parametrize(
    ("pages", "expected"),
    [
        ([page(1, 0, 2), page(2, 0, 2), page(1, 1), page(2, 1), page(1, 2)], 0),
        ([page(1, 0, 2), page(1, 1), page(1, 0, 2), page(1, 1)], 0),
        ([page(1, 0, 2), page(1, 1), page(1, 4)], 1),
    ],
)
def test_losses_of_an_ogg_file(pages: list[bytes], expected: int) -> None:
    for block in (50, 1000):
        assert losses(OggWatch(), b"".join(pages), block) == expected


def test_zeros_in_a_coded_stream() -> None:
    for block in (700, 1 << 20):
        assert losses(CodedWatch(), b"\x12" * 5000 + bytes(900) + b"\x12" * 5000, block) == 0
        assert losses(CodedWatch(), b"\x12" * 5000 + bytes(9000) + b"\x12" * 5000, block) == 1
