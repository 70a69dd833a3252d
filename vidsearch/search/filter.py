"""Search filter: limits a search to videos by name, folder, date or length."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from datetime import UTC, datetime

from vidsearch.catalog.catalog import Catalog
from vidsearch.catalog.records import KnownFile
from vidsearch.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchFilter:
    """Conditions on a video. Every given condition must hold, for at least one copy of the video.

    Attributes:
        videos: The id, path or URI is one of these.
        folders: The path or URI lies in one of these, at any depth.
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
        """Return the ids of the catalog's videos that pass the filter; None if it is empty.

        Raises:
            ConfigError: A named video is not in the catalog.
            CatalogError: A table is missing or damaged.
        """
        if self == SearchFilter():
            return None
        files = catalog.known_files().values()
        names = {file.video_id for file in files} | {file.uri for file in files}
        for name in self.videos:
            if name not in names:
                raise ConfigError(
                    f"video {name!r} is not in the catalog; pass an id or a full path as "
                    "'vidsearch search --json' prints them"
                )
        return frozenset(file.video_id for file in files if self._passes(file))

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

    def _passes(self, file: KnownFile) -> bool:
        changed = file.mtime_ns / 1e9
        return (
            (not self.videos or file.video_id in self.videos or file.uri in self.videos)
            and (
                not self.folders
                or any(file.uri.startswith(folder.rstrip("/") + "/") for folder in self.folders)
            )
            and (self.since is None or changed >= self.since.timestamp())
            and (self.until is None or changed < self.until.timestamp())
        )


def parse_time(text: str) -> datetime:
    """Return a date or time in ISO 8601; UTC if it states no time zone.

    Raises:
        ConfigError: The text is neither a date nor a time.
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(
            f"time {text!r} is not ISO 8601; write it like 2024-05-31 or 2024-05-31T18:00:00+02:00"
        ) from error
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)
