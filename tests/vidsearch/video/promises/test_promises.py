"""Promises by hand-made bytes: boxes, chunks, elements and packets."""

from __future__ import annotations

import struct

import pytest

from vidsearch.video.promises.headers import avi_promise, flv_promise, matroska_promise
from vidsearch.video.promises.mp4 import mp4_promise
from vidsearch.video.promises.promise import FilePromise, ReadAt
from vidsearch.video.promises.stream_ends import ogg_promise, ps_promise, ts_promise


def reader(content: bytes) -> tuple[ReadAt, int]:
    return lambda offset, size: content[offset : offset + size], len(content)


def box(kind: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


FILM = box(b"ftyp", b"isom") + box(b"moov", bytes(40)) + box(b"mdat", bytes(500))


def test_boxes_that_fit_promise_nothing_more() -> None:
    assert mp4_promise(*reader(FILM)) == FilePromise(file_bytes=568, stated_bytes=568)


def test_a_box_beyond_the_end_is_a_cut() -> None:
    promise = mp4_promise(*reader(FILM[:-100]))
    assert (promise.cut, promise.share) == (True, 468 / 568)


def test_a_wide_box_has_64_bits_of_size() -> None:
    wide = struct.pack(">I4sQ", 1, b"mdat", 1 << 33) + bytes(100)
    assert mp4_promise(*reader(box(b"ftyp") + wide)).stated_bytes == 8 + (1 << 33)


def test_a_second_film_begins_at_its_ftyp_or_moov() -> None:
    assert mp4_promise(*reader(FILM + FILM)).outside_bytes == len(FILM)
    moov_first = box(b"moov", bytes(40)) + box(b"mdat", bytes(60))
    assert mp4_promise(*reader(FILM + moov_first)).outside_bytes == len(moov_first)
    assert mp4_promise(*reader(FILM + box(b"ftyp", b"isom"))).outside_bytes == 0


def test_a_segment_index_states_the_bytes_of_all_segments() -> None:
    references = struct.pack(">III", 300, 9, 0) + struct.pack(">III", 700, 9, 0)
    index = box(b"sidx", bytes(20) + struct.pack(">HH", 0, 2) + references)
    content = box(b"ftyp") + index + box(b"moof", bytes(92)) + box(b"mdat", bytes(192))
    promise = mp4_promise(*reader(content))
    assert promise.stated_bytes == 8 + len(index) + 1000
    assert promise.cut


def test_fragments_without_an_index_have_an_unknown_share() -> None:
    content = box(b"ftyp") + box(b"moov", bytes(40)) + box(b"moof", bytes(92))
    promise = mp4_promise(*reader(content + struct.pack(">I4s", 900, b"mdat")))
    assert (promise.cut, promise.measured, promise.share) == (True, True, None)


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_an_avi_of_a_recorder_that_did_not_finish_states_no_size(size: int) -> None:
    assert not avi_promise(*reader(struct.pack("<4sI4s", b"RIFF", size, b"AVI ") + bytes(99))).cut


def test_an_avi_has_several_chunks() -> None:
    first = struct.pack("<4sI4s", b"RIFF", 104, b"AVI ") + bytes(100)
    second = struct.pack("<4sI4s", b"RIFF", 204, b"AVIX") + bytes(100)
    assert not avi_promise(*reader(first)).cut
    assert avi_promise(*reader(first + second)).stated_bytes == 112 + 212


def test_an_flv_of_a_live_stream_states_no_size() -> None:
    metadata = b"FLV\1" + bytes(60) + b"\0\x08filesize\0" + struct.pack(">d", 0)
    assert flv_promise(*reader(metadata)) == FilePromise(file_bytes=len(metadata))


def test_a_segment_of_unknown_size_promises_nothing() -> None:
    header = bytes.fromhex("1A45DFA380")
    live = header + bytes.fromhex("1853806701FFFFFFFFFFFFFF") + bytes(20)
    assert matroska_promise(*reader(live)) == FilePromise(file_bytes=len(live))
    stated = header + bytes.fromhex("185380674164") + bytes(20)  # 0x164 = 356 bytes
    assert matroska_promise(*reader(stated)).stated_bytes == 5 + 6 + 356


@pytest.mark.parametrize("packet", [188, 192, 204])
def test_a_transport_stream_may_end_inside_a_packet(packet: int) -> None:
    before = 4 if packet == 192 else 0
    content = (bytes(before) + b"\x47" + bytes(packet - before - 1)) * 20
    assert not ts_promise(*reader(content)).cut
    assert ts_promise(*reader(content[:-50])).cut
    assert not ts_promise(*reader(content + bytes(50))).cut  # padding


def test_a_program_stream_may_end_inside_a_packet() -> None:
    pack = b"\0\0\1\xba\x44" + bytes(8) + b"\xf8"
    packet = b"\0\0\1\xe0" + struct.pack(">H", 200) + bytes(200)
    assert not ps_promise(*reader(pack + packet)).cut
    assert not ps_promise(*reader(pack + packet + b"\0\0\1\xb9")).cut
    assert ps_promise(*reader(pack + packet[:-1])).cut


def test_an_ogg_file_may_end_inside_a_page() -> None:
    page = b"OggS\0" + bytes(21) + b"\2" + bytes([100, 50]) + bytes(150)
    assert not ogg_promise(*reader(page)).cut
    assert ogg_promise(*reader(page[:-1])).cut
    assert ogg_promise(*reader(page[:28])).cut


@pytest.mark.parametrize(
    "promise_of",
    [avi_promise, flv_promise, matroska_promise, mp4_promise, ogg_promise, ps_promise, ts_promise],
)
@pytest.mark.parametrize("content", [b"", b"\0", bytes(5000), b"\xff" * 5000, b"OggS\0", b"RIFF"])
def test_any_bytes_have_a_promise(promise_of: object, content: bytes) -> None:
    assert callable(promise_of)
    assert promise_of(*reader(content)).file_bytes == len(content)
