"""Whether the archive is being indexed right now, without reading every log there ever was."""

from __future__ import annotations

import time

from pipelines.indexing.event_log import FOLDER
from ui.service.jobs import SILENT_AFTER_S, Job, jobs
from vidsearch.catalog import Catalog


def being_indexed(catalog: Catalog) -> Job | None:
    """Return the run that goes on, or None; of a catalog in an object store nothing is said.

    A page that is drawn after every click must not wait for a bucket.
    """
    if catalog.root.path is None:
        return None
    folder = catalog.root.path / FOLDER
    since = time.time() - SILENT_AFTER_S
    try:
        if not any(path.stat().st_mtime > since for path in folder.iterdir()):
            return None
    except OSError:
        return None  # never indexed, or a log that just went
    return next((job for job in jobs(catalog) if job.state == "running"), None)
