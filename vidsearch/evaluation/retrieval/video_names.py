"""Videos of a catalog by the names that people write: ids, paths, URLs, file names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from vidsearch.catalog import Catalog
from vidsearch.errors import ConfigError
from vidsearch.text.names import composed, is_file_url, path_of_url, without_invisible_ends
from vidsearch.text.printable import quoted


def path_of(name: str) -> str:
    """Return a path as written in a table, or the path of a ``file://`` URL."""
    return path_of_url(name) if is_file_url(name) else name


class VideoNames:
    """Names of the videos of a catalog.

    Letters with accents may be composed or decomposed. If no name is equal, endings may differ in
    case.

    Args:
        catalog: The catalog.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._exact: dict[str, set[str]] = {}
        self._folded: dict[str, set[str]] = {}
        files = [(file.uri, file.video_id) for file in catalog.known_files().values()]
        rows = catalog.videos(["uri", "video_id"]).to_pylist()
        files += [(row["uri"], row["video_id"]) for row in rows]
        for uri, video_id in files:
            for name in map(composed, (video_id, uri, PurePosixPath(uri).name)):
                self._exact.setdefault(name, set()).add(video_id)
                self._folded.setdefault(_with_folded_ending(name), set()).add(video_id)

    def find(self, name: str, folder: Path, location: str) -> str | None:
        """Return the id of a video, or None if the catalog has no video of this name.

        Args:
            name: Id, path, URL or file name.
            folder: Folder of the table, which paths are relative to.
            location: Place of the name, for errors.

        Raises:
            ConfigError: Several videos have this name.
        """
        spellings = [composed(spelling) for spelling in _spellings(name, folder)]
        folded = map(_with_folded_ending, spellings)
        found = [self._exact.get(spelling) for spelling in spellings]
        found += [self._folded.get(spelling) for spelling in folded]
        video_ids = next((ids for ids in found if ids), set())
        if len(video_ids) > 1:
            raise ConfigError(
                f"{location}: {len(video_ids)} videos have the name {quoted(name)}; write the "
                "full path or the id"
            )
        return next(iter(video_ids), None)


def _spellings(name: str, folder: Path) -> Iterator[str]:
    # A table of results puts an apostrophe in front of names that a spreadsheet would evaluate.
    visible = without_invisible_ends(name)
    spellings = name, visible, visible.replace("\\", "/"), name.removeprefix("'")
    for text in dict.fromkeys(spellings):
        path = path_of(text)
        yield path
        if "://" not in path:
            yield os.path.abspath(folder / path)  # noqa: PTH100 (resolve() follows links)


def _with_folded_ending(name: str) -> str:
    stem, ending = os.path.splitext(name)  # noqa: PTH122 (also of URIs)
    return stem + ending.casefold()
