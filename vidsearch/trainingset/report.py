"""Report on a training set: counts, dropped photos, warnings about used photos, other files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from vidsearch.photo.people_folders import OtherFiles
from vidsearch.text.names import portable_name
from vidsearch.text.printable import printable
from vidsearch.trainingset.manifest import PARTS

REPORT_JSON, REPORT_TEXT = "report.json", "report.txt"

MOST_NAMES = 100
"""Dropped photos, and warnings, that are named in the printed report."""


@dataclass(frozen=True, slots=True)
class SetReport:
    """Counts of an assembled set, every dropped photo, and the warnings about used photos.

    Attributes:
        photos: Number of photos.
        faces: Number of faces in the set, by part.
        identities: Number of identities in the set, by part.
        reasons: Number of dropped photos, by reason.
        dropped: Source, identity and reason of every dropped photo.
        failed: Number of dropped photos that cannot be read.
        others: Files and folders that were not read as photos.
        warnings: Source, identity and warning of used photos, such as damaged ones.
    """

    photos: int
    faces: dict[str, int]
    identities: dict[str, int]
    reasons: dict[str, int]
    dropped: tuple[tuple[str, str, str], ...] = field(repr=False)
    failed: int = 0
    others: OtherFiles = field(default_factory=OtherFiles)
    warnings: tuple[tuple[str, str, str], ...] = field(default=(), repr=False)

    @property
    def complete(self) -> bool:
        """True if every photo and every folder could be read."""
        return not self.failed and not self.others.unreadable

    def to_json(self) -> dict[str, Any]:
        """Return the content of ``report.json``."""
        rows = [
            dict(zip(("source", "identity", "reason"), row, strict=True)) for row in self.dropped
        ]
        warnings = [
            dict(zip(("source", "identity", "warning"), row, strict=True)) for row in self.warnings
        ]
        return {
            "photos": self.photos,
            "faces": self.faces,
            "identities": self.identities,
            "dropped_by_reason": self.reasons,
            "dropped": rows,
            "failed": self.failed,
            "passed_over": dict(self.others.passed_over),
            "excluded": dict(self.others.excluded),
            "unreadable": [portable_name(path) for path in self.others.unreadable],
            "without_photos": list(self.others.without_photos),
            "warnings": warnings,
        }

    def to_text(self) -> str:
        """Return the counts, a line for each dropped photo, and the counts of other files."""
        lines = [f"{sum(self.faces.values())} faces kept of {self.photos} photos."]
        lines += [
            f"  {part:9} {self.faces[part]:8} faces of {self.identities[part]} identities"
            for part in PARTS
        ]
        lines += [f"  dropped   {count:8} {reason}" for reason, count in self.reasons.items()]
        lines += _first_rows(self.dropped)
        if self.warnings:
            lines += ["Used with a warning:", *_first_rows(self.warnings)]
        return "\n".join([*lines, *self._other_lines()])

    def to_full_text(self) -> str:
        """Return the content of ``report.txt``: ``to_text``, then all dropped photos by name."""
        lines = [self.to_text(), "", "Dropped:", *map(_full_row, self.dropped)]
        if self.warnings:
            lines += ["", "Used with a warning:", *map(_full_row, self.warnings)]
        return "\n".join(lines)

    def _other_lines(self) -> list[str]:
        others = self.others
        lines = [
            f"Not read: {printable(path)}: {printable(reason)}"
            for path, reason in others.unreadable.items()
        ]
        if others.without_photos:
            names = ", ".join(map(printable, others.without_photos[:MOST_NAMES]))
            lines.append(f"Folders without photos: {len(others.without_photos)} ({names}).")
        for text, counts in (("no photos", others.passed_over), ("excluded", others.excluded)):
            if counts:
                parts = ", ".join(
                    f"{printable(name) if name else 'no ending'} {count}"
                    for name, count in counts.items()
                )
                lines.append(f"Other files, {text}: {sum(counts.values())} ({parts}).")
        return lines


def _first_rows(rows: Sequence[tuple[str, str, str]]) -> list[str]:
    lines = [f"  {printable(source)}: {printable(text)}" for source, _, text in rows[:MOST_NAMES]]
    if len(rows) > MOST_NAMES:
        lines.append(f"  and {len(rows) - MOST_NAMES} more; {REPORT_TEXT} names all")
    return lines


def _full_row(row: tuple[str, str, str]) -> str:
    source, identity, text = map(printable, row)
    return f"  {source} ({identity}): {text}"
