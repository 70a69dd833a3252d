"""Exclusion of entries by name: hidden files, folders of NAS systems, and patterns of the user."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from vidsearch.errors import ConfigError
from vidsearch.text.names import composed
from vidsearch.text.printable import printable

_SYSTEM_NAMES: Final = (
    "#recycle",  # Synology
    "@Recycle",  # QNAP
    "@Recently-Snapshot",
    "#snapshot",
    "~snapshot",  # NetApp, seen from Windows
    "@eaDir",  # thumbnails of Synology
    "@__thumb",
    "@tmp",
    "$RECYCLE.BIN",  # Windows
    "RECYCLER",
    "System Volume Information",
    "lost+found",
    "__MACOSX",  # AppleDouble files in ZIP archives
    "Network Trash Folder",  # macOS on a network drive
    "Temporary Items",
)
_SYSTEM_RULES: Final = {name.casefold(): name for name in _SYSTEM_NAMES}
# Rules of hidden names, the first that matches; every other hidden name has the rule ".*".
_HIDDEN_RULES: Final = ("._*", ".DS_Store", ".Trash*", ".recycle", ".snapshot*", ".zfs")
_HIDDEN: Final = ".*"
CATALOG_RULE: Final = "catalog of vidsearch"
OUTSIDE_RULE: Final = "outside the folders of --within"
_SAME_FOLDER: Final = frozenset({".", ".."})
_CATALOG_NAMES: Final = frozenset({"catalog.json", "files", "people", "verdicts"})


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Rules that leave entries of a folder out.

    Args:
        patterns: Globs of the user. A pattern is compared with the name, with the path below the
            source, and with the whole path; ``*`` crosses folders, and letter case counts. A
            pattern that ends with ``/`` matches folders only.
        within: Folders without links; a link that leads out of all of them is not followed. Empty:
            every link is followed.

    Raises:
        ConfigError: A pattern is empty.
    """

    patterns: tuple[str, ...] = ()
    within: tuple[str, ...] = ()
    _compiled: tuple[tuple[str, re.Pattern[str], bool], ...] = field(
        default=(), init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        compiled = []
        for pattern in self.patterns:
            text = composed(pattern).removeprefix("./")
            bare = text.rstrip("/")
            if not bare:
                raise ConfigError(f"--exclude '{printable(pattern)}' matches no name; name a glob")
            compiled.append((pattern, re.compile(fnmatch.translate(bare)), text.endswith("/")))
        object.__setattr__(self, "_compiled", tuple(compiled))

    def leads_out(self, real: str) -> bool:
        """Return True if a path without links lies outside the folders of ``within``."""
        if not self.within:
            return False
        return not any(
            real == root or real.startswith(_with_separator(root)) for root in self.within
        )

    def rule(self, name: str, relative: str, path: str, *, folder: bool) -> str | None:
        """Return the rule that excludes an entry; None if no rule does.

        Args:
            name: Name of the entry.
            relative: Path below the source.
            path: Whole path.
            folder: True for a folder.
        """
        return self.pattern(name, relative, path, folder=folder) or system_rule(name)

    def pattern(self, name: str, relative: str, path: str, *, folder: bool) -> str | None:
        """Return the user's pattern that matches an entry; None if no pattern does."""
        if not self._compiled:
            return None
        spellings = tuple(map(composed, (name, relative, f"/{relative}", path)))
        for pattern, compiled, folders_only in self._compiled:
            if (folder or not folders_only) and any(map(compiled.match, spellings)):
                return pattern
        return None

    def rule_below(self, relative: str, path: str) -> str | None:
        """Return the rule that excludes a file, or a folder on the way to it.

        Args:
            relative: Path of the file below the source, separated by ``/``.
            path: Whole path of the file, which ends with ``relative``.
        """
        names = (name for name in relative.split("/") if name not in _SAME_FOLDER)
        rules = map(system_rule, names)
        return self.pattern_below(relative, path) or next(filter(None, rules), None)

    def pattern_below(self, relative: str, path: str) -> str | None:
        """Return the user's pattern that matches a file, or a folder on the way to it.

        Args:
            relative: Path of the file below the source, separated by ``/``.
            path: Whole path of the file, which ends with ``relative``.
        """
        parts = relative.split("/")
        root = path[: len(path) - len(relative)]
        for number, name in enumerate(parts, 1):
            below = "/".join(parts[:number])
            rule = self.pattern(name, below, root + below, folder=number < len(parts))
            if rule is not None and name not in _SAME_FOLDER:
                return rule
        return None


def _with_separator(folder: str) -> str:
    return folder if folder.endswith(os.sep) else folder + os.sep


def system_rule(name: str) -> str | None:
    """Return the rule that excludes a name by default: hidden, or of a NAS or operating system.

    Example:
        >>> system_rule("#Recycle"), system_rule("._a.mp4"), system_rule(".cache"), system_rule("a")
        ('#recycle', '._*', '.*', None)
    """
    if name.startswith("."):
        rules = (rule for rule in _HIDDEN_RULES if fnmatch.fnmatchcase(name, rule))
        return next(rules, _HIDDEN)
    return _SYSTEM_RULES.get(name.casefold())


def in_system_folder(path: str) -> bool:
    """Return True if a path leads through a recycle bin, a snapshot or a hidden folder."""
    return any(system_rule(name) is not None for name in path.split("/") if name)


def is_catalog(names: Sequence[str]) -> bool:
    """Return True if a folder with these entries is a catalog of vidsearch."""
    return _CATALOG_NAMES.issubset(names)


def count_files(folder: str, limit: int) -> tuple[int, bool]:
    """Return the number of files below a folder, and True if all were counted.

    Links are files here. A folder that cannot be listed makes the count incomplete.

    Args:
        folder: Path of the folder.
        limit: Largest number of entries to visit.
    """
    files, visited, complete = 0, 0, True
    waiting = [folder]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    visited += 1
                    if visited > limit:
                        return files, False
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    else:
                        files += 1
        except OSError:
            complete = False
    return files, complete
