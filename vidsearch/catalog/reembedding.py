"""Writing the tables of another model's vectors from the old ones and new embeddings."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vidsearch.catalog.schema import VIDEOS, faces_schema, tracks_schema
from vidsearch.catalog.versions import Pieces
from vidsearch.datatypes import Matrix
from vidsearch.faces.geometry.align import AlignmentTemplate

if TYPE_CHECKING:
    from vidsearch.catalog.catalog import Catalog
    from vidsearch.catalog.snapshot import Snapshot

_ROWS_A_COMMIT = 4_000
_IN_MEMORY_BYTES = 256 << 20
_COLUMNS = tuple(name for name in faces_schema(1).names if name != "embedding")


@dataclass(frozen=True, slots=True)
class Revectored:
    """What came of it.

    Attributes:
        tracks: With a new template.
        faces: With a new embedding.
        unreadable: Faces whose stored picture is damaged; they are left out.
        lost: Ids of tracks without any readable face; they are left out.
        videos_of_lost: Ids of their videos.
    """

    tracks: int
    faces: int
    unreadable: int
    lost: tuple[str, ...]
    videos_of_lost: tuple[str, ...]


def write_tables(
    snapshot: Snapshot, staged: Catalog, pieces: Pieces, stored: AlignmentTemplate
) -> Revectored:
    """Fill the staged tables: every row of the old ones, with vectors of the new model.

    A track's template is the centre of its kept faces' embeddings, each weighing the same: what
    ``vidsearch.faces.template.pool`` makes of them.

    Args:
        snapshot: The old tables.
        staged: Empty.
        pieces: New embeddings of every piece.
        stored: How stored faces are aligned where a row does not say.

    Raises:
        CatalogError: A table or a piece cannot be read.
        CatalogWriteError: The tables cannot be written.
    """
    ids = np.sort(np.array(_all_ids(snapshot), dtype=np.bytes_))
    with _zeros((len(ids), staged.dim)) as sums:
        counts = np.zeros(len(ids), np.int64)
        faces = unreadable = 0
        sink = _Sink(staged, "faces")
        for read in snapshot.face_pieces():
            rows = read(_COLUMNS)
            if not rows.num_rows:
                continue
            embeddings = np.concatenate([pieces.read(name) for name, _ in pieces.split(rows)])
            good = np.isfinite(embeddings).all(axis=1)
            unreadable += int((~good).sum())
            rows, embeddings = rows.filter(pa.array(good)), embeddings[good]
            at = np.searchsorted(ids, np.array(rows["track_id"].to_pylist(), dtype=np.bytes_))
            np.add.at(sums, at, embeddings.astype(np.float64))
            np.add.at(counts, at, 1)
            faces += len(embeddings)
            sink.add(_face_rows(rows, embeddings, stored))
        sink.close()
        lost = _write_tracks(snapshot, staged, ids, sums, counts)
    videos = _write_videos(snapshot, staged, lost)
    gone = tuple(sorted(lost["track_id"].to_pylist()))
    return Revectored(len(ids) - len(gone), faces, unreadable, gone, videos)


class _Sink:
    """Gathers rows until they are worth a commit."""

    def __init__(self, catalog: Catalog, table: str) -> None:
        self._table = catalog.table(table)
        self._waiting: list[pa.Table] = []
        self._rows = 0

    def add(self, rows: pa.Table) -> None:
        self._waiting.append(rows)
        self._rows += rows.num_rows
        if self._rows >= _ROWS_A_COMMIT:
            self.close()

    def close(self) -> None:
        if self._waiting:
            self._table.append(pa.concat_tables(self._waiting))
        self._waiting, self._rows = [], 0


@contextmanager
def _zeros(shape: tuple[int, int]) -> Iterator[NDArray[np.float64]]:
    """Yield an array of zeros: in memory, or in a scratch file where it is large."""
    if shape[0] * shape[1] * 8 <= _IN_MEMORY_BYTES:
        yield np.zeros(shape, np.float64)
        return
    with tempfile.TemporaryDirectory() as folder:
        yield np.memmap(Path(folder) / "sums", np.float64, "w+", shape=shape)


def _all_ids(snapshot: Snapshot) -> list[str]:
    ids: list[str] = snapshot.tracks(columns=["track_id"])["track_id"].to_pylist()
    return ids


def aligned_points(rows: pa.Table, stored: AlignmentTemplate) -> NDArray[np.float32]:
    """Return (N, 5, 2): where each stored face's landmarks lie in its picture.

    Args:
        rows: Of ``faces``.
        stored: How faces are aligned where a row does not say.
    """
    points = np.tile(stored.array, (len(rows), 1, 1))
    if "aligned_points" in rows.column_names:
        for at, told in enumerate(rows["aligned_points"].to_pylist()):
            if told is not None:
                points[at] = np.array(told, np.float32).reshape(5, 2)
    return points


def _face_rows(rows: pa.Table, embeddings: Matrix, stored: AlignmentTemplate) -> pa.Table:
    """Return rows of ``faces``; the picture stays as it is, and now says how it is aligned."""
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
    """Write the tracks that have a face; return ``track_id`` and ``video_id`` of the others."""
    schema = tracks_schema(staged.dim)
    sink = _Sink(staged, "tracks")
    lost = [schema.empty_table().select(["track_id", "video_id"])]
    for piece in snapshot.track_pieces():
        at = np.searchsorted(ids, np.array(piece["track_id"].to_pylist(), dtype=np.bytes_))
        norms = np.linalg.norm(sums[at], axis=1)
        there = (counts[at] > 0) & (norms > 0)
        lost.append(piece.filter(pa.array(~there)).select(["track_id", "video_id"]))
        rows, at, norms = piece.filter(pa.array(there)), at[there], norms[there]
        templates = (sums[at] / norms[:, None]).astype(np.float32)
        columns = {
            "template": _lists(templates),
            "model_id": pa.array([staged.model_id] * len(at), pa.string()),
            "weight": pa.array(counts[at].astype(np.float64)),
        }
        made = [columns[name] if name in columns else rows[name] for name in schema.names]
        sink.add(pa.table(made, names=schema.names).cast(schema))
    sink.close()
    return pa.concat_tables([rows.cast(lost[0].schema) for rows in lost])


def _write_videos(snapshot: Snapshot, staged: Catalog, lost: pa.Table) -> tuple[str, ...]:
    """Write the videos, last: with them the tables are whole."""
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
