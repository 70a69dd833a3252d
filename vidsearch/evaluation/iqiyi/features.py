"""The 2019 feature release: a pickle of every frame's embedding, turned once into Parquet."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from vidsearch.datatypes import Matrix
from vidsearch.errors import ConfigError
from vidsearch.faces.template import normalise
from vidsearch.storage.safe_pickle import load_plain_pickle

_CLIPS_A_GROUP = 500
_FIELDS = "frame, [x1, y1, x2, y2], detection score, quality score, embedding"


@dataclass(frozen=True, slots=True)
class Converted:
    """What a conversion wrote."""

    clips: int
    faces: int
    without_faces: int
    dim: int


def convert_features(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> Converted:
    """Write the release's pickle as Parquet, one row a face; the numbers stay as they are.

    Columns: ``clip``, ``frame``, ``box_xyxy``, ``score``, ``quality``, ``embedding`` (float16). The
    pickle is read with :func:`vidsearch.storage.safe_pickle.load_plain_pickle`.

    Raises:
        ConfigError: The pickle is refused, is not of the release's form, or holds a value that is
            not finite: named by its clip and row.
    """
    content = load_plain_pickle(source)
    if not isinstance(content, Mapping) or not content:
        raise ConfigError(
            f"{os.fspath(source)!r} must hold a dictionary clip -> faces; got "
            f"{type(content).__name__} of {len(content) if hasattr(content, '__len__') else 0}"
        )
    dim = _dim(content)
    schema = _schema(dim)
    partial = Path(f"{os.fspath(target)}.part")
    faces = 0
    try:
        with pq.ParquetWriter(partial, schema, compression="zstd") as writer:
            for table in _tables(content, schema, dim):
                writer.write_table(table)
                faces += table.num_rows
        partial.replace(target)
    except OSError as error:
        raise ConfigError(
            f"{os.fspath(target)!r} cannot be written ({error.strerror}); name another file"
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    empty = sum(not len(rows) for rows in content.values())
    return Converted(len(content), faces, empty, dim)


def clip_centres(
    path: str | os.PathLike[str], *, least_quality: float = 0.0
) -> tuple[list[str], Matrix]:
    """Return the clips of a converted file and the feature centre of each, L2-normalised.

    Args:
        path: What :func:`convert_features` wrote.
        least_quality: Faces below this quality score are left out, where a clip has better ones.

    Returns:
        N clip ids, sorted, and (N, D) float32.

    Raises:
        ConfigError: The file is not of that form.

    Source:
        ArcFace, section 3.1 (iQIYI-VID): the centre of the features of all frames of a clip.
    """
    try:
        file = pq.ParquetFile(path)
        sums: dict[str, np.ndarray[Any, Any]] = {}
        best: dict[str, bool] = {}
        for group in range(file.num_row_groups):
            rows = file.read_row_group(group, columns=["clip", "quality", "embedding"])
            flat = rows["embedding"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
            vectors = flat.reshape(rows.num_rows, -1).astype(np.float64)
            good = rows["quality"].to_numpy() >= least_quality
            for clip, vector, fine in zip(rows["clip"].to_pylist(), vectors, good, strict=True):
                if clip not in sums or (fine and not best[clip]):
                    sums[clip], best[clip] = vector.copy(), bool(fine)
                elif fine or not best[clip]:
                    sums[clip] += vector
    except (OSError, pa.ArrowException, KeyError) as error:
        raise ConfigError(
            f"{os.fspath(path)!r} is not a converted feature file "
            f"({str(error).splitlines()[0]}); make one with 'vidsearch evaluate iqiyi-features'"
        ) from error
    clips = sorted(sums)
    if not clips:
        raise ConfigError(f"{os.fspath(path)!r} holds no face")
    return clips, normalise(np.stack([sums[clip] for clip in clips]).astype(np.float32))


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
    odd = [clip for clip, rows in content.items() if not isinstance(rows, list | tuple)]
    if odd:
        raise ConfigError(f"clip {_name(odd[0])!r}: expected a list of faces")
    for clip, rows in content.items():
        for number, row in enumerate(rows):
            return len(_checked_row(clip, number, row)[4])
    raise ConfigError("the feature pickle holds no face in any clip")


def _checked_row(clip: Any, number: int, row: Any) -> Sequence[Any]:
    vector = row[4] if isinstance(row, list | tuple) and len(row) == 5 else None
    flat = isinstance(vector, np.ndarray) and vector.ndim == 1 and vector.dtype.kind == "f"
    plain = isinstance(vector, list | tuple) and all(isinstance(x, int | float) for x in vector)
    if vector is None or not (flat or plain) or not len(vector):
        raise ConfigError(f"clip {_name(clip)!r}, face {number}: expected [{_FIELDS}]")
    return [*row]


def _name(clip: Any) -> str:
    text = clip.decode("utf-8", "replace") if isinstance(clip, bytes) else str(clip)
    return text.encode("utf-8", "replace").decode("utf-8")  # no halves of characters


def _tables(content: Mapping[Any, Any], schema: pa.Schema, dim: int) -> Iterator[pa.Table]:
    clips = list(content)
    for start in range(0, len(clips), _CLIPS_A_GROUP):
        columns: dict[str, list[Any]] = {name: [] for name in schema.names}
        for clip in clips[start : start + _CLIPS_A_GROUP]:
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
    where = f"clip {_name(clip)!r}, face {number}"
    try:
        with np.errstate(over="ignore"):  # too large a number becomes infinite, and is named
            values = np.asarray(vector, np.float16)
        plain = [float(side) for side in box]
        at, detection, fine = int(frame), float(score), float(quality)
    except (TypeError, ValueError, OverflowError):
        raise ConfigError(f"{where}: expected [{_FIELDS}]") from None
    if values.shape != (dim,):
        raise ConfigError(f"{where}: embedding of {values.size} numbers; the others have {dim}")
    if len(plain) != 4:
        raise ConfigError(f"{where}: a box of {len(plain)} numbers; expected 4")
    if not 0 <= at < 2**63:
        raise ConfigError(f"{where}: frame {at} is no number of a frame")
    if not np.isfinite(values).all() or not np.isfinite([*plain, detection, fine]).all():
        raise ConfigError(f"{where}: a number that is not finite; leave this face out")
    columns["clip"].append(_name(clip))
    columns["frame"].append(at)
    columns["box_xyxy"].append(plain)
    columns["score"].append(detection)
    columns["quality"].append(fine)
    columns["embedding"].append(values)
