"""The indexing run in progress, found without reading every event log."""

from __future__ import annotations

import time

from pipelines.indexing.event_log import FOLDER
from ui.service.jobs import SILENT_AFTER_S, Job, jobs
from vidsearch.catalog import Catalog


def being_indexed(catalog: Catalog) -> Job | None:
    """Return the run in progress, or None; always None for a catalog in an object store.

    The page is drawn after every click and must not wait for an object store.
    """
    if catalog.root.path is None:
        return None
    folder = catalog.root.path / FOLDER
    since = time.time() - SILENT_AFTER_S
    try:
        if not any(path.stat().st_mtime > since for path in folder.iterdir()):
            return None
    except OSError:
        return None  # never indexed, or a log was just removed
    return next((job for job in jobs(catalog) if job.state == "running"), None)
