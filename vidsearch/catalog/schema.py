"""Columns of the tables, and conversion of records and arrays to rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vidsearch.catalog.records import IndexedVideo, KnownFile, track_ids
from vidsearch.datatypes import Matrix
from vidsearch.errors import CatalogError
from vidsearch.text.names import portable_name

_TIME = pa.timestamp("us", tz="UTC")
_BOX = pa.list_(pa.float32(), 4)

_ANCHOR = pa.struct([(name, pa.int64()) for name in ("tick", "stamp", "offset", "pos", "size")])
STREAM = pa.struct(
    [
        ("index", pa.int32()),
        ("indexed", pa.bool_()),
        ("codec", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("failure", pa.string()),
        ("turn_deg", pa.int32()),
        ("seekable", pa.bool_()),
        # Null or empty for a seekable stream.
        ("anchors", pa.list_(_ANCHOR)),
    ]
)

_PART = pa.struct(
    [
        ("stream", pa.int32()),
        ("start_s", pa.float64()),
        ("end_s", pa.float64()),
        ("turn_deg", pa.int32()),
    ]
)

# A `run_id` identifies one attempt to commit one batch (see writer.py). A row of `tracks` or
# `faces` counts only if `videos` has a row with the same video_id and the same run_id.
VIDEOS = pa.schema(
    [
        ("video_id", pa.string()),
        ("uri", pa.string()),
        ("size", pa.int64()),
        ("duration_s", pa.float64()),
        ("read_s", pa.float64()),
        ("fps", pa.float64()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("codec", pa.string()),
        ("status", pa.string()),
        ("failure", pa.string()),
        ("failure_stage", pa.string()),
        ("failure_error", pa.string()),
        ("frames_decoded", pa.int64()),
        ("frames_sampled", pa.int64()),
        ("faces_seen", pa.int64()),
        ("faces_too_poor", pa.int64()),
        ("tracks", pa.int64()),
        ("streams", pa.list_(STREAM)),
        ("assumed_fps", pa.float64()),
        # Parts that lie while the rest is upright; null without any.
        ("turned_parts", pa.list_(_PART)),
        ("model_id", pa.string()),
        ("indexed_at", _TIME),
        ("run_id", pa.string()),
    ]
)
FILES = pa.schema(
    [
        ("uri", pa.string()),
        ("size", pa.int64()),
        ("mtime_ns", pa.int64()),
        ("video_id", pa.string()),
        ("seen_at", _TIME),
    ]
)
PEOPLE = pa.schema([("person_id", pa.string()), ("name", pa.string()), ("created_at", _TIME)])
VERDICTS = pa.schema(
    [
        ("track_id", pa.string()),
        ("person_id", pa.string()),
        ("same", pa.bool_()),
        ("judged_at", _TIME),
    ]
)


def tracks_schema(dim: int) -> pa.Schema:
    """Return the columns of ``tracks``.

    Catalogs of earlier versions have a further column ``person_id``, without values.

    Args:
        dim: Length of a template.
    """
    return pa.schema(
        [
            ("track_id", pa.string()),
            ("video_id", pa.string()),
            ("run_id", pa.string()),
            ("model_id", pa.string()),
            ("start_s", pa.float64()),
            ("end_s", pa.float64()),
            ("best_s", pa.float64()),
            ("shot", pa.int32()),
            ("faces", pa.int32()),
            ("quality", pa.float32()),
            ("box_xyxy", _BOX),
            ("template", pa.list_(pa.float32(), dim)),
            ("weight", pa.float64()),
            # Index of the video stream; null: the first indexed stream.
            ("stream", pa.int32()),
        ]
    )


def faces_schema(dim: int) -> pa.Schema:
    """Return the columns of ``faces``.

    Args:
        dim: Length of an embedding.
    """
    return pa.schema(
        [
            ("track_id", pa.string()),
            ("video_id", pa.string()),
            ("run_id", pa.string()),
            ("position", pa.int32()),
            ("time_s", pa.float64()),
            ("box_xyxy", _BOX),
            ("landmarks", pa.list_(pa.float32(), 10)),
            ("score", pa.float32()),
            ("quality", pa.float32()),
            ("embedding", pa.list_(pa.float32(), dim)),
            ("aligned_jpeg", pa.binary()),
            # Landmarks in pixels of aligned_jpeg; null: the points of the pack's template.
            ("aligned_points", pa.list_(pa.float32(), 10)),
        ]
    )


VECTOR_TABLES = ("tracks", "faces", "videos")
"""Tables that depend on the model; all lie in the folder that ``catalog.json`` names."""


def table_schemas(dim: int) -> MappingProxyType[str, pa.Schema]:
    """Return the schema of every table; ``videos`` is the last, since its rows publish the others.

    Args:
        dim: Length of a vector.
    """
    return MappingProxyType(
        {
            "tracks": tracks_schema(dim),
            "faces": faces_schema(dim),
            "people": PEOPLE,
            "verdicts": VERDICTS,
            "files": FILES,
            "videos": VIDEOS,
        }
    )


def video_rows(videos: Sequence[IndexedVideo], run_id: str) -> pa.Table:
    """Return rows of ``videos``, one per video."""
    now = datetime.now(UTC)
    rows = []
    for indexed in videos:
        record = indexed.video
        row = {name: getattr(record, name, None) for name in VIDEOS.names}
        row["uri"] = portable_name(record.uri)
        row["streams"] = [asdict(stream) for stream in record.streams] or None
        row["turned_parts"] = [asdict(part) for part in record.turned_parts] or None
        row["failure"] = " ".join(record.failure.split()) if record.failure else None
        row["tracks"] = len(indexed.tracks)
        row["indexed_at"] = now
        row["run_id"] = run_id
        rows.append(row)
    return pa.Table.from_pylist(rows, schema=VIDEOS)


def file_rows(files: Iterable[KnownFile]) -> pa.Table:
    """Return rows of ``files``, one per file."""
    now = datetime.now(UTC)
    rows = [
        {
            "uri": portable_name(file.uri),
            "size": file.size,
            "mtime_ns": file.mtime_ns,
            "video_id": file.video_id,
            "seen_at": now,
        }
        for file in files
    ]
    return pa.Table.from_pylist(rows, schema=FILES)


def track_rows(videos: Sequence[IndexedVideo], run_id: str, dim: int) -> pa.Table:
    """Return rows of ``tracks``, one per track."""
    rows = []
    vectors = []
    for indexed in videos:
        record = indexed.video
        ids = track_ids(record, indexed.tracks)
        for track_id, track in zip(ids, indexed.tracks, strict=True):
            rows.append(
                {
                    "track_id": track_id,
                    "video_id": record.video_id,
                    "run_id": run_id,
                    "model_id": track.template.model_id,
                    "start_s": track.span.start_s,
                    "end_s": track.span.end_s,
                    "best_s": track.best_s,
                    "shot": track.shot,
                    "faces": track.face_count,
                    "quality": track.quality,
                    "box_xyxy": track.box_xyxy,
                    "weight": track.template.weight,
                    "stream": track.stream,
                }
            )
            vectors.append(track.template.vector)
    return _with_vectors(rows, vectors, "template", tracks_schema(dim))


def face_rows(videos: Sequence[IndexedVideo], run_id: str, dim: int) -> pa.Table:
    """Return rows of ``faces``, one per kept face."""
    rows = []
    vectors = []
    for indexed in videos:
        ids = track_ids(indexed.video, indexed.tracks)
        for track_id, track in zip(ids, indexed.tracks, strict=True):
            for position, face in enumerate(track.faces):
                rows.append(
                    {
                        "track_id": track_id,
                        "video_id": indexed.video.video_id,
                        "run_id": run_id,
                        "position": position,
                        "time_s": face.time_s,
                        "box_xyxy": face.box_xyxy,
                        "landmarks": face.landmarks.reshape(-1),
                        "score": face.score,
                        "quality": face.quality,
                        "aligned_jpeg": face.aligned_jpeg,
                        "aligned_points": face.aligned_points.reshape(-1),
                    }
                )
                vectors.append(face.embedding)
    return _with_vectors(rows, vectors, "embedding", faces_schema(dim))


def _with_vectors(
    rows: list[dict[str, Any]], vectors: list[NDArray[np.float32]], name: str, schema: pa.Schema
) -> pa.Table:
    """Return a table of rows and vectors; the vectors are not converted to Python numbers."""
    index = schema.get_field_index(name)
    table = pa.Table.from_pylist(rows, schema=schema.remove(index))
    dim = schema.field(name).type.list_size
    flat = np.concatenate(vectors) if vectors else np.zeros(0, np.float32)
    column = pa.FixedSizeListArray.from_arrays(pa.array(flat, pa.float32()), dim)
    return table.add_column(index, schema.field(name), column)


def matrix(column: pa.ChunkedArray, dim: int) -> Matrix:
    """Return a column of lists as (N, dim) float32.

    Raises:
        CatalogError: A list is missing or has another length.
    """
    flat = np.concatenate(
        [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in column.chunks]
        or [np.zeros(0, np.float32)]
    ).astype(np.float32, copy=False)
    if flat.size != len(column) * dim:
        raise CatalogError(
            f"the catalog's vectors must have {dim} numbers each; {len(column)} rows hold "
            f"{flat.size}; the table is damaged: index into a new catalog"
        )
    return flat.reshape(len(column), dim)
