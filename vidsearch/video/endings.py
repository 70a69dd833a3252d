"""Which files of a folder are taken for videos: by their ending, and by their first bytes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

VIDEO_EXTENSIONS: Final = frozenset({
    ".264", ".265", ".3g2", ".3gp", ".amv", ".asf", ".avc", ".avi", ".divx", ".dv", ".f4v",
    ".flv", ".gxf", ".h264", ".h265", ".hevc", ".ivf", ".m1v", ".m2p", ".m2t", ".m2ts", ".m2v",
    ".m4v", ".mkv", ".mod", ".mov", ".mp4", ".mpe", ".mpeg", ".mpg", ".mpv", ".mts", ".mxf",
    ".nut", ".obu", ".ogm", ".ogv", ".qt", ".rm", ".rmvb", ".tod", ".trp", ".ts", ".vob", ".vro",
    ".webm", ".wmv", ".wtv", ".y4m",
})  # fmt: skip
# Source code shares these endings: TypeScript, Qt's translations (.ts), Go's module files (.mod).
_SHARED = frozenset({".ts", ".mts", ".m2ts", ".mod"})
_HEAD_BYTES = 1024
_TEXT_CONTROLS = frozenset(b"\t\n\f\r")


def has_video_ending(name: str) -> bool:
    return Path(name).suffix.lower() in VIDEO_EXTENSIONS


def is_source_code(path: Path) -> bool:
    """Tell whether a file with an ending that source code shares is text.

    One that is empty or cannot be read is not: it is to be reported, not passed over.
    """
    # Opening a pipe would wait for a writer that may never come.
    if path.suffix.lower() not in _SHARED or not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return is_text(file.read(_HEAD_BYTES))
    except OSError:
        return False


def remote_source_code(files: Any, paths: Iterable[str]) -> frozenset[str]:
    """Return those of ``paths``, on an fsspec file system, that are source code.

    The heads are asked for all at once, as one by one a large bucket would take hours.
    """
    asked = [path for path in paths if Path(path).suffix.lower() in _SHARED]
    if not asked:
        return frozenset()
    heads = files.cat_ranges(asked, 0, _HEAD_BYTES, on_error="return")
    return frozenset(
        path
        for path, head in zip(asked, heads, strict=True)
        if isinstance(head, bytes) and is_text(head)
    )


def is_text(head: bytes) -> bool:
    """Tell whether a file that begins with ``head`` is text, in UTF-8 or one byte a letter.

    The headers of a transport stream's packets hold bytes that no text has, and so do those of a
    program stream. That tells them from text even where a recording begins in the middle of a
    packet or is damaged there, which a look for the sync byte (0x47, also the letter G) would not.

    Example:
        >>> is_text(b"import { x } from './y';")
        True
        >>> is_text(bytes.fromhex("47400010 0000b00d 0001c100"))
        False
    """
    if not head:
        return False
    return all(byte >= 0x20 or byte in _TEXT_CONTROLS for byte in head) and 0x7F not in head
