"""Messages about a filter that no video passes: the condition that fails, and what there is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from vidsearch.catalog.records import KnownFile
from vidsearch.text.names import composed
from vidsearch.text.printable import printable

_MOST_NAMES = 3


def missing_folder(folder: str, files: Collection[KnownFile]) -> str:
    """Return the message about a folder that holds no video of the catalog.

    Args:
        folder: The folder, as the user wrote it.
        files: Files of the catalog.
    """
    if not folder:
        return "'' names no folder; name a folder of the catalog's videos"
    parents = Counter(file.uri.rpartition("/")[0] or "/" for file in files)
    name = _last_name(folder)
    alike = sorted(
        {part for parent in parents for part in _upwards(parent) if _last_name(part) == name}
    )
    named = alike if alike else [parent for parent, _ in parents.most_common()]
    return f"no video of the catalog lies in the folder '{printable(folder)}'; {_examples(named)}"


def empty_scope(
    names: Sequence[str],
    since: datetime | None,
    until: datetime | None,
    files: Collection[KnownFile],
) -> str:
    """Return the message about conditions that no video passes.

    Args:
        names: Named videos and folders; each of them is in the catalog.
        since: Earliest time of change.
        until: End of the times of change.
        files: Files of the catalog.
    """
    limits = [f"in '{printable(name)}'" for name in names]
    limits += [f"changed at {since.isoformat()} or later"] if since is not None else []
    limits += [f"changed before {until.isoformat()}"] if until is not None else []
    message = f"no video of the catalog is {' and '.join(limits)}"
    times = [file.mtime_ns for file in files if file.mtime_ns]
    if since is None and until is None:
        return f"{message}; name videos of one folder"
    if not times:
        return (
            f"{message}: its storage states no times of change; search without --since and --until"
        )
    first, last = (
        datetime.fromtimestamp(ns / 1e9, UTC).isoformat(timespec="seconds")
        for ns in (min(times), max(times))
    )
    return f"{message}; its videos were changed from {first} to {last}"


def _examples(folders: Sequence[str]) -> str:
    examples = ", ".join(f"'{printable(folder)}'" for folder in folders[:_MOST_NAMES])
    more = f" and {len(folders) - _MOST_NAMES} more" if len(folders) > _MOST_NAMES else ""
    return f"its videos lie in {examples}{more}"


def _last_name(folder: str) -> str:
    return composed(folder.rstrip("/").rpartition("/")[2]).casefold()


def _upwards(folder: str) -> list[str]:
    """Return a folder and the folders that it lies in."""
    parts = folder.split("/")
    return ["/".join(parts[:count]) for count in range(len(parts), 1, -1)]
