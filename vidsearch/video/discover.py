"""Expansion of files, folders, globs, lists and URIs to an ordered list of videos."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from vidsearch.errors import ConfigError, VideoOpenError, VidsearchError
from vidsearch.text.names import composed, is_unicode
from vidsearch.text.printable import printable
from vidsearch.video.discovery.account import Discovery, Scope, SourceFailure, Tally
from vidsearch.video.discovery.entries import Entry, EntryKind, VideoSource
from vidsearch.video.discovery.exclusion import OUTSIDE_RULE, Exclusion
from vidsearch.video.discovery.lists import existing_path, read_list
from vidsearch.video.discovery.local import WILDCARDS, FolderSearch, absolute, named_file
from vidsearch.video.discovery.remote import search_remote
from vidsearch.video.source import is_remote, local_path

__all__ = ["Discovery", "VideoSource", "discover"]

_FOUND = frozenset({EntryKind.VIDEO, EntryKind.REPEATED})


def discover(
    sources: Iterable[str], exclude: Iterable[str] = (), within: Iterable[str] = ()
) -> Discovery:
    """Return the video files that the sources name, and an account of every other entry.

    A source without videos does not end the search: it is a failure of the result.

    Args:
        sources: Files, folders, ``scheme://`` prefixes, globs and lists.

            - A file is taken with any ending.
            - Folders and prefixes are searched with all sub-folders, sorted, for
              ``media.endings.VIDEO_ENDINGS``, for animations, and for files with unknown endings
              whose first bytes are those of a video. Hidden names, and folders that NAS systems
              make, are excluded; so is source code that shares an ending of videos.
            - In a glob, ``**`` crosses folders.
            - ``@list`` is a text file with one name per line; see ``discovery.lists.read_list``.
        exclude: Globs of names and paths to leave out; see ``discovery.exclusion.Exclusion``. A
            file or folder that is named itself is not excluded.
        within: Folders that no link, list or name may lead out of; empty: anywhere.

    Raises:
        ConfigError: A glob of ``exclude`` is empty.
    """
    folders = tuple(os.path.realpath(folder) for folder in within)
    exclusion = Exclusion(tuple(exclude), folders)
    search = _Search(exclusion, FolderSearch(exclusion))
    videos: dict[str, VideoSource] = {}
    spelled: dict[str, str] = {}  # path with composed letters -> path of the first such file
    total = Tally(exclusion.patterns)
    failures: list[SourceFailure] = []
    scopes: list[Scope] = []
    for source in sources:
        scope = Tally(exclusion.patterns)
        failed: list[SourceFailure] = []
        for entry in search.checked(source):
            counted = entry
            if entry.video is not None and exclusion.leads_out(entry.real):
                counted = Entry(EntryKind.EXCLUDED, entry.uri, OUTSIDE_RULE)
            elif entry.video is not None:
                first = spelled.setdefault(composed(entry.real), entry.real)
                if entry.real in videos or _is_same_file(first, entry.real):
                    counted = replace(entry, kind=EntryKind.REPEATED)
                else:
                    videos[entry.real] = entry.video
            scope.add(counted)
            total.add(counted)
            if entry.error is not None:
                failed.append(SourceFailure(entry.uri, entry.error))
        failures += failed
        name = _scope_name(source, scope)
        if name is not None:
            scopes.append(Scope(name, scope.account(), tuple(failed)))
    return Discovery(tuple(videos.values()), total.account(), tuple(failures), tuple(scopes))


def _is_same_file(first: str, second: str) -> bool:
    """Return True if two paths that differ in the spelling of letters open the same file."""
    try:
        return first != second and os.path.samefile(first, second)  # noqa: PTH121
    except OSError:  # removed meanwhile, or in an object store
        return False


@dataclass(frozen=True, slots=True)
class _Search:
    exclusion: Exclusion
    folders: FolderSearch

    def checked(self, source: str, list_line: str = "") -> Iterator[Entry]:
        """Yield the entries of a source; its failure, or its lack of videos, is an entry too.

        Args:
            source: The source.
            list_line: List and line that name the source; empty: named by the user.
        """
        tally, found = Tally(), False
        try:
            for entry in self._expand(source, list_line):
                tally.add(entry)
                found = found or entry.kind in _FOUND or entry.error is not None
                yield entry
            if not found:
                raise _nothing_found(source, tally, list_line)
        except VidsearchError as error:
            yield Entry(EntryKind.FAILED, source, error=error)

    def _expand(self, source: str, list_line: str) -> Iterator[Entry]:
        if is_remote(source):
            if self.exclusion.within:
                raise VideoOpenError(f"'{printable(source)}' lies outside the folders of --within")
            return search_remote(source, self.exclusion)
        path = existing_path(local_path(source))
        if path is not None:
            return self._expand_path(path, source)
        if source.startswith("@") and not list_line:
            return self._expand_list(source)
        if WILDCARDS & set(source):
            return self.folders.glob(source)
        origin = f" ({list_line})" if list_line else ""
        raise VideoOpenError(
            f"'{printable(source)}'{origin} does not exist; {_remedy('path', source, list_line)}"
        )

    def _expand_path(self, path: Path, source: str) -> Iterator[Entry]:
        name = absolute(path)
        if self.exclusion.leads_out(os.path.realpath(name)):
            raise VideoOpenError(f"'{printable(source)}' lies outside the folders of --within")
        try:
            if path.is_dir():
                yield from self.folders.folder(name)
                return
            entry = named_file(name)
        except OSError as error:
            raise VideoOpenError(
                f"'{printable(source)}' is not readable for this user; change its mode"
            ) from error
        yield entry

    def _expand_list(self, source: str) -> Iterator[Entry]:
        path = local_path(source[1:])
        path = existing_path(path) or path
        for number, name in read_list(path):
            rule = self.exclusion.pattern_below(_below(name, path.parent), name)
            if rule is not None:
                yield Entry(EntryKind.EXCLUDED, name, rule)
            else:
                yield from self.checked(name, f"line {number} of the list '{printable(str(path))}'")


def _below(name: str, folder: Path) -> str:
    """Return a path of a list relative to the list's folder; for a URI, its path in the bucket."""
    if is_remote(name):
        return name.split("://", 1)[1].partition("/")[2]
    return os.path.relpath(name, absolute(folder))


def _scope_name(source: str, entries: Tally) -> str | None:
    """Return the absolute name of a folder, glob, list or prefix; None for a single file."""
    if is_remote(source):
        return None if entries.is_single_file else source
    path = local_path(source)
    if path.is_file():
        return None
    if path.exists() or not source.startswith("@"):
        return absolute(path)
    return f"@{absolute(local_path(source[1:]))}"


def _remedy(part: str, source: str, list_line: str) -> str:
    if not list_line or is_unicode(source):
        return f"check the {part}"
    return f"its name is not UTF-8 text: check the {part}, or save the list as UTF-8"


def _nothing_found(source: str, tally: Tally, list_line: str) -> ConfigError:
    """Return the error for a source without videos."""
    name = printable(source)
    if not tally.entries:
        if source.startswith("@"):
            return ConfigError(f"the list '{name}' names no file; write one name per line")
        if WILDCARDS & set(source):
            return ConfigError(f"'{name}' matches no file; {_remedy('pattern', source, list_line)}")
    account = tally.account()
    others = (
        (sum(account.passed_over.values()), "passed over"),
        (sum(account.excluded.values()), "excluded"),
        (len(account.unreadable), "unreadable"),
        (len(account.dangling), "dangling links"),
        (len(account.special), "pipes or devices"),
    )
    found = ", ".join(f"{count} {noun}" for count, noun in others if count)
    return ConfigError(
        f"'{name}' holds no video files{f' ({found})' if found else ''}; name a video file "
        "directly if its ending is unusual"
    )
