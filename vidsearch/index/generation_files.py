"""Files of an index generation: description, tables, checksums.

::

    index/CURRENT            name of the generation in use, and the checksum of its meta.json
    index/gen-<time>-<id>/   rows.arrow (track_id, video: a row of videos.arrow), videos.arrow
                             (video_id, run_id), meta.json, and by kind:
                             faiss-flat: vectors.faiss; others: vectors.npy, codes.faiss, lists.ivf

Every file is mapped and none is read completely. The checksum of a file above 64 MiB covers its
length and evenly spaced pieces.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, overload

import pyarrow as pa

from vidsearch.index.plan import Kind

ROWS, VIDEOS, META, CURRENT = "rows.arrow", "videos.arrow", "meta.json", "CURRENT"
PREFIX = "gen"
"""First part of the name of a generation."""

_HASHED_COMPLETELY_BYTES = 64 << 20
_PIECES, _PIECE_BYTES = 64, 64 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationMeta:
    """Description of a generation, stored as ``meta.json``.

    Attributes:
        kind: Kind of index.
        model_id: Model of the vectors.
        dim: Length of the vectors.
        count: Number of vectors.
        versions: Versions of the tables that were indexed.
        built: Time of the build, ISO 8601, UTC.
        sha256: Checksum of each file; see ``checksum``.
        parameters: Parameters of the index: ``cells``, ``code_bytes``.
    """

    kind: Kind
    model_id: str
    dim: int
    count: int
    versions: dict[str, int]
    built: str
    sha256: dict[str, str]
    parameters: dict[str, Any] = field(default_factory=dict)


class IdColumn(Sequence[str]):
    """Column of ids as a sequence; only the ids that are read become Python strings."""

    def __init__(self, column: pa.ChunkedArray) -> None:
        self._column = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)

    def __len__(self) -> int:
        return len(self._column)

    @overload
    def __getitem__(self, row: int) -> str: ...

    @overload
    def __getitem__(self, row: slice) -> Sequence[str]: ...

    def __getitem__(self, row: int | slice) -> str | Sequence[str]:
        if isinstance(row, slice):
            ids: list[str] = self._column[row].to_pylist()
            return ids
        text: str = self._column[row].as_py()
        return text


def write_table(path: Path, table: pa.Table) -> None:
    """Write a table as an Arrow file, which can be mapped."""
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


def map_table(path: Path) -> pa.Table:
    """Map an Arrow file into memory."""
    return pa.ipc.open_file(pa.memory_map(str(path))).read_all()


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file; of a large file, of its length and evenly spaced pieces.

    Torn copies and most damage are found without reading gigabytes before every search.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        if size <= _HASHED_COMPLETELY_BYTES:
            return hashlib.file_digest(file, "sha256").hexdigest()
        digest = hashlib.sha256(str(size).encode())
        for piece in range(_PIECES):
            file.seek((size - _PIECE_BYTES) * piece // (_PIECES - 1))
            digest.update(file.read(_PIECE_BYTES))
        return digest.hexdigest()
