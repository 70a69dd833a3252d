"""Files of a family, written when a test first needs them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

from vidsearch.video.open import open_video
from vidsearch.video.report import ReadReport

Written: TypeAlias = Callable[[str], Path]
"""Function from the name of a file to its path."""


def written_once(folder: Path, writers: Mapping[str, Callable[[Path], object]]) -> Written:
    """Return a function that writes each file once.

    Args:
        folder: Folder of the files.
        writers: Name of a file -> function that writes it.
    """

    def write(name: str) -> Path:
        path = folder / name
        if not path.exists():
            writers[name](path)
        return path

    return write


def report_of(path: Path) -> ReadReport:
    """Return the report of a file that was decoded to its end."""
    with open_video(str(path)) as reader:
        assert sum(1 for _ in reader.decode()) > 0
        return reader.report()
