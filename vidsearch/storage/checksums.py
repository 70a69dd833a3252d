"""Checksums of files that never change once written: one line a file, in a list that grows.

A line is ``<BLAKE2b of 16 bytes> <bytes> <path below the folder>``. The last line of a path counts.
Files that another program, or an earlier version of vidsearch, wrote have no line. Object stores
have checksums of their own, so lists exist on local drives only.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from vidsearch.storage.files import write_atomically

CHECKSUMS = "checksums"
"""Name of the list in its folder."""

_DIGEST_BYTES = 16
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Checksum:
    """Checksum of a file.

    Attributes:
        digest: BLAKE2b, hexadecimal.
        size: Bytes.
    """

    digest: str
    size: int


def checksum_of(path: Path) -> Checksum:
    """Return the checksum of a file's content.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=_DIGEST_BYTES))
        return Checksum(digest.hexdigest(), file.tell())


def read_checksums(folder: Path) -> dict[str, Checksum]:
    """Return the listed checksums by path below the folder; incomplete lines are left out.

    Args:
        folder: Folder of the list.
    """
    try:
        lines = (folder / CHECKSUMS).read_text("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return {}
    found = {}
    for line in lines:
        digest, _, rest = line.partition(" ")
        size, _, name = rest.partition(" ")
        if len(digest) == 2 * _DIGEST_BYTES and size.isdecimal() and name:
            found[name] = Checksum(digest, int(size))
    return found


def add_checksums(folder: Path, paths: Iterable[Path]) -> None:
    """Add files that are not listed yet; a list that cannot be written is logged.

    Args:
        folder: Folder of the list.
        paths: Complete files below the folder.
    """
    try:
        listed = read_checksums(folder)
        names = {path: path.relative_to(folder).as_posix() for path in paths}
        new = {name: path for path, name in names.items() if name not in listed}
        if new:
            _append(folder, {name: checksum_of(path) for name, path in sorted(new.items())})
    except OSError as error:
        _LOG.info("the checksums of %s are not complete: %s", folder, error)


def keep_checksums(folder: Path, existing: Collection[Path]) -> None:
    """Remove the lines of files that do not exist any more, if they are the larger part.

    No other process may add lines meanwhile.

    Args:
        folder: Folder of the list.
        existing: Files below the folder.
    """
    listed = read_checksums(folder)
    names = {path.relative_to(folder).as_posix() for path in existing}
    remaining = {name: value for name, value in listed.items() if name in names}
    if 2 * len(remaining) < len(listed):
        try:
            write_atomically(folder / CHECKSUMS, _lines(remaining))
        except OSError as error:
            _LOG.info("the checksums of %s cannot be written: %s", folder, error)


def _append(folder: Path, checksums: Mapping[str, Checksum]) -> None:
    handle = os.open(folder / CHECKSUMS, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    try:
        os.write(handle, _lines(checksums))  # one call: lines of other processes do not mix
    finally:
        os.close(handle)


def _lines(checksums: Mapping[str, Checksum]) -> bytes:
    lines = [f"{value.digest} {value.size} {name}\n" for name, value in checksums.items()]
    return "".join(lines).encode()
