"""Embedding files (``.npy`` and Parquet), and the lists that name their rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vidsearch.datatypes import Matrix
from vidsearch.errors import ConfigError
from vidsearch.evaluation.protocols.lines import malformed, read_lines
from vidsearch.text.printable import printable


def open_vectors(path: Path) -> Matrix:
    """Return a memory-mapped (N, D) table of vectors.

    Raises:
        ConfigError: Not a ``.npy`` file of (N, D) floating-point numbers, or an empty one.
    """
    file_name = printable(str(path))
    try:
        table: Matrix = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(f"{file_name} cannot be read ({reason}); check the path") from error
    except Exception as error:
        # NumPy evaluates the header as Python, so a damaged header can raise almost any exception.
        reason = printable(str(error).partition("\n")[0] or type(error).__name__)
        raise ConfigError(
            f"{file_name} is not a .npy file of numbers ({reason}); write it with numpy.save"
        ) from error
    if not isinstance(table, np.ndarray) or table.ndim != 2 or table.dtype.kind != "f":
        content = f"{table.dtype} {table.shape}" if isinstance(table, np.ndarray) else "an archive"
        raise ConfigError(f"{file_name} must hold floating-point vectors (N, D); got {content}")
    if not table.size:
        raise ConfigError(f"{file_name} has no vector; embed at least one image")
    return table


BLOCK_ROWS = 16_384
"""Rows of one block; with 512 dimensions they take 32 MiB."""


@dataclass(frozen=True, slots=True)
class VectorFile:
    """A table of vectors, read block by block.

    Attributes:
        path: A ``.npy`` file, or a Parquet file with a column ``embedding``.
        rows: Number of vectors, N.
        dim: Dimension, D.
    """

    path: Path
    rows: int
    dim: int

    def blocks(self) -> Iterator[tuple[int, Matrix]]:
        """Yield the number of the first row and the (B, D) float32 vectors of every block.

        Raises:
            ConfigError: A Parquet row without a vector.
        """
        if self.path.suffix == ".parquet":
            yield from _parquet_blocks(self.path, self.dim)
            return
        table = open_vectors(self.path)
        for start in range(0, self.rows, BLOCK_ROWS):
            yield start, np.asarray(table[start : start + BLOCK_ROWS], np.float32)


def open_vector_file(path: Path) -> VectorFile:
    """Open a ``.npy`` or ``.parquet`` file of vectors.

    Raises:
        ConfigError: The file cannot be read, or does not hold floating-point vectors of one length.
    """
    if path.suffix != ".parquet":
        table = open_vectors(path)
        return VectorFile(path, *table.shape)
    import pyarrow as pa
    from pyarrow import parquet

    file_name = printable(str(path))
    try:
        file = parquet.ParquetFile(path)
    except OSError as error:
        reason = printable(error.strerror or str(error))
        raise ConfigError(f"{file_name} cannot be read ({reason}); check the path") from error
    except pa.ArrowException as error:
        raise ConfigError(
            f"{file_name} is not a Parquet file ({printable(str(error).splitlines()[0])})"
        ) from error
    with file:
        schema = file.schema_arrow
        kind = schema.field("embedding").type if "embedding" in schema.names else pa.null()
        if not (pa.types.is_fixed_size_list(kind) and pa.types.is_floating(kind.value_type)):
            raise ConfigError(
                f"{file_name} needs a column 'embedding', lists of one fixed size of "
                f"floating-point numbers; got {', '.join(map(str, schema)) or 'no column'}"
            )
        if not file.metadata.num_rows:
            raise ConfigError(f"{file_name} has no vector; embed at least one image")
        return VectorFile(path, file.metadata.num_rows, kind.list_size)


def _parquet_blocks(path: Path, dim: int) -> Iterator[tuple[int, Matrix]]:
    from pyarrow import parquet

    start = 0
    with parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(BLOCK_ROWS, columns=["embedding"]):
            column = batch.column(0)
            flat = column.flatten()
            if column.null_count or flat.null_count or len(flat) != len(column) * dim:
                raise ConfigError(
                    f"{printable(str(path))}: a vector is missing or empty near row {start}; leave "
                    "no gaps"
                )
            values = flat.to_numpy(zero_copy_only=False)
            yield start, np.asarray(values, np.float32).reshape(-1, dim)
            start += len(column)


def read_names(path: Path, rows: int, *, subjects: bool) -> tuple[list[str], list[str]]:
    """Return the name and the subject of every row; the subject is empty without ``subjects``.

    Each line holds the unique name of an image and, with ``subjects``, its subject after a space or
    tab.

    Args:
        path: The list.
        rows: Number of vectors that the list names.
        subjects: True if the list names subjects.

    Raises:
        ConfigError: A malformed line, a repeated name, or a number of lines other than ``rows``.
    """
    names: dict[str, int] = {}
    subject_of_row: list[str] = []
    expected = "'image subject'" if subjects else "one image"
    for number, line in read_lines(path):
        fields = line.split()
        if len(fields) != (2 if subjects else 1):
            malformed(path, number, line, expected)
        if fields[0] in names:
            malformed(path, number, line, f"a new image (line {names[fields[0]]} has it)")
        names[fields[0]] = number
        subject_of_row.append(fields[1] if subjects else "")
    if len(names) != rows:
        raise ConfigError(
            f"{printable(str(path))} must name the {rows} rows of its vectors; got {len(names)}"
        )
    return list(names), subject_of_row


def read_noise(paths: Iterable[Path], *lists: list[str]) -> list[NDArray[np.bool_]]:
    """Return, for each list of N names, (N,) flags: False for rows that a noise list names.

    Args:
        paths: Noise lists, one image per line.
        lists: Names of the rows of each table.

    Raises:
        ConfigError: A noise list names an image that is in none of the lists.
    """
    rows: dict[str, list[tuple[int, int]]] = {}
    for table, names in enumerate(lists):
        for row, name in enumerate(names):
            rows.setdefault(name, []).append((table, row))  # a name may be in several lists
    keep = [np.ones(len(names), bool) for names in lists]
    for path in paths:
        for number, line in read_lines(path):
            name = line.strip()
            if name not in rows:
                malformed(path, number, line, "an image of the probe or gallery list")
            for table, row in rows[name]:
                keep[table][row] = False
    return keep
