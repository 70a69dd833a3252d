"""Choice among the paths of a video: an existing file before a deleted one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from vidsearch.video.discovery.exclusion import in_system_folder


def live_first(paths: Iterable[str]) -> list[str]:
    """Return the paths of a video, the best first.

    Existing local files come first, then files in object stores, which are not examined, then
    missing files. Within each group, files in recycle bins and snapshots come last.
    """
    return sorted(paths, key=lambda path: (_absence(path), in_system_folder(path)))


def _absence(path: str) -> int:
    if "://" in path:
        return 1
    try:
        return 0 if Path(path).exists() else 2
    except (OSError, ValueError):
        return 2
