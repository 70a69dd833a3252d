"""Bytes of a video, wherever they are: a local file or any place fsspec reaches.

Decoders read through these objects and never open a name themselves, so no file name and nothing
written inside a file can make them fetch anything else.

Remote files are read in ranges, not copied: a worker needs no scratch disk as large as its films,
and a time slice fetches its own part. The price is that a file is read twice, first for its hash;
one that is small is kept in between, so that clips are fetched once.
"""

from __future__ import annotations

import io
import re
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote, urlsplit

from vidsearch.errors import VideoOpenError
from vidsearch.text.printable import printable

_SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://")
_REMOTE_BLOCK = 1 << 20
_KEPT_BYTES = 32 << 20
_SNIFF_BYTES = 64


def is_remote(uri: str) -> bool:
    """Tell whether ``uri`` goes through fsspec; an existing local file of that name does not."""
    if _SCHEME.match(uri) is None or uri.lower().startswith("file://"):
        return False
    try:
        return not Path(uri).exists()
    except (OSError, ValueError):
        return True


def local_path(uri: str) -> Path:
    """Return the path that a local ``uri`` (a path, or ``file://``) names."""
    if uri.lower().startswith("file://") and not Path(uri).exists():
        return Path(unquote(urlsplit(uri).path))
    return Path(uri)


class _Kept(threading.local):
    """The small remote file that this thread read whole last, until it is opened again."""

    uri: str | None = None
    content: bytes = b""


_kept = _Kept()


def read_whole(uri: str, take: Callable[[bytes], object], block: int) -> None:
    """Read a file from its start to its end, block by block; a small remote one is then kept.

    Raises:
        VideoOpenError: It is missing, unreadable, or stops being readable half-way.
    """
    _kept.uri = None
    source = ByteSource(uri)
    blocks: list[bytes] | None = [] if is_remote(uri) else None
    try:
        while content := source.read(block):
            take(content)
            if blocks is not None:
                blocks.append(content)
                if source.tell() > _KEPT_BYTES:
                    blocks = None
        source.check()
    finally:
        source.close()
    if blocks is not None:
        _kept.uri, _kept.content = uri, b"".join(blocks)


class ByteSource:
    """A seekable file-like object that remembers a storage failure instead of raising it.

    C decoders call ``read`` and swallow what it raises, so a failing disk or network would look
    like the end of the file. ``check`` says which it was.
    """

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._failure: Exception | None = None
        self._file = _open_remote(uri) if is_remote(uri) else _open_local(uri)
        # Only its ending may reach the decoder, as a hint: never a name it could act on.
        ending = Path(uri).suffix
        self.name = "video" + (ending if re.fullmatch(r"\.[A-Za-z0-9]{1,8}", ending) else "")

    def read(self, size: int = -1) -> bytes:
        if self._failure is not None:
            return b""
        try:
            return bytes(self._file.read(size))
        except Exception as error:  # noqa: BLE001 - each file system raises its own kinds
            self._failure = error
            return b""

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        try:
            return int(self._file.seek(offset, whence))
        except (OSError, ValueError):  # before the start: damaged files ask for that
            return -1

    def tell(self) -> int:
        return int(self._file.tell())

    def check(self) -> None:
        """Raise if the storage failed since the source was opened.

        Raises:
            VideoOpenError: Chained from what the storage raised.
        """
        if self._failure is not None:
            raise VideoOpenError(
                f"'{printable(self._uri)}' stopped being readable ({_one_line(self._failure)}); "
                "check the storage and repeat"
            ) from self._failure

    def head(self) -> bytes:
        """Return the first bytes, and leave the source at its start."""
        self.seek(0)
        first = self.read(_SNIFF_BYTES)
        self.seek(0)
        return first

    def close(self) -> None:
        self._file.close()


def _open_local(uri: str) -> IO[bytes]:
    path = local_path(uri)
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise VideoOpenError(
                f"'{printable(uri)}' is a folder, not a video; name a file inside it"
            )
        # Opening a pipe would wait for a writer that may never come.
        if not stat.S_ISREG(mode):
            raise VideoOpenError(
                f"'{printable(uri)}' is not a regular file; copy the video to one first"
            )
        return path.open("rb", buffering=0)
    except FileNotFoundError as error:
        raise VideoOpenError(f"'{printable(uri)}' does not exist; check the path") from error
    except PermissionError as error:
        raise VideoOpenError(
            f"'{printable(uri)}' may not be read by this user; change its mode"
        ) from error
    except (OSError, ValueError) as error:
        raise VideoOpenError(f"'{printable(uri)}' cannot be opened ({_one_line(error)})") from error


def _open_remote(uri: str) -> IO[bytes]:
    import fsspec

    if _kept.uri == uri:
        content, _kept.uri, _kept.content = _kept.content, None, b""
        return io.BytesIO(content)
    try:
        files, path = fsspec.core.url_to_fs(uri)
        opened: Any = files.open(path, "rb", block_size=_REMOTE_BLOCK)
    except FileNotFoundError as error:
        raise VideoOpenError(f"'{printable(uri)}' does not exist; check the URI") from error
    except ImportError as error:
        raise VideoOpenError(
            f"'{printable(uri)}' needs a package that is not installed ({_one_line(error)})"
        ) from error
    except Exception as error:
        raise VideoOpenError(
            f"'{printable(uri)}' cannot be opened ({_one_line(error)}); check the URI and its "
            "credentials"
        ) from error
    file: IO[bytes] = opened
    return file


def _one_line(error: Exception) -> str:
    return printable(" ".join(f"{type(error).__name__}: {error}".split()))


_PICTURES = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"8BPS", "Photoshop"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
)
_PICTURE_BRANDS = {b"heic": "HEIC", b"heix": "HEIC", b"mif1": "HEIF", b"avif": "AVIF"}
_PLAYLISTS = (b"#EXTM3U", b"ffconcat", b"<?xml", b"<MPD", b"v=0\r", b"v=0\n", b"[playlist]")


def picture_kind(head: bytes) -> str | None:
    """Return the format's name if a file that begins with ``head`` is a picture."""
    for magic, kind in _PICTURES:
        if head.startswith(magic):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    if head[4:8] == b"ftyp":
        return _PICTURE_BRANDS.get(head[8:12])
    return None


def is_playlist(head: bytes) -> bool:
    """Tell whether a file that begins with ``head`` is a text that only names other files."""
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(_PLAYLISTS)
