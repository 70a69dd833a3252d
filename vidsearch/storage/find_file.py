"""Local files named by a text from another system: composed letters, case of endings."""

from __future__ import annotations

import os
from pathlib import Path

from vidsearch.text.names import composed


def find_file(path: Path) -> Path:
    """Return the existing path that a text names; ``path`` itself if there is none.

    If the path does not exist as written, every part is compared with the folder's entries:
    composed and decomposed letters are equal, and the ending of the last part may differ in case.
    A name that several entries match in this way is not resolved. Backslashes separate folders as
    on Windows if the path does not exist otherwise.

    Args:
        path: Path as written in a list or table.
    """
    if _exists(path):
        return path
    text = os.fspath(path)
    for spelling in dict.fromkeys((path, Path(text.replace("\\", "/")))):
        found = _resolved(spelling)
        if found is not None:
            return found
    return path


def _resolved(path: Path) -> Path | None:
    found = Path(path.anchor)
    parts = path.parts[1:] if path.anchor else path.parts
    for number, part in enumerate(parts, 1):
        step = found / part
        if not _exists(step):
            matches = _entries(found, part, any_ending=number == len(parts))
            if len(matches) != 1:
                return None
            step = found / matches[0]
        found = step
    return found


def _entries(folder: Path, name: str, *, any_ending: bool) -> list[str]:
    try:
        entries = os.listdir(folder)  # noqa: PTH208 (names, not paths)
    except (OSError, ValueError):
        return []
    matches = [entry for entry in entries if composed(entry) == composed(name)]
    if not matches and any_ending:
        folded = _with_folded_ending(name)
        matches = [entry for entry in entries if _with_folded_ending(entry) == folded]
    return matches


def _with_folded_ending(name: str) -> str:
    stem, ending = os.path.splitext(composed(name))  # noqa: PTH122 (a name, not a path)
    return stem + ending.casefold()


def _exists(path: Path) -> bool:
    try:
        path.lstat()
    except (OSError, ValueError):
        return False
    return True
