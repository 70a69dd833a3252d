"""Videos of a catalog by the names that users give: ids, shortened ids, paths in any spelling."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from vidsearch.text.names import (
    composed,
    is_file_url,
    is_remote_name,
    path_of_url,
    portable_name,
)
from vidsearch.text.printable import printable

SHORTEST_ID = 8
"""Fewest characters of a shortened id: a receipt's file name holds as many."""


@dataclass(frozen=True, slots=True)
class VideoNames:
    """Names of videos.

    Attributes:
        by_name: Ids by every spelling of a path.
        ids: Ids of all videos.
    """

    by_name: dict[str, frozenset[str]]
    ids: frozenset[str]

    @staticmethod
    def of(files: Iterable[tuple[str, str]]) -> VideoNames:
        """Return the names of the videos of these files, each a path or URI and an id."""
        by_name: dict[str, set[str]] = {}
        ids = set()
        for uri, video_id in files:
            ids.add(video_id)
            for spelling in spellings(uri):
                by_name.setdefault(spelling, set()).add(video_id)
        return VideoNames(
            {name: frozenset(found) for name, found in by_name.items()}, frozenset(ids)
        )

    def find(self, name: str) -> frozenset[str]:
        """Return the ids of the videos that a name stands for; several if it is ambiguous.

        An id goes before a path, and a path before a shortened id.
        """
        if name in self.ids:
            return frozenset({name})
        found = frozenset().union(
            *(self.by_name.get(spelling, frozenset()) for spelling in typed_spellings(name))
        )
        if found or len(name) < SHORTEST_ID:
            return found
        return frozenset(video_id for video_id in self.ids if video_id.startswith(name))


def spellings(uri: str) -> frozenset[str]:
    r"""Return every text that names a path: as a table, a JSON file and a terminal show it.

    Example:
        >>> sorted(spellings("/films/caf\udce9.mp4"))
        ['/films/caf\\xe9.mp4', '/films/caf\udce9.mp4', 'file:///films/caf%E9.mp4']
    """
    if uri.isascii() and uri.isprintable():
        return frozenset({uri})
    return frozenset(map(composed, (uri, portable_name(uri), printable(uri))))


def typed_spellings(name: str) -> frozenset[str]:
    """Return the spellings to look up for a name that a user gave; a path may be relative."""
    if is_file_url(name):
        return frozenset({composed(name), composed(path_of_url(name))})
    if is_remote_name(name):
        return frozenset({composed(name)})
    absolute = os.path.abspath(name) if name else ""  # noqa: PTH100 (resolve() follows links)
    return frozenset({composed(name), composed(absolute)})
