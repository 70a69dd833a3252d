"""The run in progress, found by the times of event logs."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines.indexing.event_log import FOLDER
from tests.helpers.synthetic_catalog import DIM, MODEL_ID
from ui.service.jobs import SILENT_AFTER_S
from ui.service.running_jobs import being_indexed
from vidsearch.catalog import Catalog


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return Catalog.create(tmp_path / "catalog", pack="toy", model_id=MODEL_ID, dim=DIM)


def write_log(catalog: Catalog, name: str, *events: str) -> Path:
    assert catalog.root.path is not None
    folder = catalog.root.path / FOLDER
    folder.mkdir(exist_ok=True)
    now = datetime.now(UTC).isoformat()
    lines = [
        json.dumps({"event": event, "time": now, "videos": 1, "how": "done"}) for event in events
    ]
    path = folder / f"{name}.jsonl"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_catalog_that_was_never_indexed_has_no_run(catalog: Catalog) -> None:
    assert being_indexed(catalog) is None


def test_the_run_without_an_end_is_in_progress(catalog: Catalog) -> None:
    write_log(catalog, "done", "start", "end")
    assert being_indexed(catalog) is None
    write_log(catalog, "live", "start")
    found = being_indexed(catalog)
    assert found is not None
    assert found.run_id == "live"


def test_a_killed_run_is_not_in_progress_for_ever(catalog: Catalog) -> None:
    log = write_log(catalog, "killed", "start")
    stale_s = log.stat().st_mtime - SILENT_AFTER_S - 1
    os.utime(log, (stale_s, stale_s))
    assert being_indexed(catalog) is None
