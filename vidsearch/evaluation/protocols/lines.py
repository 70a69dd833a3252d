"""Readers of protocol list files; their errors name the file and the line."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NoReturn, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vidsearch.errors import ConfigError
from vidsearch.storage import files
from vidsearch.text.decode import read_text
from vidsearch.text.printable import printable


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the number, from 1, and the text of every line that is not blank.

    Raises:
        ConfigError: The file cannot be read, or is not text; see ``text.decode.decode_text``.
    """
    for number, line in enumerate(io.StringIO(read_text(path)), 1):
        if line.strip():
            yield number, line.rstrip("\n")


def split_fields(line: str) -> list[str]:
    """Return the fields of a line, separated by tabs, semicolons, commas or blanks.

    Quotation marks around fields and empty fields at the end, as spreadsheets write them, are
    removed.

    Example:
        >>> split_fields('"Ann";1;2;;'), split_fields("Ann 1 2")
        (['Ann', '1', '2'], ['Ann', '1', '2'])
    """
    separator = next((mark for mark in "\t;," if mark in line), None)
    if separator is None:
        fields = line.split()
        return fields if len(fields) > 1 else [field.strip('"') for field in fields]
    fields = [field.strip() for field in next(csv.reader([line], delimiter=separator), [])]
    while fields and not fields[-1]:
        fields.pop()
    return fields


Kind: TypeAlias = Literal["str", "int8", "int32", "float64"]

_WHOLE = re.compile(r"[0-9]{1,10}", re.ASCII)
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", re.ASCII)


def read_table(path: Path, columns: Mapping[str, Kind], expected: str) -> dict[str, NDArray[Any]]:
    """Return the columns of a large file with blank-separated fields.

    Args:
        path: The file.
        columns: Kind of each column, by name. Integers must not be negative.
        expected: Form of a line, for errors.

    Returns:
        One (N,) array per column; texts are object arrays.

    Raises:
        ConfigError: The file cannot be read, has no line, or has a malformed line.
    """
    import pyarrow as pa
    from pyarrow import csv

    types = {"str": pa.string(), "int8": pa.int8(), "int32": pa.int32(), "float64": pa.float64()}
    try:
        table = csv.read_csv(
            path,
            csv.ReadOptions(column_names=list(columns)),
            csv.ParseOptions(delimiter=" ", quote_char=False),
            csv.ConvertOptions(
                column_types={name: types[kind] for name, kind in columns.items()},
                null_values=[],
                strings_can_be_null=False,
            ),
        )
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(
            f"{printable(str(path))} cannot be read ({reason}); check the path"
        ) from error
    except pa.ArrowInvalid:
        return _read_by_line(path, columns, expected)
    if not len(table):
        return _read_by_line(path, columns, expected)  # raises: the file has no line
    arrays = {name: table[name].to_numpy() for name in columns}
    for name, kind in columns.items():
        negative = kind.startswith("int") and bool((arrays[name] < 0).any())
        if negative or _has_blank(arrays[name], kind):
            return _read_by_line(path, columns, expected)
    return arrays


def _has_blank(column: NDArray[Any], kind: Kind) -> bool:
    return kind == "str" and any(not text or text.isspace() for text in column)


def _read_by_line(
    path: Path, columns: Mapping[str, Kind], expected: str
) -> dict[str, NDArray[Any]]:
    """Read line by line: accepts any run of blanks, and reports the malformed line."""
    values_of_column: dict[str, list[Any]] = {name: [] for name in columns}
    for number, line in read_lines(path):
        fields = line.split()
        if len(fields) != len(columns):
            malformed(path, number, line, expected)
        for (name, kind), text in zip(columns.items(), fields, strict=True):
            value = _value(text, kind)
            if value is None:
                malformed(path, number, line, expected)
            values_of_column[name].append(value)
    if not values_of_column[next(iter(columns))]:
        raise ConfigError(f"{printable(str(path))} has no line; expected {expected}")
    return {
        name: np.array(values_of_column[name], object if kind == "str" else kind)
        for name, kind in columns.items()
    }


def _value(text: str, kind: Kind) -> str | int | float | None:
    if kind == "str":
        return text
    if kind == "float64":
        return float(text) if _NUMBER.fullmatch(text) else None
    if not _WHOLE.fullmatch(text) or int(text) > np.iinfo(kind).max:
        return None
    return int(text)


def line_of_row(path: Path, row: int) -> tuple[int, str]:
    """Return the line number and the text of row ``row``, from 0, without blank lines."""
    return next(line for index, line in enumerate(read_lines(path)) if index == row)


def malformed(path: Path, number: int, line: str, expected: str) -> NoReturn:
    """Raise the error of a malformed line.

    Raises:
        ConfigError: Always.
    """
    excerpt = line if len(line) <= 80 else f"{line[:77]}..."
    raise ConfigError(
        f"{printable(str(path))}, line {number}: expected {expected}; got {printable(excerpt)!r}"
    )


def file_sha256(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 hash of an input file, for the report.

    Raises:
        ConfigError: The file cannot be read.
    """
    try:
        return files.file_sha256(Path(path))
    except OSError as error:
        raise ConfigError(
            f"{printable(os.fspath(path))} cannot be read ({error.strerror}); check the path"
        ) from error
