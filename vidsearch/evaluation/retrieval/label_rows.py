"""Rows of a labels file: columns by name, times in seconds or h:mm:ss."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vidsearch.datatypes import TimeSpan
from vidsearch.errors import ConfigError
from vidsearch.text.decode import CsvTable
from vidsearch.text.names import composed
from vidsearch.text.printable import printable

COLUMNS = ("photo", "person", "video", "start", "end")
_HEADER = (
    "a header with 'photo' or 'person' (or both), 'video' and, for labels with times, 'start,end'"
)


@dataclass(frozen=True, slots=True)
class LabelRow:
    """One row of a labels file.

    Attributes:
        line: Number of its last line, from 1.
        location: File and line, for errors.
        photo: Photo as written; empty if none is named.
        person: Name of the person, or the photo if no person is named.
        video: Video as written; empty if none is named.
        span: Time in the video; None if no time is given.
    """

    line: int
    location: str
    photo: str
    person: str
    video: str
    span: TimeSpan | None

    def __str__(self) -> str:
        """Return the row for lists of remarks: its line, video or photo, and time as written."""
        text = f"line {self.line}: {self.video if self.video else self.photo}"
        return (
            text if self.span is None else f"{text}, {self.span.start_s:g} to {self.span.end_s:g}"
        )


def label_rows(table: CsvTable, file: str) -> Iterator[LabelRow]:
    """Yield the rows of a table.

    Args:
        table: Table of a labels file.
        file: Name of the file in errors.

    Raises:
        ConfigError: A malformed header or row.
    """
    for number, row in _rows(table, file):
        location = f"{file}, line {number}"
        photo, name, video = row["photo"], composed(row["person"]), row["video"]
        if not photo and not name:
            raise ConfigError(f"{location}: neither a photo nor a person; expected one of them")
        span = _span(row["start"], row["end"], location, table.separator)
        if span is not None and not video:
            raise ConfigError(f"{location}: a time without a video; name the video")
        yield LabelRow(number, location, photo, name if name else composed(photo), video, span)


def _rows(table: CsvTable, file: str) -> Iterator[tuple[int, dict[str, str]]]:
    names: list[str] = []
    for number, cells in table.rows:
        if not names:
            names = [name.strip().lower() for name in cells]
            unknown = [name for name in names if name not in COLUMNS]
            repeated = sorted({name for name in names if names.count(name) > 1})
            if repeated:
                raise ConfigError(
                    f"{file}, line {number}: column {repeated[0]!r} occurs twice; remove one"
                )
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
    plain = "_" not in text  # which Python takes for a separator of thousands
    if not plain or not 1 <= len(parts) <= 3 or not math.isfinite(total) or min(parts) < 0:
        raise ConfigError(f"{location}: time {text!r}; expected seconds or h:mm:ss")
    return total
