"""Bytes of a video: failures are kept and raised, and a small remote file is fetched once."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import IO, Any, cast

import fsspec
import pytest

from vidsearch.errors import VideoOpenError
from vidsearch.video.source import ByteSource, is_remote, local_path, read_whole


@pytest.fixture
def memory() -> Iterator[Any]:
    """An object store in memory, empty before and after the test."""
    files = fsspec.filesystem("memory")
    files.store.clear()
    yield files
    files.store.clear()


class Failing(io.BytesIO):
    """Storage that fails at its second read."""

    reads = 0

    def read(self, size: int | None = -1) -> bytes:
        self.reads += 1
        if self.reads > 1:
            raise ConnectionResetError("reset\nby peer")
        return super().read(size)


def test_a_failing_storage_is_not_the_end_of_the_file() -> None:
    source = ByteSource("/a\n.mp4", cast("IO[bytes]", Failing(b"x" * 10)))
    assert source.read(4) == b"xxxx"
    source.check()
    assert source.read(4) == b""
    with pytest.raises(VideoOpenError, match=r"'/a\\n.mp4'.*ConnectionResetError") as caught:
        source.check()
    assert isinstance(caught.value.__cause__, ConnectionResetError)
    assert "\n" not in str(caught.value)
    assert source.read(4) == b"", "later reads do not go on behind the hole"


def test_reading_whole_reports_the_failure_and_closes() -> None:
    file = Failing(b"x" * 10)
    with pytest.raises(VideoOpenError, match="ConnectionResetError"):
        read_whole("/a.mp4", lambda _: None, 4, source=ByteSource("/a", cast("IO[bytes]", file)))
    assert file.closed


def test_a_small_remote_file_is_fetched_once(memory: Any) -> None:
    memory.pipe("/clip.mp4", b"0123456789")
    parts: list[bytes] = []
    read_whole("memory://clip.mp4", parts.append, 4)
    assert parts == [b"0123", b"4567", b"89"]
    memory.rm("/clip.mp4")
    # The decoder opens the file next and gets the bytes that were hashed.
    source = ByteSource("memory://clip.mp4")
    assert source.read() == b"0123456789"
    with pytest.raises(VideoOpenError, match="does not exist; check the URI"):
        ByteSource("memory://clip.mp4")


def test_the_copy_of_another_file_is_not_used(memory: Any) -> None:
    memory.pipe("/a.mp4", b"a")
    memory.pipe("/b.mp4", b"b")
    read_whole("memory://a.mp4", lambda _: None, 4)
    assert ByteSource("memory://b.mp4").read() == b"b"
    read_whole("memory://b.mp4", lambda _: None, 4)
    memory.pipe("/a.mp4", b"changed")
    assert ByteSource("memory://a.mp4").read() == b"changed"


@pytest.mark.parametrize(
    ("uri", "remote"),
    [
        ("s3://bucket/a.mp4", True),
        ("https://host/a.mp4", True),
        ("file:///v/a.mp4", False),
        ("FILE:///v/a.mp4", False),
        ("/v/a.mp4", False),
        ("c:/a.mp4", False),
        ("s3:bucket", False),
        ("s3://a\0b", True),
    ],
)
def test_what_is_read_through_fsspec(uri: str, remote: bool) -> None:
    assert is_remote(uri) is remote


def test_a_local_file_of_an_odd_name_is_local(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "http:").mkdir()
    (tmp_path / "http:" / "host.mp4").write_bytes(b"local")
    assert not is_remote("http://host.mp4")
    with closing(ByteSource("http://host.mp4")) as source:
        assert source.read() == b"local"


def test_a_file_uri_is_decoded() -> None:
    assert local_path("file:///v/a%20b%23.mp4") == Path("/v/a b#.mp4")
    assert local_path("/v/a%20b.mp4") == Path("/v/a%20b.mp4")


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("/v/a.mp4", "video.mp4"),
        ("/v/concat:a.m3u8", "video.m3u8"),
        ("/v/a.mp4 -i x", "video"),
        ("/v/a.", "video"),
        ("/v/a.averylongending", "video"),
    ],
)
def test_a_decoder_gets_the_ending_only(uri: str, name: str) -> None:
    assert ByteSource(uri, io.BytesIO(b"")).name == name


def test_places_that_are_no_video(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    for path, message in (
        (tmp_path, "is a folder, not a video"),
        (tmp_path / "pipe.mp4", "is not a regular file"),
        (tmp_path / "gone.mp4", "does not exist; check the path"),
        (Path("a\0b"), "cannot be opened"),
    ):
        with pytest.raises(VideoOpenError, match=message):
            ByteSource(str(path))


def test_seeking_outside_of_a_damaged_file_is_no_exception() -> None:
    source = ByteSource("/a.mp4", io.BytesIO(b"0123"))
    assert source.seek(-1) == -1
    assert source.seek(2**64) == -1
    assert source.seek(2) == source.tell() == 2
    assert source.read_at(0, 4) == b"0123"
    assert source.read_at(9, 4) == b""
