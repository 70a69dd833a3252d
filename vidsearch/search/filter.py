"""Which videos a search is confined to: named ones, folders, a range of time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from vidsearch.catalog import Catalog
from vidsearch.catalog.records import KnownFile
from vidsearch.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchFilter:
    """What a video must be, in every respect that is given; a copy of it anywhere will do.

    Attributes:
        videos: Its id, path or URI is one of these.
        folders: Its path or URI lies in one of these, at any depth.
        since: Its file was changed at this time or later: the nearest to a date of recording that
            every file has.
        until: Its file was changed before this time.
    """

    videos: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None

    def __post_init__(self) -> None:
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise ConfigError(f"since must lie before until; got {self.since} and {self.until}")

    def video_ids(self, catalog: Catalog) -> frozenset[str] | None:
        """Return the ids of the catalog's videos in scope; None: all are.

        Raises:
            ConfigError: A named video is not in the catalog.
            CatalogError: A table is missing or damaged.
        """
        if self == SearchFilter():
            return None
        files = catalog.known_files().values()
        known = {file.video_id for file in files} | {file.uri for file in files}
        for name in self.videos:
            if name not in known:
                raise ConfigError(
                    f"video {name!r} is not in the catalog; pass an id or a full path as "
                    "'vidsearch search --json' prints them"
                )
        return frozenset(file.video_id for file in files if self._holds(file))

    def _holds(self, file: KnownFile) -> bool:
        changed = file.mtime_ns / 1e9
        return (
            (not self.videos or file.video_id in self.videos or file.uri in self.videos)
            and (not self.folders or any(_inside(file.uri, name) for name in self.folders))
            and (self.since is None or changed >= self.since.timestamp())
            and (self.until is None or changed < self.until.timestamp())
        )


def _inside(uri: str, folder: str) -> bool:
    return uri.startswith(folder.rstrip("/") + "/")


def moment(text: str) -> datetime:
    """Return a date or time in ISO 8601; UTC where no zone is given.

    Raises:
        ConfigError: It is neither.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(
            f"time {text!r} is not ISO 8601; write it like 2024-05-31 or 2024-05-31T18:00:00+02:00"
        ) from error
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
