"""Labels of an archive: who is seen in which video, and the photos to search for them with."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from vidsearch.catalog import Catalog
from vidsearch.datatypes import TimeSpan
from vidsearch.errors import ConfigError
from vidsearch.text.printable import printable

COLUMNS = ("photo", "person", "video", "start", "end")
_HEADER = (
    "a header with 'photo' or 'person' (or both), 'video' and, if times are known, 'start,end'"
)


@dataclass(frozen=True, slots=True)
class Query:
    """One search: the photos of one person that make it."""

    name: str
    identity: str
    photos: tuple[str, ...]


@dataclass(slots=True)
class Known:
    """What the labels say of one person.

    Attributes:
        photos: Files to search with.
        spans: Video id -> when the person is seen there; an empty list: at an unknown time.
        line: Where the person is first named.
    """

    line: int
    photos: list[str] = field(default_factory=list)
    spans: dict[str, list[TimeSpan]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """A labels file, held against a catalog.

    Attributes:
        people: Identity -> what is known.
        timed: Whether every appearance has a time, so that moments can be scored.
    """

    people: Mapping[str, Known]
    timed: bool

    def queries(self, *, together: bool) -> list[Query]:
        """Return one query a photo, or one a person with all the photos."""
        if together:
            return [
                Query(identity, identity, tuple(known.photos))
                for identity, known in self.people.items()
            ]
        return [
            Query(photo, identity, (photo,))
            for identity, known in self.people.items()
            for photo in known.photos
        ]


def read_labels(path: str | os.PathLike[str], catalog: Catalog) -> Labels:
    """Read a labels CSV.

    A row says: the person (of this name, or in this photo) is seen in this video, from ``start`` to
    ``end`` (seconds, or h:mm:ss). A row without a video only names a photo of a person; a person
    without any video is taken to be absent from the archive. Photos are paths, relative to the
    CSV's folder; videos are ids, paths, or file names that occur once in the catalog.

    Raises:
        ConfigError: A row is malformed (file, line, what was expected), a photo is missing, a video
            is not in the catalog, or a person has no photo.
    """
    place = Path(path)
    videos = _video_names(catalog)
    people: dict[str, Known] = {}
    timed = True
    for number, row in _rows(place):
        where = f"'{printable(str(path))}', line {number}"
        photo, person, video = row["photo"], row["person"], row["video"]
        if not photo and not person:
            raise ConfigError(f"{where}: neither a photo nor a person; expected one of them")
        known = people.setdefault(person if person else photo, Known(number))
        if photo:
            file = str(place.parent / photo)
            if not Path(file).is_file():
                raise ConfigError(f"{where}: photo {file!r} does not exist; check the path")
            if file not in known.photos:
                known.photos.append(file)
        if video:
            video_id = _video(video, videos, place.parent, where)
            spans = known.spans.setdefault(video_id, [])
            span = _span(row["start"], row["end"], where)
            timed = timed and span is not None
            if span is not None and span not in spans:
                spans.append(span)
        elif row["start"] or row["end"]:
            raise ConfigError(f"{where}: a time without a video; name the video")
    _check(people, path)
    return Labels(people, timed)


def _check(people: Mapping[str, Known], path: str | os.PathLike[str]) -> None:
    for identity, known in people.items():
        if not known.photos:
            raise ConfigError(
                f"'{printable(str(path))}', line {known.line}: person {identity!r} has no photo; "
                "add a row 'photo,person' with one"
            )
    if not any(known.spans for known in people.values()):
        raise ConfigError(
            f"'{printable(str(path))}' names no appearance in any video: nothing could be found"
        )


def _rows(place: Path) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        with place.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            names = [name.strip().lower() for name in next(reader, [])]
            unknown = [name for name in names if name not in COLUMNS]
            if unknown or "video" not in names or not {"photo", "person"} & set(names):
                raise ConfigError(
                    f"'{printable(str(place))}', line 1: columns {', '.join(names) or 'missing'}; "
                    f"expected {_HEADER}"
                )
            for cells in reader:
                if not any(cell.strip() for cell in cells):
                    continue
                if len(cells) != len(names):
                    raise ConfigError(
                        f"'{printable(str(place))}', line {reader.line_num}: {len(cells)} fields; "
                        f"expected {len(names)} ({', '.join(names)})"
                    )
                row = dict.fromkeys(COLUMNS, "")
                row |= {name: cell.strip() for name, cell in zip(names, cells, strict=True)}
                yield reader.line_num, row
    except OSError as error:
        raise ConfigError(
            f"labels {str(place)!r} cannot be read ({error.strerror}); check the path"
        ) from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise ConfigError(
            f"labels {str(place)!r} are no UTF-8 CSV ({error}); save them as CSV"
        ) from error


def _video_names(catalog: Catalog) -> dict[str, set[str]]:
    """Return every name a video goes by -> its ids."""
    names: dict[str, set[str]] = {}
    files = [(file.uri, file.video_id) for file in catalog.known_files().values()]
    files += [
        (row["uri"], row["video_id"]) for row in catalog.videos(["uri", "video_id"]).to_pylist()
    ]
    for uri, video_id in files:
        for name in (video_id, uri, PurePosixPath(uri).name):
            names.setdefault(name, set()).add(video_id)
    return names


def _video(name: str, videos: Mapping[str, set[str]], folder: Path, where: str) -> str:
    absolute = os.path.abspath(folder / name) if "://" not in name else name  # noqa: PTH100
    found = videos.get(name) or videos.get(absolute) or set()
    if len(found) == 1:
        return next(iter(found))
    if found:
        raise ConfigError(
            f"{where}: {len(found)} videos are called {name!r}; write the full path or the id"
        )
    raise ConfigError(
        f"{where}: video {name!r} is not in the catalog; index it, or write its path as "
        "'vidsearch search --json' prints it"
    )


def _span(start: str, end: str, where: str) -> TimeSpan | None:
    if not start and not end:
        return None
    if not start or not end:
        raise ConfigError(f"{where}: expected both start and end, or neither")
    first, last = _seconds(start, where), _seconds(end, where)
    if not last > first:
        raise ConfigError(f"{where}: end {end!r} must lie after start {start!r}")
    return TimeSpan(first, last)


def _seconds(text: str, where: str) -> float:
    try:
        parts: Sequence[float] = [float(part) for part in text.split(":")]
    except ValueError:
        parts = []
    total = 0.0
    for part in parts:
        total = total * 60 + part
    if not 1 <= len(parts) <= 3 or not math.isfinite(total) or min(parts) < 0:
        raise ConfigError(f"{where}: time {text!r}; expected seconds or h:mm:ss")
    return total
