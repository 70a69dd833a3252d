"""Conversion of the iQIYI-VID 2019 feature release from a pickle to Parquet."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from vidsearch.errors import ConfigError
from vidsearch.storage.files import arrow_file, replaced_atomically
from vidsearch.storage.safe_pickle import load_plain_pickle
from vidsearch.text.printable import quoted

_CLIPS_PER_GROUP = 500
_FIELDS = "frame, [x1, y1, x2, y2], detection score, quality score, embedding"


@dataclass(frozen=True, slots=True)
class ConversionCounts:
    """Counts of a conversion.

    Attributes:
        clips: Number of clips.
        faces: Number of faces, one row each.
        without_faces: Number of clips without a face; they have no row.
        dim: Dimension of the embeddings.
    """

    clips: int
    faces: int
    without_faces: int
    dim: int


def convert_features(
    source: str | os.PathLike[str], target: str | os.PathLike[str]
) -> ConversionCounts:
    """Write the pickle of the release as Parquet, one row per face, with unchanged numbers.

    Columns: ``clip``, ``frame``, ``box_xyxy``, ``score``, ``quality``, ``embedding`` (float16). The
    pickle is read with :func:`vidsearch.storage.safe_pickle.load_plain_pickle`.

    Args:
        source: Pickle of a dictionary clip -> faces.
        target: Parquet file; it appears complete or not at all.

    Raises:
        ConfigError: The pickle is refused, has another structure, or holds a value that is not
            finite; or the target cannot be written.
    """
    content = load_plain_pickle(source)
    if not isinstance(content, Mapping) or not content:
        raise ConfigError(
            f"{quoted(source)} must hold a dictionary clip -> faces; got "
            f"{type(content).__name__} of {len(content) if hasattr(content, '__len__') else 0}"
        )
    dim = _dim(content)
    schema = _schema(dim)
    faces = 0
    try:
        with (
            replaced_atomically(Path(target)) as temporary,
            arrow_file(temporary, "wb") as file,
            pq.ParquetWriter(file, schema, compression="zstd") as writer,
        ):
            for table in _tables(content, schema, dim):
                writer.write_table(table)
                faces += table.num_rows
    except OSError as error:
        raise ConfigError(
            f"{quoted(target)} cannot be written ({error.strerror}); name another file"
        ) from error
    empty = sum(not len(rows) for rows in content.values())
    return ConversionCounts(len(content), faces, empty, dim)


def _schema(dim: int) -> pa.Schema:
    return pa.schema(
        [
            ("clip", pa.string()),
            ("frame", pa.int64()),
            ("box_xyxy", pa.list_(pa.float32(), 4)),
            ("score", pa.float32()),
            ("quality", pa.float32()),
            ("embedding", pa.list_(pa.float16(), dim)),
        ]
    )


def _dim(content: Mapping[Any, Any]) -> int:
    not_lists = [clip for clip, rows in content.items() if not isinstance(rows, list | tuple)]
    if not_lists:
        raise ConfigError(f"clip {_clip_name(not_lists[0])!r}: expected a list of faces")
    for clip, rows in content.items():
        for number, row in enumerate(rows):
            return len(_checked_row(clip, number, row)[4])
    raise ConfigError("the feature pickle has no face in any clip; check the file")


def _checked_row(clip: Any, number: int, row: Any) -> Sequence[Any]:
    vector = row[4] if isinstance(row, list | tuple) and len(row) == 5 else None
    flat = isinstance(vector, np.ndarray) and vector.ndim == 1 and vector.dtype.kind == "f"
    plain = isinstance(vector, list | tuple) and all(isinstance(x, int | float) for x in vector)
    if vector is None or not (flat or plain) or not len(vector):
        raise ConfigError(f"clip {_clip_name(clip)!r}, face {number}: expected [{_FIELDS}]")
    return [*row]


def _clip_name(clip: Any) -> str:
    text = clip.decode("utf-8", "replace") if isinstance(clip, bytes) else str(clip)
    return text.encode("utf-8", "replace").decode("utf-8")  # no lone surrogates


def _tables(content: Mapping[Any, Any], schema: pa.Schema, dim: int) -> Iterator[pa.Table]:
    clips = list(content)
    for start in range(0, len(clips), _CLIPS_PER_GROUP):
        columns: dict[str, list[Any]] = {name: [] for name in schema.names}
        for clip in clips[start : start + _CLIPS_PER_GROUP]:
            for number, row in enumerate(content[clip]):
                _append(columns, clip, number, _checked_row(clip, number, row), dim)
        if columns["clip"]:
            flat = np.concatenate(columns.pop("embedding"))
            table = pa.Table.from_pydict(columns, schema=schema.remove(5))
            vectors = pa.FixedSizeListArray.from_arrays(pa.array(flat, pa.float16()), dim)
            yield table.append_column(schema.field("embedding"), vectors)


def _append(
    columns: dict[str, list[Any]], clip: Any, number: int, row: Sequence[Any], dim: int
) -> None:
    frame, box, score, quality, vector = row
    location = f"clip {_clip_name(clip)!r}, face {number}"
    try:
        with np.errstate(over="ignore"):  # overflow gives infinity, which is refused below
            values = np.asarray(vector, np.float16)
        plain = [float(side) for side in box]
        frame_number, detection, face_quality = int(frame), float(score), float(quality)
    except (TypeError, ValueError, OverflowError):
        raise ConfigError(f"{location}: expected [{_FIELDS}]") from None
    if values.shape != (dim,):
        raise ConfigError(f"{location}: embedding of {values.size} numbers; the others have {dim}")
    if len(plain) != 4:
        raise ConfigError(f"{location}: a box of {len(plain)} numbers; expected 4")
    if not 0 <= frame_number < 2**63:
        raise ConfigError(
            f"{location}: frame {frame_number} must not be negative or above 2^63 - 1"
        )
    if not np.isfinite(values).all() or not np.isfinite([*plain, detection, face_quality]).all():
        raise ConfigError(f"{location}: a number that is not finite; leave this face out")
    columns["clip"].append(_clip_name(clip))
    columns["frame"].append(frame_number)
    columns["box_xyxy"].append(plain)
    columns["score"].append(detection)
    columns["quality"].append(face_quality)
    columns["embedding"].append(values)
