"""Generations of the index, beside the tables: written whole, swapped in by one pointer.

::

    index/CURRENT            name of the generation in use, and the checksum of its meta.json
    index/gen-<time>-<id>/   rows.arrow (track_id, video: a row of the next), videos.arrow
                             (video_id, run_id), meta.json, and by kind:
                             faiss-flat: vectors.faiss; others: vectors.npy, codes.faiss, lists.ivf

A generation never changes once ``CURRENT`` names it. Readers may have the previous one open, so
that one is kept; older ones go with the next build. Every file is mapped, none is read whole: of a
file above 64 MiB the checksum covers its length and evenly spaced pieces.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import secrets
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vidsearch.datatypes import Matrix
from vidsearch.errors import CatalogWriteError, VidsearchError
from vidsearch.index import build
from vidsearch.index.base import VectorIndex, check_vectors
from vidsearch.index.faiss import FaissFlatIndex
from vidsearch.index.plan import Kind, Plan, choose
from vidsearch.storage.local_copies import local_copy, remove_local_copies
from vidsearch.storage.path import StoragePath
from vidsearch.text.printable import one_line

_LOG = logging.getLogger(__name__)

_ROWS, _VIDEOS, _META, _CURRENT = "rows.arrow", "videos.arrow", "meta.json", "CURRENT"
_HASHED_WHOLE_BYTES = 64 << 20
_PIECES, _PIECE_BYTES = 64, 64 << 10
_SUPERSEDED_AFTER_S = 3600  # whoever was told of a generation before has opened it by then
_ABANDONED_AFTER_S = 24 * 3600  # an unfinished build of that age was killed


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationMeta:
    """What a generation was built from.

    Attributes:
        kind: Index family.
        versions: Versions of the tables it holds.
        built: ISO 8601, UTC.
        sha256: Of each file; see ``_checksum``.
        parameters: How the index was built: ``cells``, ``code_bytes``.
    """

    kind: Kind
    model_id: str
    dim: int
    count: int
    versions: dict[str, int]
    built: str
    sha256: dict[str, str]
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Generation:
    """A generation that was read and found whole.

    Attributes:
        rows: Columns ``track_id`` and ``video``, in the order of the index's vectors.
        videos: Columns ``video_id`` and ``run_id``: the attempts that counted when it was built;
            ``video`` is a row of these.
    """

    name: str
    meta: GenerationMeta
    index: VectorIndex
    rows: pa.Table
    videos: pa.Table

    def rows_of(self, videos: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return (N,) which vectors belong to the videos chosen by (V,)."""
        chosen: NDArray[np.bool_] = videos[self.rows["video"].to_numpy()]
        return chosen


class BrokenGenerationError(Exception):
    """The current generation is missing or damaged; the message says how."""


Allocate = Callable[[tuple[int, int]], Matrix]
Templates = Callable[[Allocate], tuple[pa.Table, Matrix]]
"""Reads rows and their vectors, these into an array that it is given: in memory, or in a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOptions:
    """How a generation is built.

    Attributes:
        kind: Kind of index; None: by the number of vectors.
        run_shards: Where the shards of an inverted file are built.
        threads: For FAISS; None: every core that this process may use.
    """

    kind: Kind | None = None
    run_shards: build.RunShards = build.run_here
    threads: int | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Content:
    """What a generation is built from.

    Attributes:
        templates: Returns ``track_id`` and ``video_id`` of each vector, and the vectors: (N, D)
            float32, unit length.
        attempts: Columns ``video_id``, distinct, and ``run_id``: all that count.
        versions: Versions of the tables that are read.
        model_id: The space of the vectors.
    """

    templates: Templates
    attempts: pa.Table
    versions: dict[str, int]
    model_id: str


def build_generation(
    catalog: StoragePath, content: Content, options: BuildOptions | None = None, *, shown: str = ""
) -> str:
    """Write a generation and make it the current one; return its name.

    Args:
        catalog: Folder of the catalog.
        content: What it holds.
        options: Kind of index and where it is built.
        shown: What errors call the catalog; empty: its folder.

    Raises:
        CatalogWriteError: It cannot be written; the generation in use stays.
        ShapeError: A vector is not finite or not of unit length.
    """
    name = f"gen-{time.time_ns() // 1_000_000:012x}-{secrets.token_hex(4)}"
    home = catalog.child("index")
    folder = home.child(name)
    used = options if options is not None else BuildOptions()
    try:
        with tempfile.TemporaryDirectory() as scratch:
            staged = folder.path if folder.path is not None else Path(scratch)
            staged.mkdir(parents=True, exist_ok=True)
            meta, files = _write_files(staged, content, used)
            if folder.path is None:
                for file in files:
                    folder.child(file).upload(staged / file)
        pointer = {"generation": name, "meta_sha256": hashlib.sha256(meta).hexdigest()}
        home.child(_CURRENT).write(json.dumps(pointer).encode())
    except (OSError, RuntimeError) as error:
        folder.remove_tree()
        told = shown if shown else catalog.uri
        raise CatalogWriteError(
            f"the index of the catalog {told!r} cannot be written ({one_line(error)}); "
            f"free space or check that you may write there, then run: vidsearch reindex {told}"
        ) from error
    except BaseException:
        folder.remove_tree()
        raise
    return name


def _write_files(
    folder: Path, content: Content, options: BuildOptions
) -> tuple[bytes, tuple[str, ...]]:
    """Write everything but the pointer; return the description's bytes and all files' names."""

    def allocate(shape: tuple[int, int]) -> Matrix:
        if choose(*shape, options.kind).kind == "faiss-flat":
            return np.empty(shape, np.float32)
        return build.allocate(folder, shape)

    rows, vectors = content.templates(allocate)
    plan = choose(len(vectors), vectors.shape[1], options.kind)
    if plan.kind == "faiss-flat":
        ids = rows["track_id"].to_pylist()
        FaissFlatIndex.build(ids, vectors).save(folder / build.FLAT)
        files: tuple[str, ...] = (build.FLAT,)
    else:
        check_vectors("vectors", vectors, vectors.shape[1])
        files = build.build(folder, plan, options.run_shards, options.threads)
    attempts = content.attempts
    at = pc.index_in(rows["video_id"], value_set=attempts["video_id"])
    numbered = pa.table({"track_id": rows["track_id"], "video": at.combine_chunks()})
    for name, table in ((_ROWS, numbered.combine_chunks()), (_VIDEOS, attempts.combine_chunks())):
        with pa.OSFile(str(folder / name), "wb") as sink, pa.ipc.new_file(sink, table.schema) as o:
            o.write_table(table)
    files = (*files, _ROWS, _VIDEOS)
    for name in files:
        _sync(folder / name)
    meta = GenerationMeta(
        kind=plan.kind,
        model_id=content.model_id,
        dim=vectors.shape[1],
        count=len(vectors),
        versions=content.versions,
        built=datetime.now(UTC).isoformat(timespec="seconds"),
        sha256={name: _checksum(folder / name) for name in files},
        parameters=plan.as_parameters(),
    )
    raw = json.dumps(asdict(meta), indent=2).encode()
    (folder / _META).write_bytes(raw)
    _sync(folder / _META)
    return raw, (*files, _META)


def read_generation(catalog: StoragePath, model_id: str, dim: int) -> Generation | None:
    """Return the current generation, checked; None where none was ever built.

    Raises:
        BrokenGenerationError: It is missing, torn, damaged, or of another model.
    """
    failure: BrokenGenerationError | None = None
    for _ in range(2):  # a rebuild may swap it between reading the pointer and the files
        try:
            raw = catalog.child("index").child(_CURRENT).read()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise BrokenGenerationError(f"{_CURRENT} cannot be read: {error}") from error
        try:
            found = _read(catalog, raw)
        except BrokenGenerationError as error:
            failure = error
            remove_local_copies(catalog)
        else:
            if (found.meta.model_id, found.meta.dim) == (model_id, dim):
                return found
            failure = BrokenGenerationError(
                f"{found.name} holds vectors of model {found.meta.model_id!r} ({found.meta.dim})"
            )
    raise failure if failure is not None else BrokenGenerationError("unreadable")


def _read(catalog: StoragePath, pointer: bytes) -> Generation:
    try:
        fields = json.loads(pointer)
        name, meta_sha256 = str(fields["generation"]), str(fields["meta_sha256"])
        if not name.startswith("gen-") or "/" in name:
            raise BrokenGenerationError(f"{_CURRENT} names {name!r}, which is no generation")
        folder = catalog.child("index").child(name).path
        if folder is None:
            folder = local_copy(catalog, name, _META)
        raw = (folder / _META).read_bytes()
        if hashlib.sha256(raw).hexdigest() != meta_sha256:
            raise BrokenGenerationError(f"{name}/{_META} is not what {_CURRENT} promises")
        meta = GenerationMeta(**json.loads(raw))
        for file, promised in meta.sha256.items():
            if _checksum(folder / file) != promised:
                raise BrokenGenerationError(f"{name}/{file} is torn or damaged")
        rows, videos = (
            pa.ipc.open_file(pa.memory_map(str(folder / file))).read_all()
            for file in (_ROWS, _VIDEOS)
        )
        plan = Plan(kind=meta.kind, **meta.parameters)
        index = build.load(folder, plan, _Ids(rows["track_id"]))
        return Generation(name, meta, index, rows, videos)
    except (OSError, RuntimeError, ValueError, TypeError, KeyError, VidsearchError) as error:
        raise BrokenGenerationError(f"{type(error).__name__}: {one_line(error)}") from error


def remove_old_generations(catalog: StoragePath, keep: tuple[str, ...]) -> None:
    """Remove generations that no reader can have been told of lately.

    Args:
        catalog: Folder of the catalog.
        keep: Names of the current and the previous generation. Others that were finished within
            the last hour, or begun within the last day, may be another process's and stay as well.
    """
    home = catalog.child("index")
    for name in home.names():
        if name.startswith("gen-") and name not in keep and _is_over(home.child(name)):
            home.child(name).remove_tree()


def _is_over(folder: StoragePath) -> bool:
    """Whether a generation that is not in use was replaced long ago, or never finished."""
    try:
        begun = int(folder.name.split("-")[1], 16) / 1000
    except (IndexError, ValueError):
        return False
    meta = folder.child(_META).path
    try:
        finished = meta.stat().st_mtime if meta is not None else None
    except OSError:
        finished = None
    if finished is not None:
        return finished < time.time() - _SUPERSEDED_AFTER_S
    return begun < time.time() - _ABANDONED_AFTER_S


def current_name(catalog: StoragePath) -> str | None:
    """Return the name that ``CURRENT`` holds, without looking at the generation itself."""
    try:
        fields: Any = json.loads(catalog.child("index").child(_CURRENT).read())
        return str(fields["generation"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _checksum(path: Path) -> str:
    """Return the SHA-256 of the file; of a large one, of its length and evenly spaced pieces.

    A torn copy is found, and most damage, without reading gigabytes whenever somebody searches.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        if size <= _HASHED_WHOLE_BYTES:
            return hashlib.file_digest(file, "sha256").hexdigest()
        digest = hashlib.sha256(str(size).encode())
        for piece in range(_PIECES):
            file.seek((size - _PIECE_BYTES) * piece // (_PIECES - 1))
            digest.update(file.read(_PIECE_BYTES))
        return digest.hexdigest()


class _Ids(Sequence[str]):
    """A column of text as a sequence: a million ids are not turned into strings to find ten."""

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
            found: list[str] = self._column[row].to_pylist()
            return found
        text: str = self._column[row].as_py()
        return text


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
