"""Re-embedding: tables of another model's vectors, from the old tables and new embeddings."""

from __future__ import annotations

import hashlib
import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vidsearch.catalog.catalog import Catalog
from vidsearch.catalog.erasures.pending import erasure_marks, unless_erased
from vidsearch.catalog.schema import VIDEOS, faces_schema, tracks_schema
from vidsearch.catalog.snapshot import Snapshot
from vidsearch.catalog.table_files import completed
from vidsearch.catalog.versions import WORK
from vidsearch.datatypes import Matrix
from vidsearch.errors import CatalogError, CatalogWriteError
from vidsearch.faces.geometry.align import AlignmentTemplate
from vidsearch.text.printable import one_line

FACES_IN_PIECE = 250
_ROWS_PER_COMMIT = 4_000
_IN_MEMORY_BYTES = 256 << 20
_COLUMNS = tuple(name for name in faces_schema(1).names if name != "embedding")


class Pieces:
    """Embeddings computed so far, one file per piece of ``faces``.

    The name of a piece is a hash of the faces in it, so a later run finds a piece as long as these
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
        self._root, self._marks = catalog.root, erasure_marks(catalog.root)

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
            CatalogChangedError: Data were erased after these pieces were opened.
            CatalogWriteError: The piece cannot be written.
        """
        content = io.BytesIO()
        np.save(content, embeddings, allow_pickle=False)
        try:
            with unless_erased(self._root, self._marks):
                self._folder.child(name).write(content.getvalue())
        except OSError as error:
            raise CatalogWriteError(
                f"{self._folder.uri!r} cannot be written ({one_line(error)}); free space or check "
                "the write permission, then repeat the command, which continues"
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


@dataclass(frozen=True, slots=True)
class ReembeddingResult:
    """Result of a re-embedding.

    Attributes:
        tracks: Number of tracks with a new template.
        faces: Number of faces with a new embedding.
        unreadable: Number of faces whose stored JPEG is damaged; they are left out.
        lost: Ids of tracks without a readable face; they are left out.
        videos_of_lost: Ids of the videos of these tracks.
    """

    tracks: int
    faces: int
    unreadable: int
    lost: tuple[str, ...]
    videos_of_lost: tuple[str, ...]


def write_tables(
    snapshot: Snapshot, staged: Catalog, pieces: Pieces, stored: AlignmentTemplate
) -> ReembeddingResult:
    """Fill the staged tables with the rows of the old tables and vectors of the new model.

    A track's template is the mean of its kept faces' embeddings with equal weights, as computed by
    ``vidsearch.faces.template.pool``.

    Args:
        snapshot: State of the old tables.
        staged: Catalog with the new model's empty tables.
        pieces: New embeddings of every piece.
        stored: Alignment of stored faces whose row has no landmarks.

    Raises:
        CatalogError: A table or a piece cannot be read.
        CatalogWriteError: The tables cannot be written.
    """
    track_ids = snapshot.tracks(columns=["track_id"])["track_id"].to_pylist()
    ids = np.sort(np.array(track_ids, dtype=np.bytes_))
    with _zeros((len(ids), staged.dim)) as sums:
        counts = np.zeros(len(ids), np.int64)
        faces = unreadable = 0
        writer = _BatchWriter(staged, "faces")
        for read in snapshot.face_pieces():
            rows = read(_COLUMNS)
            if not rows.num_rows:
                continue
            embeddings = np.concatenate([pieces.read(name) for name, _ in pieces.split(rows)])
            readable = np.isfinite(embeddings).all(axis=1)
            unreadable += int((~readable).sum())
            rows, embeddings = rows.filter(pa.array(readable)), embeddings[readable]
            tracks = np.searchsorted(ids, np.array(rows["track_id"].to_pylist(), dtype=np.bytes_))
            np.add.at(sums, tracks, embeddings.astype(np.float64))
            np.add.at(counts, tracks, 1)
            faces += len(embeddings)
            writer.add(_face_rows(rows, embeddings, stored))
        writer.flush()
        lost = _write_tracks(snapshot, staged, ids, sums, counts)
    videos = _write_videos(snapshot, staged, lost)
    lost_ids = tuple(sorted(lost["track_id"].to_pylist()))
    return ReembeddingResult(len(ids) - len(lost_ids), faces, unreadable, lost_ids, videos)


class _BatchWriter:
    """Collects rows of a table and appends them in batches."""

    def __init__(self, catalog: Catalog, table: str) -> None:
        self._table = catalog.table(table)
        self._pending: list[pa.Table] = []
        self._rows = 0

    def add(self, rows: pa.Table) -> None:
        self._pending.append(rows)
        self._rows += rows.num_rows
        if self._rows >= _ROWS_PER_COMMIT:
            self.flush()

    def flush(self) -> None:
        if self._pending:
            self._table.append(pa.concat_tables(self._pending))
        self._pending, self._rows = [], 0


@contextmanager
def _zeros(shape: tuple[int, int]) -> Iterator[NDArray[np.float64]]:
    """Yield an array of zeros: in memory, or in a temporary file if it is large."""
    if shape[0] * shape[1] * 8 <= _IN_MEMORY_BYTES:
        yield np.zeros(shape, np.float64)
        return
    with tempfile.TemporaryDirectory() as folder:
        yield np.memmap(Path(folder) / "sums", np.float64, "w+", shape=shape)


def aligned_points(rows: pa.Table, stored: AlignmentTemplate) -> NDArray[np.float32]:
    """Return the landmarks of stored faces in pixels of their JPEGs.

    Args:
        rows: N rows of ``faces``.
        stored: Alignment of the faces whose row has no landmarks.

    Returns:
        (N, 5, 2) float32.
    """
    points = np.tile(stored.array, (len(rows), 1, 1))
    if "aligned_points" in rows.column_names:
        for row, coordinates in enumerate(rows["aligned_points"].to_pylist()):
            if coordinates is not None:
                points[row] = np.array(coordinates, np.float32).reshape(5, 2)
    return points


def _face_rows(rows: pa.Table, embeddings: Matrix, stored: AlignmentTemplate) -> pa.Table:
    """Return rows of ``faces`` with new embeddings and explicit landmarks; the JPEGs stay."""
    schema = faces_schema(embeddings.shape[1])
    columns = {
        "embedding": _lists(embeddings),
        "aligned_points": _lists(aligned_points(rows, stored).reshape(len(rows), 10)),
    }
    return pa.table(
        [columns[name] if name in columns else rows[name] for name in schema.names],
        names=schema.names,
    ).cast(schema)


def _write_tracks(
    snapshot: Snapshot,
    staged: Catalog,
    ids: NDArray[np.bytes_],
    sums: NDArray[np.float64],
    counts: NDArray[np.int64],
) -> pa.Table:
    """Write the tracks with a readable face; return ``track_id`` and ``video_id`` of the others."""
    schema = tracks_schema(staged.dim)
    writer = _BatchWriter(staged, "tracks")
    lost = [schema.empty_table().select(["track_id", "video_id"])]
    for piece in snapshot.track_pieces():
        tracks = np.searchsorted(ids, np.array(piece["track_id"].to_pylist(), dtype=np.bytes_))
        norms = np.linalg.norm(sums[tracks], axis=1)
        valid = (counts[tracks] > 0) & (norms > 0)
        lost.append(piece.filter(pa.array(~valid)).select(["track_id", "video_id"]))
        rows, tracks, norms = piece.filter(pa.array(valid)), tracks[valid], norms[valid]
        templates = (sums[tracks] / norms[:, None]).astype(np.float32)
        columns = {
            "template": _lists(templates),
            "model_id": pa.array([staged.model_id] * len(tracks), pa.string()),
            "weight": pa.array(counts[tracks].astype(np.float64)),
        }
        rows = completed(rows, schema)
        arrays = [columns[name] if name in columns else rows[name] for name in schema.names]
        writer.add(pa.table(arrays, names=schema.names).cast(schema))
    writer.flush()
    return pa.concat_tables([rows.cast(lost[0].schema) for rows in lost])


def _write_videos(snapshot: Snapshot, staged: Catalog, lost: pa.Table) -> tuple[str, ...]:
    """Write ``videos``, which completes the tables; return the videos with lost tracks."""
    missing = {row["values"]: row["counts"] for row in lost["video_id"].value_counts().to_pylist()}
    rows = snapshot.videos().to_pylist()
    for row in rows:
        row["model_id"] = staged.model_id
        row["tracks"] = (row["tracks"] or 0) - missing.get(row["video_id"], 0)
    staged.table("videos").append(pa.Table.from_pylist(rows, schema=VIDEOS))
    return tuple(sorted(missing))


def _lists(vectors: Matrix) -> pa.Array:
    flat = pa.array(np.ascontiguousarray(vectors, np.float32).reshape(-1), pa.float32())
    return pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
