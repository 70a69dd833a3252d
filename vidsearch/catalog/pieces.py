"""Embeddings of a running re-embedding, stored so that a killed run can continue."""

from __future__ import annotations

import hashlib
import io

import numpy as np
import pyarrow as pa

from vidsearch.catalog.catalog import Catalog
from vidsearch.catalog.versions import WORK
from vidsearch.datatypes import Matrix
from vidsearch.errors import CatalogError, CatalogWriteError
from vidsearch.text.printable import one_line

FACES_IN_PIECE = 250


class Pieces:
    """Embeddings made so far, one file for each piece of ``faces``.

    The name of a piece is a hash of the faces in it, so a piece is found again as long as these
    faces are stored together.

    Args:
        catalog: The catalog.
        model_id: Model of the embeddings.
    """

    KEYS = ("track_id", "run_id", "position")
    """Columns of ``faces`` that identify a face."""

    def __init__(self, catalog: Catalog, model_id: str) -> None:
        self._work = catalog.root.child(WORK)
        self._folder = self._work.child(hashlib.sha256(model_id.encode()).hexdigest()[:16])
        self._names = set(self._folder.names())

    @classmethod
    def split(cls, rows: pa.Table) -> list[tuple[str, pa.Table]]:
        """Cut rows of ``faces`` into pieces and return each with its name.

        Args:
            rows: Rows with at least the columns ``KEYS``.
        """
        starts = range(0, len(rows), FACES_IN_PIECE)
        parts = (rows.slice(start, FACES_IN_PIECE) for start in starts)
        return [(cls._name(part), part) for part in parts]

    @classmethod
    def _name(cls, rows: pa.Table) -> str:
        digest = hashlib.sha256()
        for row in zip(*(rows[name].to_pylist() for name in cls.KEYS), strict=True):
            digest.update("\x1f".join(map(str, row)).encode() + b"\n")
        return f"{digest.hexdigest()[:32]}.npy"

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def write(self, name: str, embeddings: Matrix) -> None:
        """Write a piece atomically.

        Args:
            name: Name of the piece.
            embeddings: (N, D) float32; a row of NaN is a face that could not be read.

        Raises:
            CatalogWriteError: The piece cannot be written.
        """
        content = io.BytesIO()
        np.save(content, embeddings, allow_pickle=False)
        try:
            self._folder.child(name).write(content.getvalue())
        except OSError as error:
            raise CatalogWriteError(
                f"{self._folder.uri!r} cannot be written ({one_line(error)}); free space or check "
                "the write permission, then repeat the command: it continues"
            ) from error
        self._names.add(name)

    def read(self, name: str) -> Matrix:
        """Return a piece.

        Args:
            name: Name of the piece.

        Returns:
            (N, D) float32; a row of NaN is a face that could not be read.

        Raises:
            CatalogError: The piece is missing or damaged.
        """
        path = self._folder.child(name)
        try:
            embeddings: Matrix = np.load(io.BytesIO(path.read()), allow_pickle=False)
        except (OSError, ValueError) as error:
            raise CatalogError(
                f"{path.uri!r} cannot be read ({one_line(error)}); remove the folder "
                f"{self._work.uri!r} and repeat the command"
            ) from error
        return embeddings

    def discard_others(self) -> None:
        """Remove the pieces of other models."""
        for name in self._work.names():
            if name != self._folder.name:
                self._work.child(name).remove_tree()
