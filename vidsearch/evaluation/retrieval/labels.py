"""Labels of an archive: the people visible in each video, and photos of these people."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from vidsearch.catalog import Catalog
from vidsearch.datatypes import TimeSpan
from vidsearch.errors import ConfigError
from vidsearch.text.decode import read_csv_table
from vidsearch.text.printable import printable

COLUMNS = ("photo", "person", "video", "start", "end")
_HEADER = (
    "a header with 'photo' or 'person' (or both), 'video' and, for labels with times, 'start,end'"
)


@dataclass(frozen=True, slots=True)
class Query:
    """Photos of one person that make one search.

    Attributes:
        name: Unique name of the query.
        identity: Name of the person.
        photos: Paths of the photos.
    """

    name: str
    identity: str
    photos: tuple[str, ...]


@dataclass(slots=True)
class LabelledPerson:
    """Labels of one person.

    Attributes:
        line: Line of the labels file that first names the person.
        photos: Photos to search with.
        spans: Video id -> time spans in which the person is visible; empty if no time is given.
    """

    line: int
    photos: list[str] = field(default_factory=list)
    spans: dict[str, list[TimeSpan]] = field(default_factory=dict)

    @property
    def appearances(self) -> int:
        """Number of labelled time spans over all videos."""
        return sum(len(spans) for spans in self.spans.values())


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """A labels file, resolved against a catalog.

    Attributes:
        people: Identity -> labels of the person.
        timed: True if every appearance has a time, so that moments can be scored.
    """

    people: Mapping[str, LabelledPerson]
    timed: bool

    def queries(self, *, together: bool) -> list[Query]:
        """Return one query per photo, or with ``together`` one per person with all photos."""
        if together:
            return [
                Query(identity, identity, tuple(person.photos))
                for identity, person in self.people.items()
            ]
        return [
            Query(photo, identity, (photo,))
            for identity, person in self.people.items()
            for photo in person.photos
        ]


def read_labels(path: str | os.PathLike[str], catalog: Catalog) -> Labels:
    """Read a labels CSV.

    A row states that a person, given by name or by photo, is visible in a video from ``start`` to
    ``end`` (seconds, or h:mm:ss). A row without a video only adds a photo of a person. A person
    without a video counts as absent from the archive. Photos are paths relative to the folder of
    the CSV file. Videos are ids, paths, or file names that occur once in the catalog.

    Raises:
        ConfigError: A malformed row, a missing photo, a video that is not in the catalog, a person
            without a photo, or no appearance in any video.
    """
    file = Path(path)
    videos = _video_names(catalog)
    people: dict[str, LabelledPerson] = {}
    timed = True
    for number, row in _rows(file):
        location = f"'{printable(str(path))}', line {number}"
        photo, name, video = row["photo"], row["person"], row["video"]
        if not photo and not name:
            raise ConfigError(f"{location}: neither a photo nor a person; expected one of them")
        person = people.setdefault(name if name else photo, LabelledPerson(number))
        if photo:
            photo_path = str(file.parent / photo)
            if not Path(photo_path).is_file():
                raise ConfigError(
                    f"{location}: photo {photo_path!r} does not exist; check the path"
                )
            if photo_path not in person.photos:
                person.photos.append(photo_path)
        if video:
            video_id = _video(video, videos, file.parent, location)
            spans = person.spans.setdefault(video_id, [])
            span = _span(row["start"], row["end"], location)
            timed = timed and span is not None
            if span is not None and span not in spans:
                spans.append(span)
        elif row["start"] or row["end"]:
            raise ConfigError(f"{location}: a time without a video; name the video")
    _check_people(people, path)
    return Labels(people, timed)


def _check_people(people: Mapping[str, LabelledPerson], path: str | os.PathLike[str]) -> None:
    for identity, person in people.items():
        if not person.photos:
            raise ConfigError(
                f"'{printable(str(path))}', line {person.line}: person {identity!r} has no photo; "
                "add a row 'photo,person' with one"
            )
    if not any(person.spans for person in people.values()):
        raise ConfigError(
            f"'{printable(str(path))}' names no appearance in any video; add rows with a video"
        )


def _rows(file: Path) -> Iterator[tuple[int, dict[str, str]]]:
    location = f"'{printable(str(file))}'"
    names: list[str] = []
    for number, cells in read_csv_table(file):
        if not names:
            names = [name.strip().lower() for name in cells]
            unknown = [name for name in names if name not in COLUMNS]
            if unknown or "video" not in names or not {"photo", "person"} & set(names):
                raise ConfigError(
                    f"{location}, line {number}: columns {printable(', '.join(names))}; "
                    f"expected {_HEADER}"
                )
            continue
        if len(cells) != len(names):
            raise ConfigError(
                f"{location}, line {number}: {len(cells)} fields; expected {len(names)} "
                f"({', '.join(names)})"
            )
        row = dict.fromkeys(COLUMNS, "")
        row |= {name: cell.strip() for name, cell in zip(names, cells, strict=True)}
        yield number, row
    if not names:
        raise ConfigError(f"{location} is empty; expected {_HEADER}")


def _video_names(catalog: Catalog) -> dict[str, set[str]]:
    """Return name -> video ids; a video can be named by id, URI and file name."""
    names: dict[str, set[str]] = {}
    files = [(file.uri, file.video_id) for file in catalog.known_files().values()]
    files += [
        (row["uri"], row["video_id"]) for row in catalog.videos(["uri", "video_id"]).to_pylist()
    ]
    for uri, video_id in files:
        for name in (video_id, uri, PurePosixPath(uri).name):
            names.setdefault(name, set()).add(video_id)
    return names


def _video(name: str, videos: Mapping[str, set[str]], folder: Path, location: str) -> str:
    absolute = os.path.abspath(folder / name) if "://" not in name else name  # noqa: PTH100
    video_ids = videos.get(name) or videos.get(absolute) or set()
    if len(video_ids) == 1:
        return next(iter(video_ids))
    if video_ids:
        raise ConfigError(
            f"{location}: {len(video_ids)} videos have the name {name!r}; write the full path or "
            "the id"
        )
    raise ConfigError(
        f"{location}: video {name!r} is not in the catalog; index it, or write its path as "
        "'vidsearch search --json' prints it"
    )


def _span(start: str, end: str, location: str) -> TimeSpan | None:
    if not start and not end:
        return None
    if not start or not end:
        raise ConfigError(f"{location}: expected both start and end, or neither")
    first, last = _seconds(start, location), _seconds(end, location)
    if not last > first:
        raise ConfigError(f"{location}: end {end!r} must lie after start {start!r}")
    return TimeSpan(first, last)


def _seconds(text: str, location: str) -> float:
    try:
        parts: Sequence[float] = [float(part) for part in text.split(":")]
    except ValueError:
        parts = []
    total = 0.0
    for part in parts:
        total = total * 60 + part
    if not 1 <= len(parts) <= 3 or not math.isfinite(total) or min(parts) < 0:
        raise ConfigError(f"{location}: time {text!r}; expected seconds or h:mm:ss")
    return total
