"""Inputs that an evaluation could not use: counted and named in every form of its report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from vidsearch.evaluation.report.report import LeftOut, Report, ReportTable, Section
from vidsearch.text.names import portable_name
from vidsearch.text.printable import printable

_FIRST_NAMES = 5
_TABLE_ROWS = 1000
_PLURALS = {"entry": "entries", "person": "people"}


@dataclass(slots=True)
class LeftOutInputs:
    """Collection of inputs that could not be used, and of remarks on others, by unit and reason."""

    _names: dict[tuple[str, str, bool], dict[str, None]] = field(default_factory=dict)
    _counts: dict[tuple[str, str, bool], int] = field(default_factory=dict)

    def add(
        self, unit: str, reason: str, name: str, count: int = 1, *, remark: bool = False
    ) -> None:
        """Count inputs of one name.

        Args:
            unit: Kind of the inputs: "pair", "label line", "photo".
            reason: Reason, the same text for all inputs of this reason.
            name: Name of the input, or of the file that is missing.
            count: Number of inputs.
            remark: True if the inputs are used.
        """
        key = unit, reason, remark
        self._names.setdefault(key, {})[name] = None
        self._counts[key] = self._counts.get(key, 0) + count

    def groups(self) -> tuple[LeftOut, ...]:
        """Return one group per unit and reason, remarks last."""
        groups = (
            LeftOut(key[0], self._counts[key], key[1], tuple(map(portable_name, names)), key[2])
            for key, names in self._names.items()
        )
        return tuple(sorted(groups, key=lambda group: group.remark))


def left_out_line(group: LeftOut) -> str:
    """Return a group as one line, with its first names.

    Example:
        >>> left_out_line(LeftOut("pair", 2, "picture missing", ("Ann/Ann_0001.jpg",)))
        '2 pairs left out: picture missing: Ann/Ann_0001.jpg'
        >>> left_out_line(LeftOut("label line", 1, "repeated, counted once", ("line 3",), True))
        '1 label line: repeated, counted once: line 3'
    """
    names = ", ".join(printable(name) for name in group.names[:_FIRST_NAMES])
    more = len(group.names) - _FIRST_NAMES
    noun = group.unit if group.count == 1 else _PLURALS.get(group.unit, f"{group.unit}s")
    ending = f" and {more} more" if more > 0 else ""
    done = "" if group.remark else " left out"
    return f"{group.count:,} {noun}{done}: {group.reason}: {names}{ending}"


def passed_over_line(passed_over: Mapping[str, int]) -> str:
    """Return the counts of files that are no photos as one line.

    Example:
        >>> passed_over_line({".txt": 2, "": 1})
        '3 other files, which are no photos: .txt 2, no ending 1'
    """
    total = sum(passed_over.values())
    counts = ", ".join(
        f"{printable(ending) if ending else 'no ending'} {count}"
        for ending, count in passed_over.items()
    )
    files = "other file, which is no photo" if total == 1 else "other files, which are no photos"
    return f"{total:,} {files}: {counts}"


def with_inputs(
    report: Report, left_out: Sequence[LeftOut], passed_over: Mapping[str, int] | None = None
) -> Report:
    """Return the report with the inputs that were not used, in its lead, data and a table."""
    passed_over = passed_over if passed_over is not None else {}
    lines = [left_out_line(group) for group in left_out]
    if passed_over:
        lines.append(passed_over_line(passed_over))
    if not lines:
        return report
    rows = tuple(
        (group.unit, group.reason, printable(name)) for group in left_out for name in group.names
    )
    title = (
        "Inputs left out" if not any(group.remark for group in left_out) else "Remarks on inputs"
    )
    caption = title
    if len(rows) > _TABLE_ROWS:
        caption += f": the first {_TABLE_ROWS:,} of {len(rows):,}"
    columns = ("input", "reason", "name")
    table = ReportTable("left-out", caption, columns, rows[:_TABLE_ROWS])
    section = Section(title, ". ".join(lines) + ".", (table,) if rows else ())
    return replace(
        report,
        lead=" ".join([report.lead, *(f"{line}." for line in lines)]),
        left_out=tuple(left_out),
        passed_over=dict(passed_over),
        sections=(*report.sections, section),
    )
