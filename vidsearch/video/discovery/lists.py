"""Lists of videos: text files with one name per line, from any system."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from vidsearch.errors import VideoOpenError
from vidsearch.storage.find_file import find_file
from vidsearch.text.decode import decode_text
from vidsearch.text.names import path_of_url, without_invisible_ends
from vidsearch.text.printable import printable
from vidsearch.video.source import is_remote

_COMMENT: Final = "#"
_COMMENT_BEHIND: Final = re.compile(rf"\s+{_COMMENT}")
_QUOTES: Final = ('""', "''", "\u201c\u201d", "\u201e\u201c", "\u00ab\u00bb")
_MARK: Final = "\ufeff"
_EMPTY_COLUMNS: Final = ",;\t "


def read_list(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the number of every line that names a video, and the path or URI that it names.

    A name is a path relative to the list's folder, an absolute path, or a URI. Quotation marks,
    spaces and invisible marks around the name, empty columns and a comment behind it are left out
    if no file has that name. ``#`` begins a comment, unless a file has this name. A list that has
    NUL between names is split at NUL instead, as written by ``find -print0``, and has no comments.

    Args:
        path: The list, in UTF-8, UTF-16 or UTF-32. In UTF-8, names may have any bytes.

    Raises:
        VideoOpenError: The list cannot be read.
        ConfigError: The list is not text.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise VideoOpenError(
            f"the list '@{printable(str(path))}' cannot be read ({error.strerror}); check the path"
        ) from error
    text = decode_text(content, str(path), keep_bytes=True)
    lines = text.rstrip("\0")
    if "\0" in lines or (lines != text and existing_path(path.parent / lines) is not None):
        yield from _separated_by_nul(content, path)
        return
    for number, line in enumerate(lines.split("\n"), 1):
        for part in _unjoined(line, path.parent):
            name = _named(part, path.parent) if part.strip() else None
            if name is not None:
                yield number, name


def _separated_by_nul(content: bytes, path: Path) -> Iterator[tuple[int, str]]:
    names = os.fsdecode(content.removeprefix(b"\xef\xbb\xbf")).split("\0")
    for number, name in enumerate(names, 1):
        if name:
            yield number, name if is_remote(name) else str(path.parent / name)


def _unjoined(line: str, folder: Path) -> list[str]:
    """Return the lines of two lists that were joined without a line end between them."""
    if _MARK not in line or existing_path(folder / line.strip()) is not None:
        return [line]
    return line.split(_MARK)


def existing_path(path: Path) -> Path | None:
    """Return the existing path that a name stands for; None if there is none.

    Composed and decomposed letters are equal.
    """
    found = find_file(path)
    return found if _exists(found) else None


def _named(line: str, folder: Path) -> str | None:
    """Return the path or URI that a line names; None for a comment."""
    spellings = _spellings(line)
    for spelling in spellings:
        if is_remote(spelling):
            return spelling
        found = existing_path(folder / spelling)
        if found is not None:
            return str(found)
    if line.lstrip().startswith(_COMMENT):
        return None
    return str(folder / spellings[-1])


def _spellings(line: str) -> list[str]:
    """Return the names that a line may stand for, the most literal first."""
    stripped = line.strip()
    bare = without_invisible_ends(stripped).rstrip(_EMPTY_COLUMNS)
    comments = [found.start() for found in _COMMENT_BEHIND.finditer(stripped)]
    spellings = [line, stripped, *(stripped[:start] for start in comments), bare]
    if len(bare) > 1 and bare[0] + bare[-1] in _QUOTES:
        spellings.append(bare[1:-1])
    if spellings[-1].lower().startswith("file:/"):
        spellings.append(path_of_url("file://" + spellings[-1][len("file:") :].removeprefix("//")))
    return [spelling for spelling in dict.fromkeys(spellings) if spelling]


def _exists(path: Path) -> bool:
    try:
        path.stat()
    except PermissionError:
        return True  # the reader reports that it is not readable
    except (OSError, ValueError):
        return False
    return True
