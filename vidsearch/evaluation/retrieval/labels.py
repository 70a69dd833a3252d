"""Labels of an archive: the people visible in each video, and photos of these people."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vidsearch.catalog import Catalog
from vidsearch.datatypes import TimeSpan
from vidsearch.errors import ConfigError
from vidsearch.evaluation.report import LeftOut, LeftOutInputs
from vidsearch.evaluation.retrieval.label_rows import LabelRow, label_rows
from vidsearch.evaluation.retrieval.video_names import VideoNames, path_of
from vidsearch.storage.find_file import find_file
from vidsearch.text.decode import read_csv_table
from vidsearch.text.names import composed, without_invisible_ends
from vidsearch.text.printable import printable, quoted

_LATE_END_S = 1.0
"""A label may end this much after its video without a remark: people round times up."""


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
        spans: Video id -> time spans in which the person is visible; empty if no time is given. The
            key of a video that is not in the catalog is its name as written.
        incomplete: True if a photo of the person is left out.
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
        remarks: Lines and people that are not used as written, or have no label.
    """

    people: Mapping[str, LabelledPerson]
    timed: bool
    left_out: tuple[LeftOut, ...] = ()
    remarks: tuple[LeftOut, ...] = ()

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

    A photo that does not exist, and a person without a photo, are left out. A video that is not in
    the catalog or could not be read, and a time outside its video, remain labels and count as not
    found. Repeated rows count once, and overlapping times of a person in one video are joined. All
    of this is listed.

    Raises:
        ConfigError: A malformed row, or no appearance in any video of the catalog.
    """
    file = Path(path)
    reading = _Reading(f"'{printable(str(path))}'", file.parent, catalog)
    for row in label_rows(read_csv_table(file), reading.file):
        reading.add(row)
    return reading.labels()


class _Reading:
    """State of the reading of one file.

    Args:
        file: Name of the file, in quotation marks.
        folder: Folder of the file.
        catalog: The catalog.
    """

    def __init__(self, file: str, folder: Path, catalog: Catalog) -> None:
        self.file = file
        self._folder = folder
        self._names = VideoNames(catalog)
        rows = catalog.videos(["video_id", "status", "duration_s"]).to_pylist()
        self._videos = {row["video_id"]: row for row in rows}
        self._people: dict[str, LabelledPerson] = {}
        self._left_out = LeftOutInputs()
        self._distinct_labels: set[tuple[str, str, TimeSpan | None]] = set()
        self._written: dict[str, str] = {}  # key of a video -> its name as first written
        self._photo_owners: dict[str, str] = {}
        self._problem = ""
        self._untimed: list[str] = []

    def add(self, row: LabelRow) -> None:
        """Add a row.

        Raises:
            ConfigError: Several videos have the name of the row's video.
        """
        person = self._people.setdefault(row.person, LabelledPerson(row.line))
        new_photo = bool(row.photo) and self._add_photo(person, row)
        new_label = bool(row.video) and self._add_video(person, row)
        if not new_photo and not new_label and (row.photo or row.video):
            self._remark("label line", "repeated, counted once", str(row))

    def labels(self) -> Labels:
        """Return the labels of all rows.

        Raises:
            ConfigError: Nobody with a photo appears in a video of the catalog.
        """
        people = self._usable()
        for identity, person in people.items():
            if not person.spans:
                self._remark("person", "named without a video, counts as absent", identity)
            for video, spans in person.spans.items():
                person.spans[video] = _joined(spans)
                shared = len(spans) - len(person.spans[video])
                if shared:
                    reason = "overlaps another time of the person in the video, joined with it"
                    self._remark("label", reason, f"{identity}, {self._written[video]}", shared)
        timed = not self._untimed
        if any(person.appearances for person in people.values()):
            for name in self._untimed:
                self._remark("label line", "without a time, so that times are not scored", name)
        groups = self._left_out.groups()
        return Labels(
            people,
            timed,
            tuple(group for group in groups if not group.remark),
            tuple(group for group in groups if group.remark),
        )

    def _add_photo(self, person: LabelledPerson, row: LabelRow) -> bool:
        """Add the photo of a row; return False if the person has it already."""
        path = str(find_file(self._folder / path_of(row.photo)))
        if not Path(path).exists():
            path = str(find_file(self._folder / path_of(without_invisible_ends(row.photo))))
        if path in person.photos:
            return False
        if Path(path).is_file():
            person.photos.append(path)
            if self._photo_owners.setdefault(path, row.person) != row.person:
                self._remark("photo", "named for several people", row.photo)
        else:
            person.incomplete = True
            exists = Path(path).exists()
            fault = "is not a file" if exists else "does not exist"
            problem = f"{row.location}: photo {quoted(path)} {fault}; check the path"
            reason = "photo is not a file" if exists else "photo missing"
            self._leave_out("photo", reason, row.photo, problem)
        return True

    def _add_video(self, person: LabelledPerson, row: LabelRow) -> bool:
        """Add the appearance of a row; return False if the person has it already."""
        found = self._names.find(row.video, self._folder, row.location)
        video = found if found is not None else composed(row.video)
        labelled = video in person.spans
        spans = person.spans.setdefault(video, [])
        self._written.setdefault(video, row.video)
        if row.span is None:
            self._untimed.append(str(row))
        label = row.person, video, row.span
        if labelled and (row.span is None or label in self._distinct_labels):
            return False
        self._distinct_labels.add(label)
        span = row.span
        if found is None:
            remedy = "index it, or write its path as 'vidsearch search --json' prints it"
            problem = f"{row.location}: video {quoted(row.video)} is not in the catalog; {remedy}"
            self._leave_out("label line", "video not in the catalog", row.video, problem)
            if not labelled:
                reason = "not in the catalog, counted as not found"
                self._remark("labelled video", reason, f"{row.person}, {row.video}")
        elif self._videos[found]["status"] == "failed":
            problem = (
                f"{row.location}: video {quoted(row.video)} could not be read; see "
                "'vidsearch status'"
            )
            reason = "video could not be read, counted as not found"
            self._leave_out("label line", reason, row.video, problem)
        elif span is not None:
            span = self._within(span, self._videos[found]["duration_s"], row)
        if span is not None:
            spans.append(span)
        return True

    def _within(self, span: TimeSpan, length_s: float | None, row: LabelRow) -> TimeSpan:
        """Return a label's time, not longer than its video; a time outside it is unchanged."""
        if not length_s:
            return span
        name = f"{row} of {length_s:.2f} s"
        if span.start_s >= length_s:
            reason = "time outside the video, counted as not found"
            self._leave_out("label line", reason, name, f"{row.location}: {reason}: {name}")
        elif span.end_s > length_s + _LATE_END_S:
            self._remark("label line", "time continues after the end of the video, cut there", name)
            return TimeSpan(span.start_s, length_s)
        return span

    def _usable(self) -> dict[str, LabelledPerson]:
        """Return the people who can be searched for."""
        usable: dict[str, LabelledPerson] = {}
        for identity, person in self._people.items():
            if person.photos:
                usable[identity] = person
            elif person.incomplete:
                self._left_out.add("person", "no photo left", identity)
            else:
                problem = (
                    f"{self.file}, line {person.line}: person {quoted(identity)} has no photo; "
                    "add a row 'photo,person' with one"
                )
                self._leave_out("person", "no photo named", identity, problem)
        if not any(self._videos.keys() & person.spans.keys() for person in usable.values()):
            raise ConfigError(
                self._problem
                if self._problem
                else f"{self.file} names no appearance in any video; add rows with a video"
            )
        return usable

    def _leave_out(self, unit: str, reason: str, name: str, problem: str) -> None:
        self._left_out.add(unit, reason, name)
        self._problem = self._problem if self._problem else problem

    def _remark(self, unit: str, reason: str, name: str, count: int = 1) -> None:
        self._left_out.add(unit, reason, name, count, remark=True)


def _joined(spans: Sequence[TimeSpan]) -> list[TimeSpan]:
    """Return time spans in order, those that overlap joined to one."""
    joined: list[TimeSpan] = []
    for span in sorted(spans, key=lambda span: (span.start_s, span.end_s)):
        if joined and span.start_s < joined[-1].end_s:
            last = joined.pop()
            joined.append(TimeSpan(last.start_s, max(last.end_s, span.end_s)))
        else:
            joined.append(span)
    return joined
