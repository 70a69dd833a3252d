"""Files of killed writers and of old versions that contain erased data and that no reader needs."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

from vidsearch.catalog.catalog import Catalog
from vidsearch.catalog.erasures.pending import FOLDER as ERASURES
from vidsearch.catalog.table_files import data_files
from vidsearch.storage.files import TEMPORARY_FILES
from vidsearch.storage.path import StoragePath

_LOG_ENTRY = re.compile(r"(\d{20})\.(?:json|checkpoint\..*)")
_LOG = "_delta_log"
_WRITTEN_WITHIN_S = 5.0  # a file that a process is writing now
_ABANDONED_AFTER_S = 60.0


def remove_abandoned(root: StoragePath, *, excluded: bool) -> None:
    """Remove temporary files that killed processes left, on a local drive.

    Args:
        root: Folder of the catalog.
        excluded: No other process writes the file of an erasure.
    """
    if root.path is not None:
        for path in root.path.rglob(TEMPORARY_FILES):
            dead = excluded and path.parent.name == ERASURES
            if dead or _age_s(path) > _ABANDONED_AFTER_S:
                path.unlink(missing_ok=True)


def remove_unused(catalog: Catalog, files: list[StoragePath]) -> bool:
    """Remove those of the files that no version of a table in use refers to.

    Every writer must be excluded meanwhile: a file that is about to be committed looks the same.

    Args:
        catalog: The catalog.
        files: Files that contain a trace.

    Returns:
        True if a file was removed.
    """
    removed = False
    for file in files:
        if file.path is not None and _is_unused(catalog, file.path):
            file.path.unlink(missing_ok=True)
            removed = True
    return removed


def _is_unused(catalog: Catalog, path: Path) -> bool:
    if path.match(TEMPORARY_FILES):
        return _age_s(path) > _WRITTEN_WITHIN_S
    for name in catalog.table_names:
        folder = Path(catalog.table(name).uri)
        if path.parent == folder / _LOG:
            return path.suffix == ".tmp" or _is_superseded(path)
        if path.parent == folder and path.suffix == ".parquet":
            return path.name not in data_files(catalog.table(name).open())
    return False


def _is_superseded(entry: Path) -> bool:
    """Return True for an entry of a table's log that a checkpoint replaces."""
    match = _LOG_ENTRY.fullmatch(entry.name)
    try:
        checkpoint = int(json.loads((entry.parent / "_last_checkpoint").read_bytes())["version"])
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return match is not None and int(match[1]) < checkpoint


def _age_s(path: Path) -> float:
    """Return the distance of a file's time of change from now: the clock may have been set back."""
    try:
        return abs(time.time() - path.stat().st_mtime)
    except FileNotFoundError:
        return 0.0
