"""Embeddings in ``.npy`` files and the lists that name their rows."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vidsearch.datatypes import Matrix
from vidsearch.errors import ConfigError
from vidsearch.printable import printable
from vidsearch.protocols.lines import malformed, read_lines


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
    except (ValueError, EOFError) as error:
        raise ConfigError(
            f"{shown} is not a .npy file of numbers ({printable(str(error))}); write it with "
            "numpy.save"
        ) from error
    if not isinstance(table, np.ndarray) or table.ndim != 2 or table.dtype.kind != "f":
        found = f"{table.dtype} {table.shape}" if isinstance(table, np.ndarray) else "an archive"
        raise ConfigError(f"{shown} must hold floating-point vectors (N, D); got {found}")
    if not table.size:
        raise ConfigError(f"{shown} holds no vector")
    return table


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
    rows = {
        name: (which, row) for which, names in enumerate(known) for row, name in enumerate(names)
    }
    keep = [np.ones(len(names), bool) for names in known]
    for path in paths:
        for number, line in read_lines(path):
            name = line.strip()
            if name not in rows:
                malformed(path, number, line, "a picture of the probe or gallery list")
            which, row = rows[name]
            keep[which][row] = False
    return keep
