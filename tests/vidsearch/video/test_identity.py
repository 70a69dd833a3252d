import hashlib
from pathlib import Path
from typing import IO, cast

import fsspec
import pytest

from vidsearch.errors import VideoOpenError
from vidsearch.video.identity import content_id
from vidsearch.video.source import ByteSource


def test_the_id_is_the_blake2b_160_of_the_bytes(tmp_path: Path) -> None:
    # Digest of an empty file, as printed by b2sum -l 160.
    (tmp_path / "empty").write_bytes(b"")
    assert content_id(str(tmp_path / "empty")) == "3345524abf6bbe1809449224b5972c41790b6cf2"
    data = bytes(range(256)) * 10_000  # longer than one block
    (tmp_path / "a b\n.mp4").write_bytes(data)
    expected = hashlib.blake2b(data, digest_size=20).hexdigest()
    assert content_id(str(tmp_path / "a b\n.mp4")) == expected


def test_path_and_name_do_not_change_the_id_but_one_bit_does(tmp_path: Path) -> None:
    fsspec.filesystem("memory").pipe("/ids/x.mp4", b"same")
    (tmp_path / "y.mkv").write_bytes(b"same")
    (tmp_path / "z.mkv").write_bytes(b"samf")
    assert content_id("memory://ids/x.mp4") == content_id(str(tmp_path / "y.mkv"))
    assert content_id(str(tmp_path / "y.mkv")) != content_id(str(tmp_path / "z.mkv"))
    fsspec.filesystem("memory").rm("/ids", recursive=True)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "gone.mp4"
    path.write_bytes(b"x")
    path.unlink()
    with pytest.raises(VideoOpenError, match=r"gone\.mp4' does not exist"):
        content_id(str(path))


def test_a_disk_that_fails_half_way_is_an_error(tmp_path: Path) -> None:
    class Failing:
        def __init__(self) -> None:
            self.left = 2

        def read(self, size: int) -> bytes:
            self.left -= 1
            if self.left < 0:
                raise OSError(5, "Input/output error")
            return bytes(size)

        def close(self) -> None:
            pass

    path = str(tmp_path / "a.mp4")
    source = ByteSource(path, cast("IO[bytes]", Failing()))
    with pytest.raises(VideoOpenError, match=r"stopped being readable.*Input/output error"):
        content_id(path, source=source)
