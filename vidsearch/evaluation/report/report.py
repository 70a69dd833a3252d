"""What a report says, before it is written in any form."""

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
    """One of the few numbers a reader came for.

    Attributes:
        label: What it is.
        value: As it is shown, e.g. ``"0.9912 ± 0.0031"``.
        note: Its interval, or what it was counted over.
        bar: The number and the ends of its interval, in [0, 1], drawn as a bar; None for no bar.
    """

    label: str
    value: str
    note: str = ""
    bar: tuple[float, float, float] | None = None

    def __post_init__(self) -> None:
        if self.bar is not None and not all(0 <= end <= 1 for end in self.bar):
            raise ConfigError(f"the bar of {self.label!r} must lie in [0, 1]; got {self.bar}")


@dataclass(frozen=True, slots=True)
class Table:
    """A table, also written as CSV and Markdown.

    Attributes:
        name: Stem of its files: lower-case letters, digits and hyphens.
        caption: One sentence above it.
        columns: Their headings.
        rows: As long as ``columns``. Floats are written in full into the CSV and rounded elsewhere.
        digits: Decimals of floats, where people read them.
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
        caption: One sentence under it; also what a reader who cannot see it is told.
        svg: The document, from ``vidsearch.evaluation.report.svg``.
    """

    name: str
    caption: str
    svg: str = field(repr=False)

    def __post_init__(self) -> None:
        _check_name("figure", self.name)


@dataclass(frozen=True, slots=True)
class Picture:
    """One small photo.

    Attributes:
        jpeg: Its bytes; None shows an empty frame.
        label: Under it.
        tone: ``good`` and ``bad`` give it a coloured frame.
    """

    jpeg: bytes | None = field(repr=False)
    label: str
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True)
class PictureRow:
    """Pictures that belong together, such as a query and its hits."""

    title: str
    note: str
    pictures: tuple[Picture, ...]


@dataclass(frozen=True, slots=True)
class PictureRows:
    """Rows of small pictures under one caption."""

    caption: str
    rows: tuple[PictureRow, ...]


Block: TypeAlias = Table | Figure | PictureRows


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, a paragraph, and what it introduces."""

    title: str
    text: str
    blocks: tuple[Block, ...] = ()


@dataclass(frozen=True, slots=True)
class Measure:
    """A number that two reports can be compared by, computed from their scores.

    Attributes:
        name: As reports name it.
        kind: ``mean`` averages ``column``; the others need the columns ``similarity`` and
            ``genuine``.
        column: Of a mean.
        far: Of a TAR.
        higher_is_better: Which direction is an improvement.
    """

    name: str
    kind: MeasureKind = "mean"
    column: str = ""
    far: float = 0.0
    higher_is_better: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """One row per query or pair, so that another report can be compared with this one.

    Attributes:
        unit: What a row is: ``"query"``, ``"pair"``.
        columns: Equally long; ``id`` names a row in every report over the same data.
        measures: What can be computed from them.
        identities: Columns that name the people of a row (empty text: unknown); resampling takes
            whole people. None: rows are resampled one by one.
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
    """Where figures come from.

    Attributes:
        configuration: Every option that was in force.
        data: Name and sha256 of what was evaluated, e.g. ``{"pairs.txt": "ab12..."}``.
        model_id: The pack's, which holds a hash of all it consists of; empty where no pack ran.
        pack_files: sha256 by file name.
        elapsed_s: Wall-clock time, seconds.
    """

    configuration: Mapping[str, Any]
    data: Mapping[str, str]
    model_id: str = ""
    pack_files: Mapping[str, str] = field(default_factory=dict)
    elapsed_s: float | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """Everything an evaluation has to say.

    Attributes:
        kind: Protocol family, e.g. ``"verification"``; reports of one kind can be compared.
        title: What was measured.
        lead: One or two sentences: on what, by which convention.
        conventions: Names of the conventions used, each with its source.
        headlines: The numbers on top.
        metrics: JSON: every figure, exactly.
        provenance: Where they come from.
        sections: The body.
        scores: For comparisons; None where a protocol has none.
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

    def blocks(self) -> tuple[Block, ...]:
        return tuple(block for section in self.sections for block in section.blocks)

    @property
    def tables(self) -> tuple[Table, ...]:
        return tuple(block for block in self.blocks() if isinstance(block, Table))

    @property
    def figures(self) -> tuple[Figure, ...]:
        return tuple(block for block in self.blocks() if isinstance(block, Figure))

    def __post_init__(self) -> None:
        for what, group in (("tables", self.tables), ("figures", self.figures)):
            names = [block.name for block in group]
            if len(names) != len(set(names)):
                raise ConfigError(f"{what} of one report need different names; got {names}")


def _check_name(what: str, name: str) -> None:
    if not _FILE_STEM.fullmatch(name):
        raise ConfigError(
            f"{what} name {name!r} must be lower-case letters, digits and hyphens: it names files"
        )
