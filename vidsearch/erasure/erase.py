"""Steps of every erasure: intent, rows, history, index, logs, proof, receipt.

The erasure is written to ``erasures/`` before the first deletion: from then on no reader sees the
data. Every step removes what remains, so a killed erasure is completed by repeating the steps.

A deletion leaves three copies: the files of old table versions, the tables' logs, and the vectors
of the index. All of these are removed too. Old versions of the tables can no longer be read
afterwards; a search that runs meanwhile reads the current version again.

Two kinds of copies are out of reach: backups, and the local copy of an object store's index on
another machine. The next search on that machine replaces its copy.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

from vidsearch.catalog.catalog import Catalog
from vidsearch.catalog.commits import writers_excluded
from vidsearch.catalog.erasures.pending import (
    LOCK,
    PendingErasure,
    pending_erasures,
    remove_pending,
    write_pending,
)
from vidsearch.catalog.table_files import sql_text
from vidsearch.catalog.tables import Table
from vidsearch.catalog.versions import discard_staged, remove_superseded
from vidsearch.erasure.leftovers import remove_abandoned, remove_unused
from vidsearch.erasure.logs import redact
from vidsearch.erasure.proof import TraceError, Traces, prove
from vidsearch.erasure.receipt import PersonReceipt, Receipt, VideoReceipt, write_receipt
from vidsearch.errors import CatalogError, CatalogWriteError, ConfigError, VidsearchError
from vidsearch.index.generation_files import PREFIX
from vidsearch.index.generations import current_name
from vidsearch.search.track_index import rebuild
from vidsearch.storage.drive import commit_lock
from vidsearch.storage.local_copies import remove_local_copies
from vidsearch.storage.path import StoragePath
from vidsearch.text.printable import one_line, printable

_LOG = logging.getLogger(__name__)

_IDS_PER_STATEMENT = 500
_ATTEMPTS = 6
_FIRST_WAIT_S = 0.5
_DERIVED = "advice.json"


def forget(
    catalog: Catalog,
    is_named: Callable[[PendingErasure], bool],
    begin: Callable[[], PendingErasure],
) -> Receipt:
    """Complete the erasures that were begun, then erase; return the receipt.

    Args:
        catalog: The catalog.
        is_named: Returns True for an erasure that was begun and is the one asked for.
        begin: Returns the erasure asked for, unless it was begun before.

    Raises:
        ConfigError: There is no such data, or the catalog is in a bucket with versioning.
        CatalogError: A trace is left; the message names the file.
        CatalogWriteError: The catalog cannot be written.
    """
    _require_erasable(catalog)
    for erasure, receipt in finish_pending(catalog):
        if is_named(erasure):
            return receipt
    erasure = begin()
    with writers_excluded(catalog.root):
        write_pending(catalog.root, erasure)
    with _one_at_a_time(catalog):
        return _complete(catalog, erasure)


def _require_erasable(catalog: Catalog) -> None:
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


def finish_pending(catalog: Catalog) -> tuple[tuple[PendingErasure, Receipt], ...]:
    """Complete the erasures that were begun and not completed; return them with their receipts.

    Commands that write to a catalog begin with this step.

    Raises:
        CatalogError: As for ``forget``.
    """
    if not pending_erasures(catalog.root):
        return ()
    with _one_at_a_time(catalog):
        receipts = []
        for erasure in pending_erasures(catalog.root):  # another process may have completed some
            _LOG.warning(
                "the erasure of %s %s, begun at %s, was not complete; it is completed now",
                erasure.kind,
                printable(erasure.identity),
                erasure.started_at,
            )
            receipts.append((erasure, _complete(catalog, erasure)))
        return tuple(receipts)


@contextmanager
def _one_at_a_time(catalog: Catalog) -> Iterator[None]:
    path = catalog.root.path
    if path is None:
        yield
        return
    with commit_lock(path, name=LOCK):
        yield


def _complete(catalog: Catalog, erasure: PendingErasure) -> Receipt:
    try:
        return _steps(catalog, erasure)
    except (VidsearchError, OSError) as error:
        kind = CatalogError if isinstance(error, CatalogError) else CatalogWriteError
        message = str(error) if isinstance(error, VidsearchError) else one_line(error)
        raise kind(
            f"{message}; the erasure of {erasure.kind} {printable(erasure.identity)} is "
            "not complete: no search shows its data, and the repeated command completes it"
        ) from error


def _steps(catalog: Catalog, erasure: PendingErasure) -> Receipt:
    traces = Traces.of(erasure, catalog.dim)
    rows: Counter[str] = Counter()
    log_lines = 0
    for attempt in range(_ATTEMPTS):
        with writers_excluded(catalog.root) as excluded:
            remove_abandoned(catalog.root, excluded=excluded)
            # Vectors of other models include vectors of the erased faces.
            remove_superseded(catalog)
            discard_staged(catalog)
            rows.update(_delete_rows(catalog, erasure))
            for name in catalog.table_names:
                catalog.table(name).drop_history()
        rebuild(catalog)
        _remove_old_generations(catalog.vectors)
        remove_local_copies(catalog.vectors)
        catalog.root.child(_DERIVED).remove_tree()
        log_lines += redact(catalog.root, erasure.texts)
        try:
            files, tracks = _prove(catalog, traces)
        except CatalogError as error:
            is_foreign = isinstance(error, TraceError) and error.foreign
            if attempt == _ATTEMPTS - 1 or is_foreign:
                raise
            wait_s = _FIRST_WAIT_S * 1.5**attempt
            _LOG.warning("traces are left; repeating the erasure in %.1f s", wait_s)
            time.sleep(wait_s)
        else:
            break
    receipt = _receipt(erasure, rows, log_lines, files, tracks)
    write_receipt(catalog.root, receipt)
    remove_pending(catalog.root, erasure)
    return receipt


def _prove(catalog: Catalog, traces: Traces) -> tuple[int, int]:
    """Prove the erasure; files of killed writers that contain a trace are removed."""
    try:
        return prove(catalog, traces)
    except TraceError as error:
        with writers_excluded(catalog.root) as excluded:
            if not excluded or not remove_unused(catalog, error.files):
                raise
    return prove(catalog, traces)


def _receipt(
    erasure: PendingErasure, rows: Counter[str], log_lines: int, files: int, tracks: int
) -> Receipt:
    """Return the receipt; a repeated erasure counts what the interrupted one deleted, too."""
    counts: dict[str, Any] = {
        "erased_at": erasure.started_at,
        "rows": {name: max(count, rows[name]) for name, count in erasure.rows.items()},
        "log_lines": max(erasure.log_lines, log_lines),
        "files_searched": files,
        "tracks_searched": tracks,
    }
    if erasure.kind == "video":
        return VideoReceipt(video_id=erasure.identity, size=erasure.size, **counts)
    return PersonReceipt(person_id=erasure.identity, **counts)


def _delete_rows(catalog: Catalog, erasure: PendingErasure) -> dict[str, int]:
    """Delete the rows of an erasure that remain; return the number of deleted rows by table."""
    _set_track_counts(catalog, erasure.videos)
    rows = {
        name: _delete_by_track(catalog.table(name), erasure.tracks)
        for name in ("tracks", "faces", "verdicts")
    }
    is_person = erasure.kind == "person"
    tables = ("verdicts", "people") if is_person else ("tracks", "faces", "files", "videos")
    condition = f"{erasure.kind}_id = {sql_text(erasure.identity)}"
    for name in tables:
        rows[name] = rows.get(name, 0) + catalog.table(name).delete(condition)
    return rows


def _set_track_counts(catalog: Catalog, video_ids: Collection[str]) -> None:
    """Set the number of tracks of videos to the number of those that are not erased."""
    if not video_ids:
        return
    snapshot = catalog.snapshot()  # leaves the erased tracks out
    remaining = Counter(snapshot.tracks(["video_id"], video_ids=video_ids)["video_id"].to_pylist())
    for row in snapshot.videos(["video_id", "tracks"], video_ids).to_pylist():
        count = remaining[row["video_id"]]
        if row["tracks"] != count:
            condition = f"video_id = {sql_text(row['video_id'])}"
            catalog.table("videos").update(condition, {"tracks": str(count)})


def _delete_by_track(table: Table, track_ids: Collection[str]) -> int:
    """Delete the rows of these tracks; return their number."""
    ids = sorted(track_ids)
    deleted = 0
    for start in range(0, len(ids), _IDS_PER_STATEMENT):
        listed = ", ".join(map(sql_text, ids[start : start + _IDS_PER_STATEMENT]))
        deleted += table.delete(f"track_id IN ({listed})")
    return deleted


def _remove_old_generations(vectors: StoragePath) -> None:
    """Remove every generation of the index except the current one."""
    folder = vectors.child("index")
    for name in folder.names():
        if name.startswith(f"{PREFIX}-") and name != current_name(vectors):
            folder.child(name).remove_tree()
