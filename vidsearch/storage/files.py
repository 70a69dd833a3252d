"""Local files: atomic writes that survive a crash, and hashes."""

from __future__ import annotations

import hashlib
import os
import secrets
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from vidsearch.text.names import is_unicode

TEMPORARY_FILES = ".*.part"
"""Glob pattern of temporary files, which lie in the folder of the file to write."""

_LONGEST_NAME_BYTES = 255


@contextmanager
def replaced_atomically(path: Path) -> Iterator[Path]:
    """Yield the path of a temporary file that replaces ``path`` when the block ends.

    Other processes see the old content or the new content, never a part, even after a power
    failure. If the block fails, ``path`` stays unchanged and the temporary file is removed. A
    killed process leaves it behind, under a name that matches ``TEMPORARY_FILES``.

    Args:
        path: File to write, in an existing folder.

    Raises:
        OSError: The file cannot be written.

    Example:
        >>> import tempfile
        >>> target = Path(tempfile.mkdtemp()) / "notes.txt"
        >>> with replaced_atomically(target) as temporary:
        ...     _ = temporary.write_text("complete")
        >>> target.read_text()
        'complete'
    """
    temporary = temporary_path(path)
    try:
        yield temporary
        sync(temporary)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync(path.parent)


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file as ``replaced_atomically`` does.

    Raises:
        OSError: The file cannot be written.
    """
    with replaced_atomically(path) as temporary:
        temporary.write_bytes(content)


def create_atomically(path: Path, content: bytes) -> bool:
    """Write a file unless it exists; return True if this call wrote it.

    Of several concurrent calls exactly one returns True. Other processes see no file or the whole
    content. On a drive without hard links they may see a part while it is written.

    Raises:
        OSError: The file cannot be written.
    """
    temporary = temporary_path(path)
    try:
        temporary.write_bytes(content)
        sync(temporary)
        _create_from(temporary, path, content)
    except FileExistsError:
        return False
    finally:
        temporary.unlink(missing_ok=True)
    sync(path.parent)
    return True


def _create_from(temporary: Path, path: Path, content: bytes) -> None:
    """Give a file a second name; on a drive without hard links, write another file.

    Raises:
        FileExistsError: Another file has the name.
    """
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:
        with path.open("xb") as file:
            try:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            except BaseException:
                path.unlink()
                raise


def folder_mode() -> int:
    """Return the mode of a new folder under the user's umask."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o777 & ~mask


def temporary_path(path: Path) -> Path:
    """Return a new name that matches ``TEMPORARY_FILES``, in the folder of ``path``."""
    return neighbour(path, beginning=".", ending=f".{secrets.token_hex(8)}.part")


def sync(path: Path) -> None:
    """Flush a file's content, or a folder's entries, to the disk.

    Raises:
        OSError: The disk reports an error.
    """
    if sys.platform != "win32":
        handle = os.open(path, os.O_RDONLY)
    elif path.is_dir():  # Windows has no call for the entries of a folder
        return
    else:
        handle = os.open(path, os.O_RDWR)  # Windows flushes files that are open for writing
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def arrow_file(path: Path, mode: Literal["rb", "wb"] = "rb") -> Any:
    """Open a file for Arrow and Parquet, whose own functions take Unicode names only.

    Raises:
        OSError: The file cannot be opened.
    """
    import pyarrow as pa

    return pa.OSFile(os.fsencode(path), mode)


@contextmanager
def unicode_alias(folder: Path) -> Iterator[Path]:
    """Yield a path of an existing folder that libraries with Unicode names can open.

    It is the folder's own path, or a temporary link if that path has bytes that are not UTF-8.
    """
    if is_unicode(str(folder)):
        yield folder
        return
    with tempfile.TemporaryDirectory() as links:
        link = Path(links) / "folder"
        link.symlink_to(folder.resolve())
        yield link


def neighbour(path: Path, *, beginning: str = "", ending: str = "") -> Path:
    """Return the path in the same folder whose name has a further beginning and ending.

    A name that would be too long for a file system is shortened, always in the same way.

    Example:
        >>> neighbour(Path("/sets/faces"), ending=".part").name
        'faces.part'
        >>> len(neighbour(Path("/sets") / ("x" * 255), ending=".part").name)
        47
    """
    name = f"{beginning}{path.name}{ending}"
    if len(os.fsencode(name)) > _LONGEST_NAME_BYTES:
        digest = hashlib.blake2b(os.fsencode(path.name), digest_size=8).hexdigest()
        name = f"{beginning}{path.name[:25]}~{digest}{ending}"
    return path.with_name(name)
