"""Reading the stored numbers of a report folder."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vidsearch.errors import ConfigError
from vidsearch.evaluation.report.report import Measure, Scores
from vidsearch.evaluation.report.write import FORMAT, METRICS, SCORES
from vidsearch.storage.files import arrow_file
from vidsearch.text.parse import read_json
from vidsearch.text.printable import quoted


@dataclass(frozen=True, slots=True, eq=False)
class StoredReport:
    """Stored numbers of a report.

    Attributes:
        folder: Folder of the report.
        kind: Protocol family.
        title: Heading of the report.
        document: Content of ``metrics.json``.
        scores: One row per query or pair; None if the protocol has none.
    """

    folder: Path
    kind: str
    title: str
    document: dict[str, Any] = field(repr=False)
    scores: Scores | None

    @property
    def dataset(self) -> str:
        """Name of the data set; empty if the report has none or predates the field."""
        return str(self.document.get("dataset", ""))

    @property
    def pack(self) -> str:
        """Name of the pack; empty if no pack was used or the report predates the field."""
        return str(self.document.get("model", {}).get("pack", ""))


def read_report(folder: str | os.PathLike[str]) -> StoredReport:
    """Read the numbers of a report folder.

    Raises:
        ConfigError: The folder has no report, or a damaged one, or one of another format.
    """
    path = Path(folder)
    try:
        document = read_json((path / METRICS).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"{quoted(folder)} holds no report: {METRICS} cannot be read ({error.strerror}); "
            "name a folder that 'vidsearch evaluate' wrote"
        ) from error
    except ValueError as error:
        raise ConfigError(f"{path / METRICS} is damaged ({error}); evaluate again") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ConfigError(
            f"{path / METRICS} is not of format {FORMAT}; evaluate again with this version"
        )
    try:
        scores = _scores(path, document["scores"]) if "scores" in document else None
        return StoredReport(path, document["kind"], document["title"], document, scores)
    except (KeyError, TypeError) as error:
        raise ConfigError(f"{path / METRICS} is damaged ({error!r}); evaluate again") from error


def _scores(folder: Path, layout: dict[str, Any]) -> Scores:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with arrow_file(folder / SCORES) as file:
            table = pq.read_table(file)
    except (OSError, pa.ArrowException) as error:
        raise ConfigError(
            f"{folder / SCORES} cannot be read ({str(error).splitlines()[0]}); evaluate again"
        ) from error
    return Scores(
        unit=layout["unit"],
        columns={name: table[name].to_numpy(zero_copy_only=False) for name in table.column_names},
        measures=tuple(Measure(**measure) for measure in layout["measures"]),
        identities=tuple(layout["identities"]),
    )
