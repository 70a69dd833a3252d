"""Versions of a catalog's vectors: built beside the current ones, published by one write.

::

    catalog.json                     "vectors" names the current folder; empty: the catalog's own
    vectors-<time>-<id>/             tracks, faces, videos, and index/ of a model
    reembed/<model>/<piece>.npy      embeddings of a running re-embedding (see ``Pieces``)
    people, verdicts, files, ...     independent of the model

A folder is invisible until ``catalog.json`` names it, and ``catalog.json`` is written atomically. A
killed run therefore leaves the old vectors or the new ones in use, never parts of both. The names
of folders sort by time: folders older than the current one are superseded, newer ones are staged.
``remove_superseded`` and ``discard_staged`` remove them permanently.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from vidsearch.catalog.catalog import Catalog
from vidsearch.catalog.commits import exclusive
from vidsearch.catalog.meta import META_NAME
from vidsearch.catalog.schema import VECTOR_TABLES, table_schemas
from vidsearch.catalog.snapshot import Snapshot
from vidsearch.errors import CatalogConflictError, CatalogError, CatalogWriteError
from vidsearch.storage.local_copies import remove_local_copies
from vidsearch.storage.locks import lock_file, open_folder_for_lock
from vidsearch.storage.path import StoragePath
from vidsearch.storage.version_name import VersionName
from vidsearch.text.printable import one_line

_LOG = logging.getLogger(__name__)

WORK = "reembed"
_PREFIX = "vectors"
_INDEX = "index"


def stage(catalog: Catalog, pack: str, model_id: str, dim: int) -> Catalog:
    """Create empty tables for another model's vectors, not visible yet.

    Args:
        catalog: The catalog with its current vectors.
        pack: Name or folder of the other pack.
        model_id: Model of the new vectors.
        dim: Length of the new vectors.

    Returns:
        The same catalog with the new tables and index.

    Raises:
        CatalogWriteError: The tables cannot be written.
    """
    name = str(VersionName.new(_PREFIX, after_ms=_created_ms(catalog.meta.vectors)))
    meta = replace(catalog.meta, pack=pack, model_id=model_id, dim=dim, vectors=name)
    staged = Catalog(catalog.root, meta, catalog.storage_options)
    schemas = table_schemas(dim)
    for table in VECTOR_TABLES:
        staged.table(table).create(schemas[table])
    return staged


def publish(catalog: Catalog, staged: Catalog, snapshot: Snapshot) -> None:
    """Make the staged vectors the catalog's current ones.

    Args:
        catalog: The catalog at the start of the re-embedding.
        staged: The same catalog with complete new tables.
        snapshot: State of ``catalog`` from which ``staged`` was made.

    Raises:
        CatalogConflictError: The catalog changed after ``snapshot``; the old vectors stay.
        CatalogModelError: Other vectors were published, or the staged ones were removed; nothing
            changed.
        CatalogWriteError: ``catalog.json`` cannot be written; the old vectors stay.
    """
    catalog.require_in_use()
    with exclusive(catalog.root):  # no erasure begins between the check and the write
        staged.snapshot()  # raises if a staged table is missing
        if not is_current(catalog, snapshot):
            raise CatalogConflictError(
                f"videos were added to or removed from the catalog {catalog.uri!r} meanwhile; "
                "repeat the command when no other run changes the catalog"
            )
        try:
            catalog.root.child(META_NAME).write(staged.meta.to_bytes())
        except OSError as error:
            raise CatalogWriteError(
                f"{META_NAME} of the catalog {catalog.uri!r} cannot be written "
                f"({one_line(error)}); the old vectors stay in use: free space or check the write "
                "permission, then repeat"
            ) from error


def is_current(catalog: Catalog, snapshot: Snapshot) -> bool:
    """Return True if the same tracks count now as in the snapshot.

    Raises:
        CatalogError: A table is missing or damaged.
    """
    current = catalog.snapshot()
    if current.mask != snapshot.mask:
        return False
    if current.versions == snapshot.versions:
        return True

    def attempts(state: Snapshot) -> set[tuple[Any, ...]]:
        rows = state.videos(["video_id", "run_id", "tracks"])
        return {tuple(row.values()) for row in rows.to_pylist()}

    return attempts(current) == attempts(snapshot)


def remove_superseded(catalog: Catalog) -> list[str]:
    """Remove the vectors of earlier models; return the names of the removed folders.

    Raises:
        CatalogError: A folder cannot be removed.
    """
    if not catalog.meta.vectors:
        return []
    current_ms = _created_ms(catalog.meta.vectors)
    superseded = [
        name
        for name in catalog.root.names()
        if name in (*VECTOR_TABLES, _INDEX) or 0 < _created_ms(name) < current_ms
    ]
    _remove(catalog.root, superseded)
    return superseded


def discard_staged(catalog: Catalog, *, pieces: bool = True) -> None:
    """Remove the tables of a re-embedding that was not completed.

    Args:
        catalog: The catalog with its current vectors.
        pieces: Also remove the embeddings from which a repeated re-embedding would continue.

    Raises:
        CatalogError: A folder cannot be removed.
    """
    current_ms = _created_ms(catalog.meta.vectors)
    names = catalog.root.names()
    staged = [name for name in names if (pieces and name == WORK) or _created_ms(name) > current_ms]
    _remove(catalog.root, staged)


def _remove(root: StoragePath, names: list[str]) -> None:
    for name in names:
        # Local copies are removed first: after a kill in between, they could not be found.
        if name == _INDEX or _created_ms(name):
            remove_local_copies(root if name == _INDEX else root.child(name))
        root.child(name).remove_tree()
    left = sorted(set(names) & set(root.names()))
    if left:
        raise CatalogError(
            f"{root.child(left[0]).uri!r} cannot be removed and holds vectors that are no longer "
            "in use; check the write permission, then repeat the command"
        )


def _created_ms(name: str) -> int:
    """Return the time of creation of a folder of vectors; 0 for any other name."""
    version = VersionName.parse(name, _PREFIX)
    return version.created_ms if version is not None else 0


@contextmanager
def reembedding_lock(catalog: Catalog) -> Iterator[None]:
    """Advisory lock: one re-embedding at a time on a disk; a killed process releases it.

    The lock avoids duplicate work. Publishing is atomic even without the lock.

    Raises:
        CatalogConflictError: Another process holds the lock.
    """
    path = catalog.root.path
    if path is None:
        yield
        return
    handle = open_folder_for_lock(path)
    try:
        lock_file(handle)
    except BlockingIOError as error:
        os.close(handle)
        raise CatalogConflictError(
            f"catalog {catalog.uri!r} is being re-embedded by another process; wait until that "
            "process ends"
        ) from error
    except OSError as error:  # some network file systems cannot lock folders
        _LOG.info("%s cannot be locked (%s)", catalog.uri, error)
    try:
        yield
    finally:
        os.close(handle)
