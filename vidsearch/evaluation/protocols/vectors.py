"""Embeddings in ``.npy`` and Parquet files, and the lists that name their rows."""

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
    """Return a table of vectors, memory-mapped: rows are read when they are used.

    Raises:
        ConfigError: Not a ``.npy`` file of (N, D) floating-point numbers.
    """
    shown = printable(str(path))
    try:
        table: Matrix = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(f"{shown} cannot be read ({reason}); check the path") from error
    except Exception as error:
        # A damaged heading is read as Python and fails in as many ways.
        reason = printable(str(error).partition("\n")[0] or type(error).__name__)
        raise ConfigError(
            f"{shown} is not a .npy file of numbers ({reason}); write it with numpy.save"
        ) from error
    if not isinstance(table, np.ndarray) or table.ndim != 2 or table.dtype.kind != "f":
        found = f"{table.dtype} {table.shape}" if isinstance(table, np.ndarray) else "an archive"
        raise ConfigError(f"{shown} must hold floating-point vectors (N, D); got {found}")
    if not table.size:
        raise ConfigError(f"{shown} holds no vector")
    return table


BLOCK_ROWS = 16_384
"""Rows read at a time: at 512 numbers they take 32 MiB."""


@dataclass(frozen=True, slots=True)
class VectorFile:
    """A table of vectors that is read block by block.

    Attributes:
        path: A ``.npy`` file, or a Parquet file with a column ``embedding``.
        rows: N.
        dim: D.
    """

    path: Path
    rows: int
    dim: int

    def blocks(self) -> Iterator[tuple[int, Matrix]]:
        """Yield the first row of every block, and its (B, D) float32."""
        if self.path.suffix == ".parquet":
            yield from _parquet_blocks(self.path, self.dim)
            return
        table = open_vectors(self.path)
        for start in range(0, self.rows, BLOCK_ROWS):
            yield start, np.asarray(table[start : start + BLOCK_ROWS], np.float32)


def open_vector_file(path: Path) -> VectorFile:
    """Open a ``.npy`` or ``.parquet`` file of vectors.

    Raises:
        ConfigError: It cannot be read, or does not hold floating-point vectors of one length.
    """
    if path.suffix != ".parquet":
        table = open_vectors(path)
        return VectorFile(path, *table.shape)
    import pyarrow as pa
    from pyarrow import parquet

    shown = printable(str(path))
    try:
        file = parquet.ParquetFile(path)
    except OSError as error:
        reason = printable(error.strerror or str(error))
        raise ConfigError(f"{shown} cannot be read ({reason}); check the path") from error
    except pa.ArrowException as error:
        raise ConfigError(
            f"{shown} is no Parquet file ({printable(str(error).splitlines()[0])})"
        ) from error
    with file:
        schema = file.schema_arrow
        kind = schema.field("embedding").type if "embedding" in schema.names else pa.null()
        if not (pa.types.is_fixed_size_list(kind) and pa.types.is_floating(kind.value_type)):
            raise ConfigError(
                f"{shown} needs a column 'embedding', lists of one fixed size of floating-point "
                f"numbers; got {', '.join(map(str, schema)) or 'no column'}"
            )
        if not file.metadata.num_rows:
            raise ConfigError(f"{shown} holds no vector")
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
    """Return the name of every row, and its subject where the list has them.

    Each line: a picture's name, unique; with ``subjects`` a space or tab and the subject.

    Raises:
        ConfigError: A malformed line, a name that occurs twice, or another number of lines.
    """
    names: dict[str, int] = {}
    who: list[str] = []
    expected = "'picture subject'" if subjects else "one picture"
    for number, line in read_lines(path):
        fields = line.split()
        if len(fields) != (2 if subjects else 1):
            malformed(path, number, line, expected)
        if fields[0] in names:
            malformed(path, number, line, f"a new picture (line {names[fields[0]]} has it)")
        names[fields[0]] = number
        who.append(fields[1] if subjects else "")
    if len(names) != rows:
        raise ConfigError(
            f"{printable(str(path))} must name the {rows} rows of its vectors; got {len(names)}"
        )
    return list(names), who


def read_noise(paths: Iterable[Path], *known: list[str]) -> list[NDArray[np.bool_]]:
    """Return for each list of names which of its rows are kept when noise lists are applied.

    Raises:
        ConfigError: A picture that is in none of the lists.
    """
    rows: dict[str, list[tuple[int, int]]] = {}
    for which, names in enumerate(known):
        for row, name in enumerate(names):
            rows.setdefault(name, []).append((which, row))  # it may be in both lists
    keep = [np.ones(len(names), bool) for names in known]
    for path in paths:
        for number, line in read_lines(path):
            name = line.strip()
            if name not in rows:
                malformed(path, number, line, "a picture of the probe or gallery list")
            for which, row in rows[name]:
                keep[which][row] = False
    return keep
