"""Reports of indexing runs, made up for the tests of what is said about them."""

from __future__ import annotations

from typing import Any

from pipelines.indexing.outcomes import IndexReport


def index_report(**changes: Any) -> IndexReport:
    """Return the report of a run that indexed one video; ``changes`` replace its fields."""
    fields: dict[str, Any] = {
        "indexed": 1,
        "skipped": 0,
        "failed": 0,
        "tracks": 1,
        "faces": 1,
        "duration_s": 1.0,
        "elapsed_s": 1.0,
        "failures": (),
        "partly_read": (),
    }
    return IndexReport(**{**fields, **changes})
