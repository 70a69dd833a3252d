"""Steps of every erasure: rows, history, index, logs, proof.

A deletion hides rows at once, but three copies remain: the files of old table versions, the tables'
logs, and the vectors of the index. All of these are removed too. Old versions of the tables can no
longer be read afterwards; a search that runs meanwhile reads the current version again.

Two kinds of copies are out of reach: backups, and the local copy of an object store's index on
another machine. The next search on that machine replaces its copy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vidsearch.catalog.catalog import Catalog
from vidsearch.catalog.sources.accounts import FOLDER as SOURCES
from vidsearch.catalog.tables import Table, sql_text
from vidsearch.catalog.versions import discard_staged, remove_superseded
from vidsearch.erasure.proof import Traces, prove
from vidsearch.errors import CatalogError, ConfigError
from vidsearch.index.generation_files import PREFIX
from vidsearch.index.generations import current_name
from vidsearch.search.track_index import rebuild
from vidsearch.storage.local_copies import remove_local_copies
from vidsearch.storage.path import StoragePath
from vidsearch.text.printable import one_line

_LOGS = ("runs", SOURCES)
_IDS_PER_STATEMENT = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Data to erase.

    Attributes:
        traces: Data that must be absent afterwards.
        delete_rows: Deletes the rows and returns their number by table.
        in_event_logs: True if the runs' event logs contain lines about the data.
    """

    traces: Traces
    delete_rows: Callable[[], dict[str, int]]
    in_event_logs: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """Result of an erasure.

    Attributes:
        rows: Erased rows by table.
        log_lines: Erased lines of event logs.
        files_searched: Files that the proof read.
        tracks_searched: Tracks that the proof searched.
    """

    rows: dict[str, int]
    log_lines: int
    files_searched: int
    tracks_searched: int


def require_erasable(catalog: Catalog) -> None:
    """Raise if the catalog's storage keeps old versions of removed files.

    Raises:
        ConfigError: The catalog is in a bucket with versioning.
        CatalogError: The versioning of the bucket cannot be read.
    """
    try:
        versioned = catalog.root.keeps_versions()
    except OSError as error:
        raise CatalogError(
            f"the versioning of the bucket of {catalog.uri!r} cannot be read ({one_line(error)}); "
            "allow s3:GetBucketVersioning to this user"
        ) from error
    if versioned:
        raise ConfigError(
            f"the bucket of the catalog {catalog.uri!r} keeps versions of removed files; copy the "
            "catalog to a bucket without versions, erase the data there, and remove the original "
            "with its versions"
        )


def erase(catalog: Catalog, selection: Selection) -> Erasure:
    """Erase the selected data and prove that it is gone.

    A killed erasure can be repeated: every step removes all data that remains.

    Raises:
        CatalogError: A trace is left; the message names the file.
        CatalogWriteError: The catalog cannot be written.
    """
    # Vectors of other models include vectors of the erased faces.
    remove_superseded(catalog)
    discard_staged(catalog)
    rows = selection.delete_rows()
    for name in catalog.table_names:
        catalog.table(name).drop_history()
    rebuild(catalog)
    _remove_old_generations(catalog.vectors)
    remove_local_copies(catalog.vectors)
    log_lines = _redact_logs(catalog.root, selection.traces) if selection.in_event_logs else 0
    files, tracks = prove(catalog, selection.traces)
    return Erasure(rows=rows, log_lines=log_lines, files_searched=files, tracks_searched=tracks)


def delete_by_track(table: Table, track_ids: Sequence[str]) -> int:
    """Delete the rows of these tracks; return their number.

    Raises:
        CatalogConflictError: Other writers committed first for two minutes.
        CatalogWriteError: The table cannot be written.
    """
    deleted = 0
    for start in range(0, len(track_ids), _IDS_PER_STATEMENT):
        ids = ", ".join(map(sql_text, track_ids[start : start + _IDS_PER_STATEMENT]))
        deleted += table.delete(f"track_id IN ({ids})")
    return deleted


def _remove_old_generations(vectors: StoragePath) -> None:
    """Remove every generation of the index except the current one."""
    folder = vectors.child("index")
    for name in folder.names():
        if name.startswith(f"{PREFIX}-") and name != current_name(vectors):
            folder.child(name).remove_tree()


def _redact_logs(root: StoragePath, traces: Traces) -> int:
    """Remove the lines of event logs and accounts that contain a trace; return their number."""
    removed = 0
    logs = (folder.child(name) for folder in map(root.child, _LOGS) for name in folder.names())
    for log in logs:
        lines = log.read().splitlines(keepends=True)
        remaining = [line for line in lines if not any(text in line for text in traces.texts)]
        if len(remaining) < len(lines):
            removed += len(lines) - len(remaining)
            log.write(b"".join(remaining))
    return removed
