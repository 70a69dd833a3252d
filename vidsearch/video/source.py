"""Bytes of a video: a local file or any storage that fsspec reaches.

Decoders read through these objects and never open a name themselves. Thus no file name and no
content of a file can make a decoder open another file.

Remote files are read in ranges, not copied: a worker needs no scratch disk of the size of its
videos, and a slice fetches its own part only. Indexing reads a file twice, first for its hash. A
small remote file is cached in between and fetched once.
"""

from __future__ import annotations

import io
import re
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Final

from vidsearch.errors import VideoOpenError
from vidsearch.text.names import path_of_url
from vidsearch.text.printable import one_line, printable

_SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://")
_REMOTE_BLOCK = 1 << 20
_CACHED_BYTES = 32 << 20
READ_BYTES: Final = 1 << 18
"""Bytes that a decoder reads at a time."""


def is_remote(uri: str) -> bool:
    """Return True if ``uri`` is read through fsspec; False if a local file has this name."""
    if _SCHEME.match(uri) is None or uri.lower().startswith("file://"):
        return False
    try:
        return not Path(uri).exists()
    except (OSError, ValueError):
        return True


def local_path(uri: str) -> Path:
    """Return the path of a local ``uri`` (a path, or ``file://``)."""
    if uri.lower().startswith("file://") and not Path(uri).exists():
        return Path(path_of_url(uri))
    return Path(uri)


class _CachedFile(threading.local):
    """Small remote file that this thread read last; cleared when the thread opens the file."""

    uri: str | None = None
    content: bytes = b""


_cached = _CachedFile()


def read_whole(
    uri: str,
    consume: Callable[[bytes], object],
    block_bytes: int,
    *,
    source: ByteSource | None = None,
) -> None:
    """Read a file from its start to its end, block by block, and cache a small remote file.

    Args:
        uri: Path, or a URI known to fsspec.
        consume: Called with each block.
        block_bytes: Bytes per block.
        source: Bytes of the file; None to open ``uri``.

    Raises:
        VideoOpenError: The file is missing, or cannot be read to its end.
    """
    _cached.uri = None
    source = source if source is not None else ByteSource(uri)
    blocks: list[bytes] | None = [] if is_remote(uri) else None
    try:
        while content := source.read(block_bytes):
            consume(content)
            if blocks is not None:
                blocks.append(content)
                if source.tell() > _CACHED_BYTES:
                    blocks = None
        source.check()
    finally:
        source.close()
    if blocks is not None:
        _cached.uri, _cached.content = uri, b"".join(blocks)


class ByteSource:
    """Seekable file-like object that records a storage failure instead of raising it.

    C decoders call ``read`` and discard its exceptions, so a failing disk or network would look
    like the end of the file. ``check`` raises the recorded failure.

    Attributes:
        watch: Called with the offset and the bytes of every later ``read``.

    Args:
        uri: Path, or a URI known to fsspec.
        file: Open binary file; None to open ``uri``.
        buffer_bytes: Bytes that a decoder reads at a time.
    """

    def __init__(
        self, uri: str, file: IO[bytes] | None = None, *, buffer_bytes: int = READ_BYTES
    ) -> None:
        self._uri = uri
        self._failure: Exception | None = None
        self.watch: Callable[[int, bytes], None] | None = None
        self.buffer_bytes = buffer_bytes
        if file is None:
            file = _open_remote(uri) if is_remote(uri) else _open_local(uri)
        self._file = file
        # The decoder receives only the ending, as a hint, and never a name that it could open.
        ending = Path(uri).suffix
        self.name = "video" + (ending if re.fullmatch(r"\.[A-Za-z0-9]{1,8}", ending) else "")

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes; empty at the end of the file and after a storage failure."""
        if self._failure is not None:
            return b""
        try:
            offset = 0 if self.watch is None else self._file.tell()
            content = bytes(self._file.read(size))
        except Exception as error:  # noqa: BLE001 - each file system has its own errors
            self._failure = error
            return b""
        if self.watch is not None:
            self.watch(offset, content)
        return content

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to an offset and return the new position; -1 if the offset is not in the file."""
        try:
            return int(self._file.seek(offset, whence))
        except (OSError, ValueError, OverflowError):
            # A damaged file can lead to a negative offset, or to one of more than 63 bits.
            return -1

    def tell(self) -> int:
        """Return the position in bytes."""
        return int(self._file.tell())

    def check(self) -> None:
        """Raise if the storage failed since the source was opened.

        Raises:
            VideoOpenError: Chained from the storage's own error.
        """
        if self._failure is not None:
            raise VideoOpenError(
                f"'{printable(self._uri)}' stopped being readable "
                f"({one_line(self._failure, with_type=True)}); "
                "check the storage and repeat",
                unreachable=True,
            ) from self._failure

    def read_at(self, offset: int, size: int) -> bytes:
        """Return bytes from an offset on; fewer at the end of the file."""
        return self.read(size) if self.seek(offset) == offset else b""

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _open_local(uri: str) -> IO[bytes]:
    path = local_path(uri)
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise VideoOpenError(
                f"'{printable(uri)}' is a folder, not a video; name a file inside it",
                unreachable=True,
            )
        # Opening a pipe blocks until another process writes to it.
        if not stat.S_ISREG(mode):
            raise VideoOpenError(
                f"'{printable(uri)}' is not a regular file; copy the video to a file first",
                unreachable=True,
            )
        return path.open("rb", buffering=0)
    except FileNotFoundError as error:
        raise VideoOpenError(
            f"'{printable(uri)}' does not exist; check the path", unreachable=True
        ) from error
    except PermissionError as error:
        raise VideoOpenError(
            f"'{printable(uri)}' is not readable for this user; change its mode", unreachable=True
        ) from error
    except (OSError, ValueError) as error:
        raise VideoOpenError(
            f"'{printable(uri)}' cannot be opened ({one_line(error, with_type=True)})",
            unreachable=True,
        ) from error


def _open_remote(uri: str) -> IO[bytes]:
    import fsspec

    if _cached.uri == uri:
        content = _cached.content
        _cached.uri, _cached.content = None, b""
        return io.BytesIO(content)
    try:
        files, path = fsspec.core.url_to_fs(uri)
        opened: Any = files.open(path, "rb", block_size=_REMOTE_BLOCK)
    except FileNotFoundError as error:
        raise VideoOpenError(
            f"'{printable(uri)}' does not exist; check the URI", unreachable=True
        ) from error
    except ImportError as error:
        raise VideoOpenError(
            f"'{printable(uri)}' needs a package that is not installed "
            f"({one_line(error, with_type=True)})",
            unreachable=True,
        ) from error
    except Exception as error:
        raise VideoOpenError(
            f"'{printable(uri)}' cannot be opened ({one_line(error, with_type=True)}); check the "
            "URI and its credentials",
            unreachable=True,
        ) from error
    file: IO[bytes] = opened
    return file
