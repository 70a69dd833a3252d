"""Text files of protocols, line by line, with errors that name file and line."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from vidsearch.errors import ConfigError
from vidsearch.printable import printable


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield number (from 1) and text of every line that is not blank.

    Raises:
        ConfigError: The file cannot be read or is not UTF-8.
    """
    try:
        with path.open(encoding="utf-8-sig") as stream:
            for number, line in enumerate(stream, 1):
                if line.strip():
                    yield number, line.rstrip("\r\n")
    except OSError as error:
        raise ConfigError(
            f"{printable(str(path))} cannot be read ({error.strerror}); check the path"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{printable(str(path))} is not text in UTF-8 (byte {error.start}); is it another file?"
        ) from error


def malformed(path: Path, number: int, line: str, expected: str) -> NoReturn:
    """Raise the error of a line that cannot be used."""
    shown = line if len(line) <= 80 else f"{line[:77]}..."
    raise ConfigError(
        f"{printable(str(path))}, line {number}: expected {expected}; got {printable(shown)!r}"
    )


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file, for reports.

    Raises:
        ConfigError: The file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(1 << 20):
                digest.update(chunk)
    except OSError as error:
        raise ConfigError(
            f"{printable(str(path))} cannot be read ({error.strerror}); check the path"
        ) from error
    return digest.hexdigest()
