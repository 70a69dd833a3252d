"""Videos among files of any ending: which files are examined, and which first bytes count."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from tests.helpers import videos
from vidsearch.media.video_content import (
    HEAD_BYTES,
    SMALLEST_VIDEO_BYTES,
    head_bytes,
    holds_video,
    is_video_content,
)

PACKET = bytes.fromhex("47400010 0000b00d 0001c100") + b"\xff" * 176
LARGE = 1 << 20


@pytest.mark.parametrize(
    ("name", "size", "bytes_read"),
    [
        ("a.mp4", LARGE, 0),
        ("a.MKV", 0, 0),
        ("a.jpg", LARGE, 0),
        ("a.pdf", LARGE, 0),
        ("a.part", LARGE, 0),
        ("a.ts", 10, HEAD_BYTES),
        ("recording", LARGE, HEAD_BYTES),
        ("a.rec", LARGE, HEAD_BYTES),
        ("a.rec", SMALLEST_VIDEO_BYTES - 1, 0),
        ("a.gif", 100, 1 << 16),
    ],
)
def test_only_files_whose_ending_does_not_decide_are_read(
    name: str, size: int, bytes_read: int
) -> None:
    assert head_bytes(name, size) == bytes_read


@pytest.mark.parametrize(
    ("name", "head", "expected"),
    [
        ("app.ts", b"export const x = 1;\n", False),
        ("app.TS", "// Größe\r\n\tlet a".encode(), False),
        ("go.mod", b"module example.org/a\n", False),
        ("song.mod", b"Title".ljust(1080, b"\0") + b"M.K." + bytes(3000), False),
        ("script.avs", b'AviSource("a.avi")\n', False),
        ("page.ps", b"%!PS-Adobe-3.0\n\x80\x81", False),
        ("table.dif", b"TABLE\n0,1\n", False),
        ("a.ts", PACKET, True),
        ("a.ts", PACKET[100:] + PACKET, True),  # a recording that begins inside a packet
        ("a.ts", b"", True),  # reported as a damaged video, not passed over
        ("film.ps", bytes.fromhex("000001ba") + bytes(60), True),
        ("a.mp4", b"export const x = 1;\n", True),  # no source code has this ending
        ("seg.m4s", b"\0\0\0\x18stypmsdh", False),  # a piece that cannot be decoded alone
        ("seg.m4s", b"\0\0\0\x18ftypiso5", True),
        ("a.jpg", bytes.fromhex("000001ba") + bytes(60), False),
    ],
)
def test_endings_that_others_share(name: str, head: bytes, expected: bool) -> None:
    assert holds_video(name, head) is expected


@pytest.mark.parametrize(
    "head",
    [
        b"%PDF-1.7",
        b"\xff\xd8\xff\xe0 a photo",
        b"\x89PNG\r\n\x1a\n",
        b"II*\0 a TIFF image",
        b"RIFF\0\0\0\0WAVEfmt ",
        b"RIFF\0\0\0\0WEBPVP8 ",
        b"OggS\0\2 OpusHead",
        b"\0\0\0\x20ftypM4A isom",
        b"\0\0\0\x20ftypheic mif1",
        b"\0\0\0\x18ftypavif mif1",
        b"\0\0\0\x18ftypcrx  isom",
        b"PK\3\4 a document",
        b"ID3\4 a song",
        b"fLaC",
        b"\x7fELF",
        b"MZ\x90\0",
        b"G" * 187 + b"x",
        b"",
    ],
)
def test_contents_that_are_no_video(head: bytes) -> None:
    assert not is_video_content(head.ljust(HEAD_BYTES, b"\x91") if head else head)


SIGNED = {
    "DHAV recorder": b"DHAV\xfd\0\0\0",
    "RealMedia": b".RMF\0\0\0\x12",
    "GXF": bytes.fromhex("000000000001bc")[1:],
    "NSV": b"NSVf\0\0\0\0",
    "Bink": b"BIKi",
    "Smacker": b"SMK2",
    "TiVo": bytes.fromhex("f5467abd00000002"),
    "PVA": b"AV\x01\x07\x55\0",
    "Video CD": b"RIFF\0\0\0\0CDXAfmt ",
    "Hikvision": b"IMKH\1\0\0\0",
    "QuickTime without ftyp": b"\0\0\0\x08wide\0\0\0\0mdat",
    "ASF": bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"),
    "WTV": bytes.fromhex("b7d800203749da11a64e0007e95ead8d"),
    "stream of JPEGs": b"--frame\r\nContent-Type: image/jpeg\r\n\r\n\xff\xd8",
    "Theora": b"OggS\0\2" + bytes(22) + b"\x80theora",
    "H.265": bytes.fromhex("00000001 4001 0c01"),
    "DV": bytes.fromhex("1f07003f"),
    "AV1": bytes.fromhex("12000a0b"),
}


@pytest.mark.parametrize("name", SIGNED)
def test_signatures(name: str) -> None:
    assert is_video_content(SIGNED[name].ljust(HEAD_BYTES, b"\x91"))


@pytest.mark.parametrize("packet_bytes", [188, 192, 204])
@pytest.mark.parametrize("start", [0, 4, 77])
def test_transport_streams_that_begin_anywhere(packet_bytes: int, start: int) -> None:
    packet = PACKET.ljust(packet_bytes, b"\xff")
    assert is_video_content(b"\xff" * start + packet * 9)


WRITTEN = {
    "mp4": "libx264",
    "mov": "libx264",
    "mkv": "libx264",
    "webm": "libvpx",
    "avi": "mpeg4",
    "mpg": "mpeg2video",
    "ts": "libx264",
    "flv": "flv",
    "asf": "msmpeg4v3",
    "mxf": "mpeg2video",
    "nut": "libx264",
    "ivf": "libvpx",
    "h264": "libx264",
    "m2v": "mpeg2video",
    "m4v": "mpeg4",
    "y4m": "wrapped_avframe",
}


@pytest.mark.parametrize("ending", WRITTEN)
def test_files_of_every_container_are_recognised(tmp_path: Path, ending: str) -> None:
    clip = videos.VideoSpec(codec=WRITTEN[ending], time_base=Fraction(1, 25), frames=5)
    written = videos.write_video(tmp_path / f"clip.{ending}", clip).read_bytes()
    assert is_video_content(written[:HEAD_BYTES])
    assert holds_video("clip", written[:HEAD_BYTES])
    assert holds_video("clip.unknown", written[:HEAD_BYTES])
