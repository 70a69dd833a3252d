"""Vectors of another model for a catalog: made beside the old ones, put in use by one write.

::

    catalog.json                     "vectors" names the folder in use; empty: the catalog's own
    vectors-<time>-<id>/             tracks, faces, videos, and index/ of one model
    reembed/<model>/<piece>.npy      embeddings that a run has made so far (see ``Pieces``)
    people, verdicts, files, ...     belong to no model and stay where they are

Nobody sees a folder before ``catalog.json`` names it, and that is written whole or not at all: a
run that is killed leaves the old vectors in use, or the new ones, never parts of both. Names begin
with the time, so what is older than the folder in use is superseded and what is newer is not in
use yet; ``remove_superseded`` and ``discard_staged`` remove either for good.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import logging
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from vidsearch.catalog.meta import META_NAME
from vidsearch.catalog.schema import VECTOR_TABLES, table_schemas
from vidsearch.datatypes import Matrix
from vidsearch.errors import CatalogConflictError, CatalogError, CatalogWriteError
from vidsearch.storage.path import StoragePath

if TYPE_CHECKING:
    from vidsearch.catalog.catalog import Catalog
    from vidsearch.catalog.snapshot import Snapshot

_LOG = logging.getLogger(__name__)

PREFIX, WORK = "vectors-", "reembed"
FACES_IN_PIECE = 250
_INDEX = "index"


def stage(catalog: Catalog, pack: str, model_id: str, dim: int) -> Catalog:
    """Make empty tables for another model's vectors; nobody sees them yet.

    Args:
        catalog: As it is in use.
        pack: Name or folder of the other pack.
        model_id: Its space.
        dim: Length of its vectors.

    Returns:
        The catalog as it would be: its tables and index are the new ones.

    Raises:
        CatalogWriteError: They cannot be written.
    """
    stamp = max(time.time_ns() // 1_000_000, _stamp(catalog.meta.vectors) + 1)
    name = f"{PREFIX}{stamp:012x}-{secrets.token_hex(4)}"
    meta = replace(catalog.meta, pack=pack, model_id=model_id, dim=dim, vectors=name)
    staged = type(catalog)(catalog.root, meta, catalog.storage_options)
    schemas = table_schemas(dim)
    for table in VECTOR_TABLES:
        staged.table(table).create(schemas[table])
    return staged


def put_in_use(catalog: Catalog, staged: Catalog, snapshot: Snapshot) -> None:
    """Make the staged vectors the catalog's.

    Args:
        catalog: As it was when the work began.
        staged: Complete.
        snapshot: Of ``catalog``, that ``staged`` was made from.

    Raises:
        CatalogConflictError: The catalog changed since; nothing was done.
        CatalogModelError: Somebody put other vectors in use, or removed these; nothing was done.
        CatalogWriteError: It cannot be written; the old vectors stay in use.
    """
    catalog.require_in_use()
    staged.snapshot()  # all there
    if not is_current(catalog, snapshot):
        raise CatalogConflictError(
            f"videos were added to or removed from the catalog {catalog.uri!r} meanwhile; "
            "repeat the command when that is done"
        )
    try:
        catalog.root.child(META_NAME).write(staged.meta.to_bytes())
    except OSError as error:
        raise CatalogWriteError(
            f"{META_NAME} of the catalog {catalog.uri!r} cannot be written ({error}); the old "
            "vectors stay in use: free space or check that you may write there, then repeat"
        ) from error


def is_current(catalog: Catalog, snapshot: Snapshot) -> bool:
    """Say whether the same tracks count as in the snapshot."""
    now = catalog.snapshot()
    if now.versions == snapshot.versions:
        return True

    def counting(moment: Snapshot) -> set[tuple[Any, ...]]:
        rows = moment.videos(["video_id", "run_id", "tracks"])
        return {tuple(row.values()) for row in rows.to_pylist()}

    return counting(now) == counting(snapshot)


def remove_superseded(catalog: Catalog) -> list[str]:
    """Remove the vectors that were in use before; return the names of what was there.

    Raises:
        CatalogError: Something cannot be removed; the message names it.
    """
    if not catalog.meta.vectors:
        return []
    newest = _stamp(catalog.meta.vectors)
    old = [
        name
        for name in catalog.root.names()
        if name in (*VECTOR_TABLES, _INDEX) or (_stamp(name) and _stamp(name) < newest)
    ]
    _remove(catalog.root, old)
    return old


def discard_staged(catalog: Catalog, *, pieces: bool = True) -> None:
    """Remove what a run that did not reach its end has made.

    Args:
        catalog: As it is in use.
        pieces: Also the embeddings that a run of the same model would go on from.

    Raises:
        CatalogError: Something cannot be removed; the message names it.
    """
    newest = _stamp(catalog.meta.vectors)
    names = catalog.root.names()
    gone = [name for name in names if (pieces and name == WORK) or _stamp(name) > newest]
    _remove(catalog.root, gone)


def _remove(root: StoragePath, names: list[str]) -> None:
    from vidsearch.storage.local_copies import remove_local_copies

    for name in names:
        if name == _INDEX or name.startswith(PREFIX):
            remove_local_copies(root if name == _INDEX else root.child(name))
        root.child(name).remove_tree()
    left = sorted(set(names) & set(root.names()))
    if left:
        raise CatalogError(
            f"{root.child(left[0]).uri!r} cannot be removed and holds vectors that are no longer "
            "in use; check that you may write there, then repeat the command"
        )


def _stamp(name: str) -> int:
    """Return when a folder of vectors was begun; 0 for any other name."""
    if not name.startswith(PREFIX):
        return 0
    try:
        return int(name.split("-")[1], 16)
    except (IndexError, ValueError):
        return 0


@contextmanager
def alone(catalog: Catalog) -> Iterator[None]:
    """Let one process at a time re-embed a catalog on a disk; a killed one holds nobody up.

    A kindness, so that nobody works in vain: what is put in use is whole without it, too.

    Raises:
        CatalogConflictError: Another process is at it.
    """
    path = catalog.root.path
    if path is None:
        yield
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise CatalogConflictError(
            f"catalog {catalog.uri!r} is being re-embedded by another process; wait until it is "
            "done"
        ) from error
    except OSError as error:  # a network file system that locks no folder
        _LOG.info("%s cannot be locked (%s)", catalog.uri, error)
    try:
        yield
    finally:
        os.close(handle)


class Pieces:
    """Embeddings made so far, a file for each piece of ``faces``, so that a run can go on.

    A piece goes by the faces in it, so it is found again for as long as these are stored together.

    Args:
        catalog: The catalog.
        model_id: Of the embeddings.
    """

    def __init__(self, catalog: Catalog, model_id: str) -> None:
        self._work = catalog.root.child(WORK)
        self._folder = self._work.child(hashlib.sha256(model_id.encode()).hexdigest()[:16])
        self._there = set(self._folder.names())

    KEYS = ("track_id", "run_id", "position")

    @classmethod
    def split(cls, rows: pa.Table) -> list[tuple[str, pa.Table]]:
        """Cut rows of ``faces`` into pieces, each with its name; ``KEYS`` must be among them."""
        parts = (rows.slice(at, FACES_IN_PIECE) for at in range(0, len(rows), FACES_IN_PIECE))
        return [(cls._name(part), part) for part in parts]

    @classmethod
    def _name(cls, rows: pa.Table) -> str:
        digest = hashlib.sha256()
        for row in zip(*(rows[name].to_pylist() for name in cls.KEYS), strict=True):
            digest.update("\x1f".join(map(str, row)).encode() + b"\n")
        return f"{digest.hexdigest()[:32]}.npy"

    def __contains__(self, name: str) -> bool:
        return name in self._there

    def write(self, name: str, embeddings: Matrix) -> None:
        """Keep a piece, whole or not at all.

        Raises:
            CatalogWriteError: It cannot be written.
        """
        content = io.BytesIO()
        np.save(content, embeddings, allow_pickle=False)
        try:
            self._folder.child(name).write(content.getvalue())
        except OSError as error:
            raise CatalogWriteError(
                f"{self._folder.uri!r} cannot be written ({error}); free space or check that you "
                "may write there, then repeat the command: it goes on"
            ) from error
        self._there.add(name)

    def read(self, name: str) -> Matrix:
        """Return a piece's embeddings; a row of NaN is a face that could not be read.

        Raises:
            CatalogError: It is gone or damaged.
        """
        try:
            found: Matrix = np.load(io.BytesIO(self._folder.child(name).read()), allow_pickle=False)
        except (OSError, ValueError) as error:
            raise CatalogError(
                f"{self._folder.child(name).uri!r} cannot be read ({error}); remove the folder "
                f"{self._work.uri!r} and repeat the command"
            ) from error
        return found

    def discard_others(self) -> None:
        """Remove what was made for other models."""
        for name in self._work.names():
            if name != self._folder.name:
                self._work.child(name).remove_tree()
