"""Labels of an archive: the people visible in each video, and photos of these people."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vidsearch.catalog import Catalog
from vidsearch.datatypes import TimeSpan
from vidsearch.errors import ConfigError
from vidsearch.evaluation.report import LeftOut, LeftOutInputs
from vidsearch.evaluation.retrieval.video_names import VideoNames, path_of
from vidsearch.storage.find_file import find_file
from vidsearch.text.decode import CsvTable, read_csv_table
from vidsearch.text.names import composed
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
        incomplete: True if a photo or a video of the person is left out.
    """

    line: int
    photos: list[str] = field(default_factory=list)
    spans: dict[str, list[TimeSpan]] = field(default_factory=dict)
    incomplete: bool = False

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
        left_out: Lines, photos and people that cannot be used.
    """

    people: Mapping[str, LabelledPerson]
    timed: bool
    left_out: tuple[LeftOut, ...] = ()

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
    the CSV file, or ``file://`` URLs. Videos are ids, paths, or file names that occur once in the
    catalog. Letters with accents and the case of endings are compared as other systems spell them.

    A photo that does not exist, a row whose video is not in the catalog, and a person left without
    photos or without videos in this way, are left out and listed.

    Raises:
        ConfigError: A malformed row, a person without a photo, or no appearance in any video.
    """
    file = Path(path)
    table = read_csv_table(file)
    videos = VideoNames(catalog)
    reading = _Reading(f"'{printable(str(path))}'")
    people: dict[str, LabelledPerson] = {}
    for number, row in _rows(table, reading.file):
        location = f"{reading.file}, line {number}"
        photo, name, video = row["photo"], composed(row["person"]), row["video"]
        if not photo and not name:
            raise ConfigError(f"{location}: neither a photo nor a person; expected one of them")
        span = _span(row["start"], row["end"], location, table.separator)
        if span is not None and not video:
            raise ConfigError(f"{location}: a time without a video; name the video")
        person = people.setdefault(name if name else composed(photo), LabelledPerson(number))
        if photo:
            photo_path = str(find_file(file.parent / path_of(photo)))
            if not Path(photo_path).is_file():
                person.incomplete = True
                reason = f"photo {photo_path!r} does not exist; check the path"
                reading.leave_out("photo", "photo missing", photo, f"{location}: {reason}")
            elif photo_path not in person.photos:
                person.photos.append(photo_path)
        if video:
            video_id = videos.find(video, file.parent, location)
            if video_id is None:
                person.incomplete = True
                remedy = "index it, or write its path as 'vidsearch search --json' prints it"
                problem = f"{location}: video {video!r} is not in the catalog; {remedy}"
                reading.leave_out("label line", "video not in the catalog", video, problem)
                continue
            spans = person.spans.setdefault(video_id, [])
            reading.timed = reading.timed and span is not None
            if span is not None and span not in spans:
                spans.append(span)
    return Labels(_usable(people, reading), reading.timed, reading.left_out.groups())


@dataclass(slots=True)
class _Reading:
    """State of the reading of one file.

    Attributes:
        file: Name of the file, in quotation marks.
        left_out: Lines, photos and people that cannot be used.
        problem: First reason for which something is left out.
        timed: True while every appearance has a time.
    """

    file: str
    left_out: LeftOutInputs = field(default_factory=LeftOutInputs)
    problem: str = ""
    timed: bool = True

    def leave_out(self, unit: str, reason: str, name: str, problem: str) -> None:
        self.left_out.add(unit, reason, name)
        self.problem = self.problem if self.problem else problem


def _usable(people: Mapping[str, LabelledPerson], reading: _Reading) -> dict[str, LabelledPerson]:
    """Return the people who can be searched for and whose appearances are known.

    A person of whom something was left out would count as absent if no video is known.
    """
    usable: dict[str, LabelledPerson] = {}
    for identity, person in people.items():
        if not person.photos and not person.incomplete:
            raise ConfigError(
                f"{reading.file}, line {person.line}: person {identity!r} has no photo; add a row "
                "'photo,person' with one"
            )
        if not person.photos:
            reading.left_out.add("person", "no photo left", identity)
        elif person.incomplete and not person.spans:
            reading.left_out.add("person", "no video left", identity)
        else:
            usable[identity] = person
    if not any(person.spans for person in usable.values()):
        raise ConfigError(
            reading.problem
            if reading.problem
            else f"{reading.file} names no appearance in any video; add rows with a video"
        )
    return usable


def _rows(table: CsvTable, file: str) -> Iterator[tuple[int, dict[str, str]]]:
    names: list[str] = []
    for number, cells in table.rows:
        if not names:
            names = [name.strip().lower() for name in cells]
            unknown = [name for name in names if name not in COLUMNS]
            if unknown or "video" not in names or not {"photo", "person"} & set(names):
                raise ConfigError(
                    f"{file}, line {number}: columns {printable(', '.join(names))}; "
                    f"expected {_HEADER}"
                )
            continue
        if len(cells) != len(names):
            raise ConfigError(
                f"{file}, line {number}: {len(cells)} fields; expected {len(names)} "
                f"({', '.join(names)})"
            )
        row = dict.fromkeys(COLUMNS, "")
        row |= {name: cell.strip() for name, cell in zip(names, cells, strict=True)}
        yield number, row
    if not names:
        raise ConfigError(f"{file} is empty; expected {_HEADER}")


def _span(start: str, end: str, location: str, separator: str) -> TimeSpan | None:
    if not start and not end:
        return None
    if not start or not end:
        raise ConfigError(f"{location}: expected both start and end, or neither")
    if separator != ",":  # spreadsheets that separate cells by semicolons write decimal commas
        start, end = start.replace(",", "."), end.replace(",", ".")
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
