"""Data model of a report: headlines, sections with tables and figures, metrics, scores."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np

from vidsearch.errors import ConfigError

Cell: TypeAlias = str | int | float | None
Tone: TypeAlias = Literal["plain", "good", "bad"]
MeasureKind: TypeAlias = Literal["mean", "tar_at_far", "equal_error_rate"]

_FILE_STEM = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


@dataclass(frozen=True, slots=True)
class Headline:
    """A main result, displayed at the top of the report.

    Attributes:
        label: Name of the figure.
        value: Formatted value, e.g. ``"0.9912 ± 0.0031"``.
        note: Its interval, or the number of items behind it.
        bar: Value, lower and upper end of its interval, in [0, 1], drawn as a bar; None: no bar.
    """

    label: str
    value: str
    note: str = ""
    bar: tuple[float, float, float] | None = None

    def __post_init__(self) -> None:
        if self.bar is not None and not all(0 <= end <= 1 for end in self.bar):
            raise ConfigError(f"the bar of {self.label!r} must lie in [0, 1]; got {self.bar}")


@dataclass(frozen=True, slots=True)
class ReportTable:
    """A table, also written as CSV and Markdown.

    Attributes:
        name: Stem of its files: lower-case letters, digits and hyphens.
        caption: One sentence above the table.
        columns: Headings.
        rows: Rows of as many cells as ``columns``. Floats have full precision in the CSV file and
            are rounded elsewhere.
        digits: Decimals of rounded floats.
    """

    name: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    digits: int = 4

    def __post_init__(self) -> None:
        _check_name("table", self.name)
        wrong = [row for row in self.rows if len(row) != len(self.columns)]
        if wrong:
            raise ConfigError(
                f"table {self.name}: every row needs {len(self.columns)} cells; got {wrong[0]}"
            )


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawing.

    Attributes:
        name: Stem of its file.
        caption: One sentence below the drawing; also its alternative text.
        svg: SVG document of ``vidsearch.evaluation.report.svg``.
    """

    name: str
    caption: str
    svg: str = field(repr=False)

    def __post_init__(self) -> None:
        _check_name("figure", self.name)


@dataclass(frozen=True, slots=True)
class ReportImage:
    """One small photo.

    Attributes:
        jpeg: JPEG file content; None displays an empty frame.
        label: Text below the photo.
        tone: Colour of the frame: ``good`` is green, ``bad`` is red.
    """

    jpeg: bytes | None = field(repr=False)
    label: str
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True)
class ImageRow:
    """A row of small photos, such as a query and its hits."""

    title: str
    note: str
    images: tuple[ReportImage, ...]


@dataclass(frozen=True, slots=True)
class ImageRows:
    """Rows of small photos below one caption."""

    caption: str
    rows: tuple[ImageRow, ...]


Block: TypeAlias = ReportTable | Figure | ImageRows


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, a paragraph, and the tables and figures below it."""

    title: str
    text: str
    blocks: tuple[Block, ...] = ()


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure computed from scores, by which two reports can be compared.

    Attributes:
        name: Name in reports.
        kind: ``mean`` averages ``column``; the other kinds need the columns ``similarity`` and
            ``genuine``.
        column: Column that is averaged, for ``mean``.
        far: False accept rate, for ``tar_at_far``.
        higher_is_better: True if a larger value is an improvement.
    """

    name: str
    kind: MeasureKind = "mean"
    column: str = ""
    far: float = 0.0
    higher_is_better: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """One row per query or pair, for comparisons with other reports.

    Attributes:
        unit: Meaning of a row: ``"query"``, ``"pair"``, ``"search"``.
        columns: Columns of N values. ``id`` names a row, equal in all reports over the same data.
        measures: Figures that can be computed from the columns.
        identities: Columns that name the people of a row (empty text: unknown). Resampling draws
            whole people; without such columns it draws rows.
    """

    unit: str
    columns: Mapping[str, Sequence[Any] | np.ndarray[Any, Any]] = field(repr=False)
    measures: tuple[Measure, ...]
    identities: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if "id" not in self.columns:
            raise ConfigError("scores need a column 'id'")
        lengths = {name: len(column) for name, column in self.columns.items()}
        if len(set(lengths.values())) > 1:
            raise ConfigError(f"columns of scores must be equally long; got {lengths}")
        for name in self.identities:
            if name not in self.columns:
                raise ConfigError(f"scores have no column {name!r} of identities")


@dataclass(frozen=True, slots=True)
class Provenance:
    """Origin of the figures.

    Attributes:
        configuration: All options.
        data: SHA-256 hash by name of the evaluated files, e.g. ``{"pairs.txt": "ab12..."}``.
        model_id: Id of the pack, which contains a hash of its parts; empty if no pack was used.
        pack_files: SHA-256 hash by name of the pack's files.
        elapsed_s: Wall-clock time, seconds.
        dataset: Name of the evaluated data set; empty if it has none.
        pack: Name of the pack; empty if no pack was used.
    """

    configuration: Mapping[str, Any]
    data: Mapping[str, str]
    model_id: str = ""
    pack_files: Mapping[str, str] = field(default_factory=dict)
    elapsed_s: float | None = None
    dataset: str = ""
    pack: str = ""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Inputs that could not be used, or not as they are written, for one reason.

    Attributes:
        unit: Kind of the inputs, singular: "pair", "label line", "photo".
        count: Number of inputs.
        reason: Reason without names; for inputs that are used, what was done with them.
        names: Names of the inputs, or of the files that are missing.
        remark: True if the inputs are used, and the reason is a remark on them.
    """

    unit: str
    count: int
    reason: str
    names: tuple[str, ...]
    remark: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """Result of an evaluation.

    Attributes:
        kind: Protocol family, e.g. ``"verification"``; reports of one kind can be compared.
        title: Heading: the protocol and the data set.
        lead: One or two sentences on the data and the convention.
        conventions: Conventions of the figures, each with its source.
        headlines: Main results.
        metrics: All figures in full precision, for JSON.
        provenance: Origin of the figures.
        sections: Body.
        scores: Rows for comparisons; None if the protocol has none.
        left_out: Inputs that could not be used, and remarks on inputs that are used.
        passed_over: Ending of files in the data set that are no photos -> number of files.
    """

    kind: str
    title: str
    lead: str
    conventions: tuple[str, ...]
    headlines: tuple[Headline, ...]
    metrics: Mapping[str, Any]
    provenance: Provenance
    sections: tuple[Section, ...]
    scores: Scores | None = None
    left_out: tuple[LeftOut, ...] = ()
    passed_over: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for kind, group in (("tables", self.tables), ("figures", self.figures)):
            names = [block.name for block in group]
            if len(names) != len(set(names)):
                raise ConfigError(f"{kind} of one report need different names; got {names}")

    @property
    def tables(self) -> tuple[ReportTable, ...]:
        """All tables, in order."""
        return tuple(block for block in self._blocks() if isinstance(block, ReportTable))

    @property
    def figures(self) -> tuple[Figure, ...]:
        """All figures, in order."""
        return tuple(block for block in self._blocks() if isinstance(block, Figure))

    def _blocks(self) -> tuple[Block, ...]:
        return tuple(block for section in self.sections for block in section.blocks)


def _check_name(kind: str, name: str) -> None:
    if not _FILE_STEM.fullmatch(name):
        raise ConfigError(
            f"{kind} name {name!r} must be lower-case letters, digits and hyphens: it names files"
        )
