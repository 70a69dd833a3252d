"""Search filter: limits a search to videos by name, folder, date or length.

A filter that no video passes is an error: an empty answer would look like "no hit".
"""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from vidsearch.catalog.catalog import Catalog
from vidsearch.catalog.records import KnownFile
from vidsearch.errors import ConfigError
from vidsearch.results.words import counted
from vidsearch.search.empty_scope import empty_scope, missing_folder
from vidsearch.search.named_videos import VideoNames, spellings, typed_spellings
from vidsearch.text.names import composed
from vidsearch.text.printable import printable
from vidsearch.video.source import is_remote, local_path


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchFilter:
    """Conditions on a video. Every given condition must hold, for at least one copy of the video.

    Attributes:
        videos: The id, its beginning, the path or the URI is one of these.
        folders: The path or URI lies in one of these, at any depth.
            Composed and decomposed letters are equal. A path may be relative, and may be written
            as any output writes it.
        since: The file was changed at this time or later. The time of change is the nearest to a
            date of recording that every file has.
        until: The file was changed before this time.
    """

    videos: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None

    def __post_init__(self) -> None:
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise ConfigError(f"since must lie before until; got {self.since} and {self.until}")

    def video_ids(self, catalog: Catalog) -> frozenset[str] | None:
        """Return the ids of the catalog's videos that pass the filter; None if it has no condition.

        Raises:
            ConfigError: A named video or folder is not in the catalog, no video passes, or none of
                those that pass can be searched.
            CatalogError: A table is missing or damaged.
        """
        if self == SearchFilter():
            return None
        files = catalog.known_files().values()
        if not files:
            raise ConfigError(
                f"the catalog {catalog.uri!r} holds no video yet; 'vidsearch index' adds videos"
            )
        named = self._named_videos(files)
        folders = [_required_folder(folder, files) for folder in self.folders]
        passing = [file for file in files if self._passes(file, named, folders)]
        if not passing:
            names = (*self.videos, *self.folders)
            raise ConfigError(empty_scope(names, self.since, self.until, files))
        if all(file.status == "failed" for file in passing):
            count = len({file.video_id for file in passing})
            raise ConfigError(
                f"none of the {counted(count, 'video')} within these limits could be indexed; "
                "'vidsearch status' names the reasons"
            )
        return frozenset(file.video_id for file in passing)

    def _named_videos(self, files: Collection[KnownFile]) -> frozenset[str]:
        """Return the ids of ``videos``.

        Raises:
            ConfigError: A named video is not in the catalog.
        """
        if not self.videos:
            return frozenset()
        names = VideoNames.of((file.uri, file.video_id) for file in files)
        found: set[str] = set()
        for name in self.videos:
            ids = names.find(name)
            if not ids:
                raise ConfigError(
                    f"video '{printable(name)}' is not in the catalog; pass an id or a path as "
                    "'vidsearch search --json' prints them"
                )
            found |= ids
        return frozenset(found)

    def with_lengths(
        self, catalog: Catalog, shortest_s: float = 0.0, longest_s: float | None = None
    ) -> SearchFilter:
        """Return this filter, limited to videos of a range of lengths.

        Args:
            catalog: Catalog of the videos.
            shortest_s: Least length, seconds.
            longest_s: Greatest length, seconds; None: no limit.

        Raises:
            ConfigError: No video is within the limits, or a named video is not in the catalog.
            CatalogError: A table is missing or damaged.
        """
        if shortest_s <= 0 and longest_s is None:
            return self
        limit = longest_s if longest_s is not None else math.inf
        videos = tuple(
            row["video_id"]
            for row in catalog.videos(["video_id", "duration_s"]).to_pylist()
            if row["duration_s"] is not None and shortest_s <= row["duration_s"] <= limit
        )
        if self.videos:
            named = SearchFilter(videos=self.videos).video_ids(catalog) or frozenset()
            videos = tuple(video for video in videos if video in named)
        if not videos:
            raise ConfigError("no video is within these limits; widen the filters")
        return dataclasses.replace(self, videos=videos)

    def _passes(
        self, file: KnownFile, named: frozenset[str], folders: Sequence[tuple[str, ...]]
    ) -> bool:
        changed = file.mtime_ns / 1e9
        return (
            (not self.videos or file.video_id in named)
            and (not folders or any(_lies_in(file.uri, folder) for folder in folders))
            and (self.since is None or changed >= self.since.timestamp())
            and (self.until is None or changed < self.until.timestamp())
        )


def _required_folder(folder: str, files: Collection[KnownFile]) -> tuple[str, ...]:
    """Return the beginnings of the paths in a folder, in the spelling that the catalog has.

    A folder that is named by another path, through a link, is found too.

    Raises:
        ConfigError: No video of the catalog lies in the folder.
    """
    beginnings = tuple(f"{name.rstrip('/')}/" for name in typed_spellings(folder) if name)
    if any(_lies_in(file.uri, beginnings) for file in files):
        return beginnings
    linked = _through_links(folder, files)
    if linked:
        return linked
    raise ConfigError(missing_folder(folder, files))


def _through_links(folder: str, files: Collection[KnownFile]) -> tuple[str, ...]:
    """Return the beginnings of the paths in a folder that the catalog knows by another path."""
    path = local_path(folder) if folder and not is_remote(folder) else None
    if path is None or not path.exists():
        return ()
    real = os.path.join(path.resolve(), "")  # noqa: PTH118 (the slash at the end counts)
    parents = {file.uri.rpartition("/")[0] for file in files if not is_remote(file.uri)}
    inside = (p for p in parents if os.path.join(os.path.realpath(p), "").startswith(real))  # noqa: PTH118
    return tuple(composed(f"{parent}/") for parent in sorted(inside))


def _lies_in(uri: str, folder: tuple[str, ...]) -> bool:
    return any(name.startswith(folder) for name in spellings(uri))


def parse_time(text: str, name: str = "time") -> datetime:
    """Return a date or time in ISO 8601; UTC if it states no time zone.

    Args:
        text: The date or time.
        name: Name of the option in errors.

    Raises:
        ConfigError: The text is neither a date nor a time.
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(
            f"{name} {text!r} is not ISO 8601; write it like 2024-05-31 or "
            "2024-05-31T18:00:00+02:00"
        ) from error
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)
