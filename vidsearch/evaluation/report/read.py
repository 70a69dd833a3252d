"""Reading back what a report stored for comparisons."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vidsearch.errors import ConfigError
from vidsearch.evaluation.report.report import Measure, Scores
from vidsearch.evaluation.report.write import FORMAT, METRICS, SCORES


@dataclass(frozen=True, slots=True, eq=False)
class StoredReport:
    """A report's numbers.

    Attributes:
        folder: Where it lies.
        kind: Protocol family.
        title: What was measured.
        document: The whole ``metrics.json``.
        scores: One row per query or pair; None where the protocol has none.
    """

    folder: Path
    kind: str
    title: str
    document: dict[str, Any] = field(repr=False)
    scores: Scores | None


def read_report(folder: str | os.PathLike[str]) -> StoredReport:
    """Read a report's folder.

    Raises:
        ConfigError: It holds no report, or one that is damaged or of a newer version.
    """
    place = Path(folder)
    try:
        document = json.loads((place / METRICS).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"{str(folder)!r} holds no report: {METRICS} cannot be read ({error.strerror}); name a "
            "folder that 'vidsearch evaluate' wrote"
        ) from error
    except ValueError as error:
        raise ConfigError(f"{place / METRICS} is damaged ({error}); evaluate again") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ConfigError(
            f"{place / METRICS} is not of format {FORMAT}; evaluate again with this version"
        )
    try:
        scores = _scores(place, document["scores"]) if "scores" in document else None
        return StoredReport(place, document["kind"], document["title"], document, scores)
    except (KeyError, TypeError) as error:
        raise ConfigError(f"{place / METRICS} is damaged ({error!r}); evaluate again") from error


def _scores(folder: Path, about: dict[str, Any]) -> Scores:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(folder / SCORES)
    except (OSError, pa.ArrowException) as error:
        raise ConfigError(
            f"{folder / SCORES} cannot be read ({str(error).splitlines()[0]}); evaluate again"
        ) from error
    return Scores(
        unit=about["unit"],
        columns={name: table[name].to_numpy(zero_copy_only=False) for name in table.column_names},
        measures=tuple(Measure(**measure) for measure in about["measures"]),
        identities=tuple(about["identities"]),
    )
