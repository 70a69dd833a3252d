"""Atomic writes: the old content or the new, never a part, and no temporary file."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

import pytest

from vidsearch.storage.files import (
    TEMPORARY_FILES,
    create_atomically,
    file_sha256,
    replaced_atomically,
    write_atomically,
)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_written_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "x"
    write_atomically(path, b"one")
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert names(path.parent) == ["x"]


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "missing" / "x", b"")
    with pytest.raises(FileNotFoundError):
        create_atomically(tmp_path / "missing" / "x", b"")
    assert names(tmp_path) == []


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_a_failed_block_leaves_the_old_content(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "x"
    write_atomically(path, b"one")

    def interrupted() -> None:
        with replaced_atomically(path) as temporary:
            temporary.write_bytes(b"tw")
            raise error

    with pytest.raises(type(error)):
        interrupted()
    assert path.read_bytes() == b"one"
    assert names(tmp_path) == ["x"]


def test_the_old_content_is_visible_until_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "x"
    write_atomically(path, b"one")
    with replaced_atomically(path) as temporary:
        temporary.write_bytes(b"two")
        assert path.read_bytes() == b"one"
        assert list(tmp_path.glob(TEMPORARY_FILES)) == [temporary]
    assert path.read_bytes() == b"two"


def test_of_many_concurrent_creations_one_wins(tmp_path: Path) -> None:
    path = tmp_path / "x"
    start = threading.Barrier(8)
    winners: list[int] = []

    def create(number: int) -> None:
        start.wait()
        if create_atomically(path, str(number).encode() * 1000):
            winners.append(number)

    threads = [threading.Thread(target=create, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = winners
    assert path.read_bytes() == str(winner).encode() * 1000
    assert names(tmp_path) == ["x"]


def test_permissions_follow_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "x", b"")
    finally:
        os.umask(before)
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("size", [0, 1, (1 << 20) + 1])
def test_the_hash_covers_the_whole_file(tmp_path: Path, size: int) -> None:
    content = bytes(range(256)) * (size // 256 + 1)
    (tmp_path / "x").write_bytes(content[:size])
    assert file_sha256(tmp_path / "x") == hashlib.sha256(content[:size]).hexdigest()
