"""Files of a generation: damage changes the checksum, and ids are read one by one."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from vidsearch.index.generation_files import IdColumn, checksum, map_table, write_table

LARGE = (64 << 20) + 1


def test_each_byte_of_a_small_file_counts(tmp_path: Path) -> None:
    path = tmp_path / "a"
    sums = set()
    for position in range(20):
        content = bytearray(20)
        content[position] = 1
        path.write_bytes(content)
        sums.add(checksum(path))
    assert len(sums) == 20


def sparse(path: Path, size: int, *, byte_at: int | None = None) -> str:
    """Write a file of zeros with at most one other byte; return its checksum."""
    with path.open("wb") as file:
        file.truncate(size)
        if byte_at is not None:
            file.seek(byte_at)
            file.write(b"\1")
    return checksum(path)


@pytest.mark.parametrize("byte_at", [0, LARGE - 1])
def test_both_ends_of_a_large_file_count(tmp_path: Path, byte_at: int) -> None:
    path = tmp_path / "a"
    assert sparse(path, LARGE) != sparse(path, LARGE, byte_at=byte_at)


def test_a_large_file_that_is_cut_short_is_found(tmp_path: Path) -> None:
    # All remaining bytes are equal; only the length tells the difference.
    assert sparse(tmp_path / "a", LARGE) != sparse(tmp_path / "a", LARGE + 4096)


def test_ids_of_several_chunks_are_one_sequence(tmp_path: Path) -> None:
    table = pa.concat_tables([pa.table({"id": ["a", "b"]}), pa.table({"id": ["c"]})])
    write_table(tmp_path / "rows.arrow", table)
    ids = IdColumn(map_table(tmp_path / "rows.arrow")["id"])
    assert (len(ids), ids[0], ids[2], ids[-1]) == (3, "a", "c", "c")
    assert list(ids[1:]) == ["b", "c"]
    assert list(ids) == ["a", "b", "c"]
    assert len(IdColumn(pa.chunked_array([], pa.string()))) == 0
