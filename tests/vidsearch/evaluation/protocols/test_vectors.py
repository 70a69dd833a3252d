"""Embedding files: both formats give the same vectors, and a gap is never read as a vector."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vidsearch.errors import ConfigError
from vidsearch.evaluation.protocols.vectors import (
    BLOCK_ROWS,
    open_vector_file,
    open_vectors,
    read_names,
    read_noise,
)


def write_parquet(path: Path, column: pa.Array, name: str = "embedding") -> Path:
    pq.write_table(pa.table({name: column}), path)
    return path


def fixed(rows: list[list[float | None] | None], dim: int, kind: pa.DataType) -> pa.Array:
    return pa.array(rows, pa.list_(kind, dim))


def test_both_formats_give_the_same_blocks(tmp_path: Path) -> None:
    vectors = np.random.default_rng(3).normal(size=(BLOCK_ROWS + 5, 3)).astype(np.float32)
    np.save(tmp_path / "a.npy", vectors)
    flat = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), 3)
    write_parquet(tmp_path / "a.parquet", flat)
    for name in ("a.npy", "a.parquet"):
        file = open_vector_file(tmp_path / name)
        assert (file.rows, file.dim) == vectors.shape
        blocks = list(file.blocks())
        assert [start for start, _ in blocks] == [0, BLOCK_ROWS]
        assert (np.concatenate([block for _, block in blocks]) == vectors).all()


def test_doubles_become_floats(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([[1 / 3, 2.0]]))
    ((_, block),) = open_vector_file(tmp_path / "a.npy").blocks()
    assert block.dtype == np.float32
    assert block.tolist() == [[float(np.float32(1 / 3)), 2.0]]


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros(4, np.float32), r"must hold floating-point vectors \(N, D\); got float32 \(4,\)"),
        (np.zeros((2, 2), np.int64), "must hold floating-point vectors .*; got int64"),
        (np.zeros((0, 4), np.float32), "has no vector; embed at least one image"),
    ],
)
def test_arrays_that_are_no_vectors(
    tmp_path: Path, array: np.ndarray[tuple[int, ...], np.dtype[np.float32]], message: str
) -> None:
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(ConfigError, match=message):
        open_vectors(tmp_path / "a.npy")


def test_files_that_are_no_arrays(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", a=np.zeros((2, 2), np.float32))
    with pytest.raises(ConfigError, match="got an archive"):
        open_vectors(tmp_path / "a.npz")
    np.save(tmp_path / "pickled.npy", np.array([object()]), allow_pickle=True)
    with pytest.raises(ConfigError, match=r"is not a \.npy file of numbers"):
        open_vectors(tmp_path / "pickled.npy")
    with pytest.raises(ConfigError, match=r"gone.npy cannot be read \(No such file"):
        open_vectors(tmp_path / "gone.npy")


@pytest.mark.parametrize(("rows", "dim"), [([[1.0, 2.0], None], 2), ([[1.0, None], [1.0, 2.0]], 2)])
def test_a_missing_vector_shifts_no_other(
    tmp_path: Path, rows: list[list[float | None] | None], dim: int
) -> None:
    path = write_parquet(tmp_path / "a.parquet", fixed(rows, dim, pa.float32()))
    with pytest.raises(ConfigError, match="a vector is missing or empty near row 0"):
        list(open_vector_file(path).blocks())


@pytest.mark.parametrize(
    ("column", "name"),
    [
        (fixed([[1.0]], 1, pa.float32()), "vector"),
        (pa.array([[1.0], [1.0, 2.0]], pa.list_(pa.float32())), "embedding"),
        (fixed([[1.0]], 1, pa.int32()), "embedding"),
    ],
)
def test_parquet_of_another_form(tmp_path: Path, column: pa.Array, name: str) -> None:
    path = write_parquet(tmp_path / "a.parquet", column, name)
    with pytest.raises(ConfigError, match="needs a column 'embedding', lists of one fixed size"):
        open_vector_file(path)


def test_parquet_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1 not really")
    with pytest.raises(ConfigError, match="is not a Parquet file"):
        open_vector_file(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        open_vector_file(tmp_path / "gone.parquet")
    write_parquet(path, fixed([], 2, pa.float32()))
    with pytest.raises(ConfigError, match="has no vector"):
        open_vector_file(path)


def names_file(folder: Path, text: str) -> Path:
    path = folder / "names.txt"
    path.write_text(text)
    return path


def test_names_are_the_rows_in_order(tmp_path: Path) -> None:
    path = names_file(tmp_path, "b.jpg Bob\n\na.jpg\tAda\n")
    assert read_names(path, 2, subjects=True) == (["b.jpg", "a.jpg"], ["Bob", "Ada"])


@pytest.mark.parametrize(
    ("text", "subjects", "message"),
    [
        ("a Ada\nb Bob\na Ada\n", True, r"line 3: expected a new image \(line 1 has it\)"),
        ("a\nb\n", True, "line 1: expected 'image subject'"),
        ("a Ada\n", False, "line 1: expected one image"),
        ("a\nb\n", False, "must name the 3 rows of its vectors; got 2"),
    ],
)
def test_a_list_that_does_not_fit_its_vectors(
    tmp_path: Path, text: str, subjects: bool, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        read_names(names_file(tmp_path, text), 3, subjects=subjects)


def test_noise_is_left_out_of_every_list_that_has_it(tmp_path: Path) -> None:
    noise = names_file(tmp_path, " both \nprobe 2\n")
    probe, gallery = read_noise([noise], ["both", "probe 1", "probe 2"], ["g", "both"])
    assert probe.tolist() == [False, True, False]
    assert gallery.tolist() == [True, False]
    with pytest.raises(ConfigError, match="line 1: expected an image of the probe or gallery"):
        read_noise([names_file(tmp_path, "unknown\n")], ["a"])
