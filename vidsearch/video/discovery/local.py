"""Search of local folders and globs."""

from __future__ import annotations

import errno
import glob
import logging
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from vidsearch.errors import VideoOpenError
from vidsearch.media.endings import OTHER_ENDINGS, SHARED_WITH_OTHERS, ending_of
from vidsearch.media.video_content import head_bytes, holds_video
from vidsearch.text.printable import printable
from vidsearch.video.discovery.entries import Entry, EntryKind, VideoSource
from vidsearch.video.discovery.exclusion import (
    CATALOG_RULE,
    OUTSIDE_RULE,
    Exclusion,
    count_files,
    is_catalog,
)

WILDCARDS: Final = frozenset("*?[")
_COUNTED_FILES = 100_000
"""Entries of an excluded folder that are counted: snapshots repeat the whole volume many times."""

_LOST: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Folder:
    """Folder that waits for its search.

    Attributes:
        path: Path of the folder.
        real: The same path without links.
        relative: Path below the source; empty for the source itself.
    """

    path: str
    real: str
    relative: str


@dataclass(frozen=True, slots=True)
class FolderSearch:
    """Search of folders with common rules; a folder is searched once.

    Attributes:
        exclusion: Rules that leave entries out.
        searched: Paths without links of the folders searched so far.
    """

    exclusion: Exclusion
    searched: set[str] = field(default_factory=set)

    def folder(self, path: str) -> Iterator[Entry]:
        """Yield every entry below a folder, sorted; a link to a folder is followed.

        Folders are told apart by their paths without links: some network drives have no reliable
        inode numbers.

        Raises:
            VideoOpenError: The folder cannot be listed.
        """
        root = _Folder(path, os.path.realpath(path), "")
        if self.exclusion.leads_out(root.real):
            yield Entry(EntryKind.EXCLUDED, path, OUTSIDE_RULE)
            return
        if root.real in self.searched:
            yield Entry(EntryKind.REPEATED, path)
            return
        waiting: list[_Folder | Entry] = [root]
        while waiting:
            item = waiting.pop()
            if isinstance(item, Entry):
                yield item
                continue
            if item.real in self.searched:
                yield Entry(EntryKind.REPEATED, item.path)
                continue
            try:
                listed = _listed(item.path)
            except OSError as error:
                if item is root:
                    raise VideoOpenError(
                        f"'{printable(path)}' cannot be listed ({error.strerror}); {_remedy(error)}"
                    ) from error
                yield from _unreadable(item.path, error)
                continue
            if item is not root and is_catalog([entry.name for entry in listed]):
                yield _excluded_folder(item.path, CATALOG_RULE)
                continue
            self.searched.add(item.real)
            yield Entry(EntryKind.FOLDER, item.path)
            found = (self._entry(item, entry) for entry in listed)
            waiting += reversed([entry for entry in found if entry is not None])

    def _entry(self, folder: _Folder, entry: os.DirEntry[str]) -> _Folder | Entry | None:
        """Return an entry of a folder or a folder to search; None if it was removed meanwhile.

        A file that is no video by its ending is not examined further: on a network drive, every
        question about a file takes a round trip.
        """
        name = entry.name
        path = os.path.join(folder.path, name)  # noqa: PTH118 (Path is too slow here)
        relative = f"{folder.relative}/{name}" if folder.relative else name
        is_link = _is_link(entry)
        is_folder = _is_folder(entry)
        rule = self.exclusion.rule(name, relative, path, folder=is_folder)
        if rule is not None:
            return (
                _excluded_folder(path, rule)
                if is_folder and not is_link
                else Entry(EntryKind.EXCLUDED, path, rule)
            )
        real = os.path.realpath(path) if is_link else os.path.join(folder.real, name)  # noqa: PTH118
        if is_link and self.exclusion.leads_out(real):
            return Entry(EntryKind.EXCLUDED, path, OUTSIDE_RULE)
        if is_folder:
            return _Folder(path, real, relative)
        if ending_of(name) in OTHER_ENDINGS and not is_link and _is_file(entry):
            return Entry(EntryKind.PASSED_OVER, path, ending_of(name))
        return _file_entry(path, real)

    def glob(self, pattern: str) -> Iterator[Entry]:
        """Yield the files that match a glob, and every entry of the folders that match.

        A literal ending in the pattern selects any file, except text; a wildcard selects videos
        only. The rules apply to the part of a path that the wildcards stand for.
        """
        ending = Path(pattern).suffix
        literal = len(ending) > 1 and not WILDCARDS & set(ending)
        base = _literal_folder(pattern)
        before = frozenset(self.searched)
        counted: set[str] = set()  # entries that were accounted for with their folder
        for path in sorted(glob.glob(pattern, recursive=True), key=os.fsencode):  # noqa: PTH207
            name = absolute(Path(path))
            parent = os.path.dirname(name)  # noqa: PTH120
            real_parent = os.path.realpath(parent)
            if parent in counted or real_parent in self.searched:
                counted.add(name)
                if real_parent in before:
                    yield Entry(EntryKind.REPEATED, name)
                continue
            rule = self.exclusion.rule_below(os.path.relpath(name, base), name)
            if os.path.isdir(name):  # noqa: PTH112
                counted.add(name)
                yield from self._matched_folder(name, rule)
            elif rule is not None:
                yield Entry(EntryKind.EXCLUDED, name, rule)
            else:
                found = _file_entry(name, os.path.realpath(name), any_ending=literal)
                if found is not None:
                    yield found

    def _matched_folder(self, path: str, rule: str | None) -> Iterator[Entry]:
        if rule is not None:
            yield _excluded_folder(path, rule)
            return
        try:
            yield from self.folder(path)
        except VideoOpenError as error:
            yield from _unreadable(path, error.__cause__ or error)


def named_file(path: str) -> Entry:
    """Return the entry of a file that the user names: a video with any ending.

    Raises:
        OSError: The file does not exist.
    """
    status = os.stat(path)  # noqa: PTH116 (Path is too slow for an archive)
    return _video(path, os.path.realpath(path), status)


def _file_entry(path: str, real: str, *, any_ending: bool = False) -> Entry | None:
    """Return the entry of a file, whose kind its ending or its first bytes decide.

    The result is None for a file that was removed meanwhile.

    Args:
        path: Absolute path.
        real: The same path without links.
        any_ending: Take a file with any ending for a video, except text with the ending of videos.
    """
    try:
        status = os.stat(path)  # noqa: PTH116
    except OSError as error:
        if error.errno in _LOST and os.path.islink(path):  # noqa: PTH114
            return Entry(EntryKind.DANGLING, path)
        return next(_unreadable(path, error), None)
    if not stat.S_ISREG(status.st_mode):
        return Entry(EntryKind.SPECIAL, path)
    name = os.path.basename(path)  # noqa: PTH119
    may_be_other = ending_of(name) in SHARED_WITH_OTHERS
    needed = head_bytes(name, status.st_size)
    head = b""
    try:
        if needed and (may_be_other or not any_ending):
            with open(path, "rb", buffering=0) as file:  # noqa: PTH123
                head = file.read(needed)
    except OSError as error:
        if not may_be_other and not any_ending:
            return Entry(EntryKind.UNREADABLE, path, _reason(error))
    if holds_video(name, head) or (any_ending and not may_be_other):
        return _video(path, real, status)
    return Entry(EntryKind.PASSED_OVER, path, ending_of(name))


def _video(path: str, real: str, status: os.stat_result) -> Entry:
    video = VideoSource(path, status.st_size, status.st_mtime_ns)
    return Entry(EntryKind.VIDEO, path, video=video, real=real)


def absolute(path: Path) -> str:
    """Return the path without ``.`` and ``..``, with its links, so that a file has one name."""
    plain = Path(os.path.abspath(path))  # noqa: PTH100 (resolve() follows links)
    if ".." not in path.parts:
        return str(plain)
    try:
        # Behind a link, ".." is the parent of the link's target, not of the link.
        return str(plain if plain.samefile(path) else path.resolve())
    except OSError:
        return str(path.resolve())


def _listed(folder: str) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: os.fsencode(entry.name))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Return True for a folder and for a link to one."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_link(entry: os.DirEntry[str]) -> bool:
    """Return True for a symbolic link, and for a junction of Windows."""
    is_junction = getattr(entry, "is_junction", None)  # from Python 3.12 on
    return entry.is_symlink() or (is_junction is not None and is_junction())


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file(follow_symlinks=False)
    except OSError:
        return False


def _literal_folder(pattern: str) -> str:
    """Return the folders in front of the first wildcard of a glob."""
    parts = Path(pattern).parts
    literal = next((n for n, part in enumerate(parts) if WILDCARDS & set(part)), len(parts))
    return absolute(Path(*parts[:literal]))


def _excluded_folder(path: str, rule: str) -> Entry:
    files, complete = count_files(path, _COUNTED_FILES)
    return Entry(EntryKind.EXCLUDED, path, rule, files=files, complete=complete)


def _unreadable(path: str, error: BaseException) -> Iterator[Entry]:
    if isinstance(error, FileNotFoundError):
        _log.info("'%s' was removed while its folder was searched", printable(path))
        return
    yield Entry(EntryKind.UNREADABLE, path, _reason(error))


def _reason(error: BaseException) -> str:
    return str(getattr(error, "strerror", None) or type(error).__name__)


def _remedy(error: OSError) -> str:
    return "change its mode" if isinstance(error, PermissionError) else "check that it is connected"
