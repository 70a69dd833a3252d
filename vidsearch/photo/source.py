"""Files of query photos: a path or content -> an open file, or one ``PhotoError``."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, TypeAlias

from vidsearch.errors import PhotoError
from vidsearch.storage.find_file import find_file
from vidsearch.text.printable import printable
from vidsearch.video.source import local_path

PhotoSource: TypeAlias = str | os.PathLike[str] | bytes


@contextmanager
def opened_photo(source: PhotoSource, label: str) -> Iterator[BinaryIO]:
    """Yield the file of a photo, open for reading.

    Args:
        source: Path, ``file://`` URI, or content of the file.
        label: Name of the photo in errors.

    Raises:
        PhotoError: The file is missing, or cannot be read. The message is one line with the remedy.
    """
    if isinstance(source, bytes):
        yield io.BytesIO(source)
        return
    if not os.fspath(source):
        raise PhotoError("the name of the photo is empty; name a photo")
    path = find_file(local_path(os.fspath(source)))
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise PhotoError(f"{label} does not exist; check the path") from None
    except (OSError, ValueError) as error:
        raise PhotoError(
            f"{label} cannot be reached: {error_reason(error)}; check the path"
        ) from error
    if stat.S_ISDIR(mode):
        raise PhotoError(f"{label} is a folder; name the photos in it")
    if not stat.S_ISREG(mode):
        # Reading a pipe may block, and a device may be endless.
        raise PhotoError(f"{label} is not a regular file; save the photo to a file first")
    try:
        file = path.open("rb")
    except OSError as error:
        raise PhotoError(
            f"{label} cannot be opened: {error_reason(error)}; check its permissions"
        ) from error
    with file:
        yield file


def error_reason(error: BaseException) -> str:
    """Return an exception's message on one line, without the path, which the caller adds."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return printable(text) if text else type(error).__name__
