"""Lines of event logs and of accounts of sources that contain a trace of erased data."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from vidsearch.catalog.sources.accounts import FOLDER as SOURCES
from vidsearch.erasure.patterns import Patterns
from vidsearch.storage.path import StoragePath

RUNS = "runs"


def matching_lines(root: StoragePath, texts: Collection[bytes]) -> int:
    """Return the number of lines that contain one of the texts.

    Args:
        root: Folder of the catalog.
        texts: Ids, paths and quoted names.
    """
    contains = Patterns(texts).found_in
    return sum(sum(map(contains, _lines(log))) for _, log in _logs(root))


def redact(root: StoragePath, texts: Collection[bytes]) -> int:
    """Remove the lines that contain one of the texts; return their number.

    A run may be appending to its log: there, the lines are overwritten with spaces.

    Args:
        root: Folder of the catalog.
        texts: Ids, paths and quoted names.

    Raises:
        OSError: A file cannot be written.
    """
    contains = Patterns(texts).found_in
    removed = 0
    for folder, log in _logs(root):
        lines = _lines(log)
        found = [contains(line) for line in lines]
        if not any(found):
            continue
        removed += sum(found)
        if folder == RUNS and log.path is not None:
            _overwrite(log.path, contains)
        else:
            remaining = [line for line, erased in zip(lines, found, strict=True) if not erased]
            log.write(b"".join(remaining))
    return removed


def _overwrite(path: Path, contains: Callable[[bytes], bool]) -> None:
    with path.open("r+b") as file:
        start = 0
        for line in file.read().splitlines(keepends=True):
            if contains(line):
                file.seek(start)
                file.write(b" " * len(line.rstrip(b"\r\n")))
            start += len(line)


def _logs(root: StoragePath) -> Iterator[tuple[str, StoragePath]]:
    for name in (RUNS, SOURCES):
        folder = root.child(name)
        for file in folder.names():
            yield name, folder.child(file)


def _lines(log: StoragePath) -> list[bytes]:
    try:
        return log.read().splitlines(keepends=True)
    except (FileNotFoundError, IsADirectoryError):
        return []
