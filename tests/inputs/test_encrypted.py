"""Encrypted videos are named as such; what states no encryption is read; endings decide nothing."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from tests.helpers.videos import VideoSpec, write_video
from tests.inputs import encrypted
from tests.inputs.encrypted import FAMILY, Encrypted
from vidsearch.errors import VideoOpenError
from vidsearch.media.encryption.detect import encryption, looks_encrypted
from vidsearch.video.open import open_video
from vidsearch.video.source import ByteSource


def stated_protection(path: Path) -> str | None:
    source = ByteSource(str(path))
    try:
        return encryption(source.read_at)
    finally:
        source.close()


@pytest.mark.parametrize("file", FAMILY, ids=lambda file: file.name)
def test_an_encrypted_file_is_named_as_such(file: Encrypted, tmp_path: Path) -> None:
    path = tmp_path / file.name
    file.write(path)
    with pytest.raises(VideoOpenError, match=rf"is encrypted \(.*{file.protection}") as raised:
        open_video(str(path))
    assert "export it without protection" in str(raised.value)
    assert "damaged" not in str(raised.value)


def test_a_segment_that_is_encrypted_as_a_whole_looks_encrypted(tmp_path: Path) -> None:
    path = tmp_path / "segment.ts"
    encrypted.live_segment(path)
    with pytest.raises(VideoOpenError, match="in no known format and looks encrypted"):
        open_video(str(path))


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("bits_left.ts", lambda path: encrypted.transport_stream(path, payload=False)),
        ("plain.mp4", encrypted.plain),
        ("plain.mov", encrypted.plain),
        ("plain.mkv", encrypted.plain),
        ("plain.ts", encrypted.plain),
        ("plain.wmv", lambda path: encrypted.plain(path, codec="wmv2")),
        ("plain.vob", lambda path: encrypted.plain(path, codec="mpeg2video")),
        ("plain.flv", lambda path: encrypted.plain(path, codec="flv")),
        (
            "plain.mxf",
            lambda path: encrypted.plain(path, codec="mpeg2video", time_base=Fraction(1, 25)),
        ),
        ("plain.avi", lambda path: encrypted.plain(path, codec="mpeg4")),
        ("plain.ogv", lambda path: encrypted.plain(path, codec="libvpx", container="ogg")),
    ],
)
def test_a_plain_file_is_read(name: str, write: Callable[[Path], object], tmp_path: Path) -> None:
    path = tmp_path / name
    write(path)
    assert stated_protection(path) is None
    with open_video(str(path)) as reader:
        assert sum(1 for _ in reader.decode()) == 12


def test_a_film_with_a_plain_video_track_is_not_encrypted(tmp_path: Path) -> None:
    path = tmp_path / "film.mkv"
    encrypted.matroska(path, encrypted.COMPRESSED_ENCODING)
    assert stated_protection(path) is None
    encrypted.matroska(path, encrypted.ENCRYPTED_ENCODING, kind=2)
    assert stated_protection(path) is None


def test_damaged_headers_state_no_encryption(tmp_path: Path) -> None:
    for file in FAMILY:
        path = tmp_path / file.name
        file.write(path)
        content = path.read_bytes()
        for length in (0, 3, 9, 30, 60):
            path.write_bytes(content[:length])
            stated_protection(path)


def test_bytes_with_structure_do_not_look_encrypted() -> None:
    assert looks_encrypted(encrypted.noise(1 << 14))
    assert not looks_encrypted(encrypted.noise(1000))
    assert not looks_encrypted(bytes(range(256)) * 64), "too even"
    assert not looks_encrypted(encrypted.noise(1 << 13) + bytes(1 << 13))


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("film.mov", b"This film was removed from the server.\r\n", "is a text file, not a video"),
        ("film.mp4", b"<!DOCTYPE html><html>404</html>", "is a text file, not a video"),
        ("film.mp4", b"%PDF-1.7\n\xe2\xe3\xcf\xd3", "is a PDF, not a video; leave it out"),
        ("film.mp4", b"Rar!\x1a\7\1\0" + bytes(99), "is a RAR archive, not a video; unpack it"),
        ("film.avi", b"7z\xbc\xaf\x27\x1c" + bytes(99), "is a 7z archive, not a video; unpack it"),
        ("film.mp4", bytes(9999), "begins with zeros only"),
        ("film.mp4", b"#EXTM3U\nhttp://a/b.ts\n", "is a playlist"),
        ("film.mp4", b"\x7fELF\2\1\1" + bytes(99), "is not a video file of a known format"),
    ],
)
def test_other_content_is_named(name: str, content: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(VideoOpenError, match=reason):
        open_video(str(path))


def test_a_zip_archive_says_if_it_needs_a_password(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    encrypted.locked_zip(path)
    with pytest.raises(VideoOpenError, match="is a zip archive with a password"):
        open_video(str(path))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("film.mp4", bytes(100))
    with pytest.raises(VideoOpenError, match="is a zip archive, not a video; unpack it first"):
        open_video(str(path))


@pytest.mark.parametrize(
    ("name", "container", "codec", "read_as"),
    [
        ("film.mp4", "avi", "mpeg4", "avi"),
        ("film.avi", "mp4", "libx264", "mp4"),
        ("film.ts", "matroska", "libx264", "matroska"),
        ("film.mkv", "mpegts", "libx264", "mpegts"),
        ("film.wmv", "mp4", "libx264", "mp4"),
        ("film.mpg", "asf", "wmv2", "asf"),
        ("film.gif", "mp4", "libx264", "mp4"),
        ("film.mjpeg", "mp4", "libx264", "mp4"),
        ("film.h264", "mpegts", "libx264", "mpegts"),
        ("film.txt", "webm", "libvpx", "matroska"),
        ("film", "flv", "flv", "flv"),
    ],
)
def test_content_not_the_ending_decides(
    name: str, container: str, codec: str, read_as: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    write_video(path, VideoSpec(frames=12, container=container, codec=codec))
    with open_video(str(path)) as reader:
        assert reader.info.container == read_as
        assert sum(1 for _ in reader.decode()) == 12
