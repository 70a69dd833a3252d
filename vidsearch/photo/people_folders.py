"""Folders with one sub-folder of photos for each person, and an account of all their files."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from vidsearch.media.kinds import HEAD_BYTES, file_kind
from vidsearch.text.names import composed
from vidsearch.text.printable import valid_unicode
from vidsearch.video.discovery.exclusion import system_rule


@dataclass(frozen=True, slots=True)
class PersonPhoto:
    """Photo of a person.

    Attributes:
        person: Name of the sub-folder, as valid Unicode with composed letters.
        path: Path of the photo.
    """

    person: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherFiles:
    """Files and folders beside the photos of people.

    Attributes:
        outside: Photos that lie in no sub-folder of a person.
        passed_over: Ending of files that are no photos -> number of files.
        excluded: Rule that excludes files -> number of files.
        unreadable: Path of a folder that cannot be listed, or of a link without a target -> reason.
        without_photos: Names of sub-folders without a photo of their own.
    """

    outside: tuple[str, ...] = ()
    passed_over: Mapping[str, int] = field(default_factory=dict)
    excluded: Mapping[str, int] = field(default_factory=dict)
    unreadable: Mapping[str, str] = field(default_factory=dict)
    without_photos: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PeopleFolders:
    """Photos of people in sub-folders, and everything else.

    Attributes:
        people: Names of the sub-folders, sorted, also of those without photos.
        photos: Photos, sorted by person.
        others: Every other file.
    """

    people: tuple[str, ...]
    photos: tuple[PersonPhoto, ...]
    others: OtherFiles


def find_people(folder: Path, endings: frozenset[str], *, sniff: bool) -> PeopleFolders:
    """Return the photos below ``FOLDER/<person>/``, at any depth; every other file is counted.

    Two sub-folders whose names differ only in the spelling of letters with accents are one person.
    A folder is searched once: under its own name, not under that of a link to it.

    Args:
        folder: Folder with one sub-folder for each person.
        endings: Endings of photos, in lower case.
        sniff: True to recognise photos with other endings by their first bytes.

    Raises:
        OSError: The folder cannot be listed.
    """
    search = _Search(endings, sniff)
    people: dict[str, list[PersonPhoto]] = {}
    search.mark_searched(folder)
    outside: list[str] = []
    links: list[tuple[str, Path]] = []
    for entry in _listed(folder):
        if search.excluded_by_rule(entry):
            continue
        if entry.is_dir():
            person = composed(valid_unicode(entry.name))
            people.setdefault(person, [])
            if entry.is_symlink():
                links.append((person, entry))
                continue
            people[person] += [PersonPhoto(person, str(path)) for path in search.photos(entry)]
            links += [(person, link) for link in search.pop_links()]
        elif search.is_photo(entry):
            outside.append(str(entry))
    for person, link in links:
        photos = search.photos(link, follow=True)
        people[person] += [PersonPhoto(person, str(path)) for path in photos]
    return PeopleFolders(
        tuple(sorted(people)),
        tuple(photo for _, found in sorted(people.items()) for photo in found),
        OtherFiles(
            outside=tuple(outside),
            passed_over=dict(search.passed_over.most_common()),
            excluded=dict(search.excluded),
            unreadable=search.unreadable,
            without_photos=tuple(sorted(person for person, found in people.items() if not found)),
        ),
    )


def _listed(folder: Path) -> list[Path]:
    return sorted(folder.iterdir(), key=lambda path: os.fsencode(path.name))


class _Search:
    def __init__(self, endings: frozenset[str], sniff: bool) -> None:
        self._endings, self._sniff = endings, sniff
        self._searched: set[str] = set()
        self._links: list[Path] = []
        self.passed_over: Counter[str] = Counter()
        self.excluded: Counter[str] = Counter()
        self.unreadable: dict[str, str] = {}

    def excluded_by_rule(self, path: Path) -> bool:
        """Return True for a hidden entry, or one of a NAS or operating system; count its files."""
        rule = system_rule(path.name)
        if rule is None:
            return False
        files = 1
        if path.is_dir() and not path.is_symlink():
            files = sum(len(names) for _, _, names in os.walk(path))
        self.excluded[rule] += files
        return True

    def mark_searched(self, folder: Path) -> None:
        """Keep links from leading into a folder."""
        self._searched.add(os.path.realpath(folder))

    def pop_links(self) -> list[Path]:
        """Return the links to folders that were met, and forget them."""
        links, self._links = self._links, []
        return links

    def photos(self, folder: Path, *, follow: bool = False) -> Iterator[Path]:
        """Yield the photos below a folder that was not searched yet.

        Args:
            folder: The folder.
            follow: True to search folders behind links; False to keep the links for ``pop_links``.
        """
        real = os.path.realpath(folder)
        if real in self._searched:  # reached again through a link
            return
        self._searched.add(real)
        try:
            entries = _listed(folder)
        except OSError as error:
            self.unreadable[str(folder)] = error.strerror or str(error)
            return
        for entry in entries:
            if self.excluded_by_rule(entry):
                continue
            if entry.is_symlink() and not follow and entry.is_dir():
                self._links.append(entry)
            elif entry.is_dir():
                yield from self.photos(entry, follow=follow)
            elif self.is_photo(entry):
                yield entry

    def is_photo(self, path: Path) -> bool:
        """Return True for a photo; count any other file."""
        try:
            mode = path.stat().st_mode
        except OSError as error:
            dangling = path.is_symlink() and isinstance(error, FileNotFoundError)
            self.unreadable[str(path)] = (
                "the link has no target" if dangling else error.strerror or str(error)
            )
            return False
        ending = path.suffix.lower()
        if stat.S_ISREG(mode) and (ending in self._endings or (self._sniff and _holds_photo(path))):
            return True
        self.passed_over[ending] += 1
        return False


def _holds_photo(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            kind = file_kind(file.read(HEAD_BYTES))
    except OSError:
        return True  # opening it as a photo states the reason
    return kind is not None and (kind.category == "image" or kind.decoder != "pillow")
