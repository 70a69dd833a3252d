"""Generations of the index beside the tables: written completely, made current by one pointer.

A generation never changes once ``CURRENT`` names it. Readers may have the previous one open, so it
is kept. Older ones are removed after the next build. ``vidsearch.index.generation_files`` lists the
files.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vidsearch.datatypes import Matrix
from vidsearch.errors import CatalogWriteError, VidsearchError
from vidsearch.index import build
from vidsearch.index.base import VectorIndex, check_vectors
from vidsearch.index.faiss import FaissFlatIndex
from vidsearch.index.generation_files import (
    CURRENT,
    META,
    PREFIX,
    ROWS,
    VIDEOS,
    GenerationMeta,
    IdColumn,
    checksum,
    map_table,
    write_table,
)
from vidsearch.index.plan import Kind, Plan, choose
from vidsearch.storage.files import sync
from vidsearch.storage.local_copies import local_copy, remove_local_copies
from vidsearch.storage.path import StoragePath
from vidsearch.storage.version_name import VersionName
from vidsearch.text.parse import read_json
from vidsearch.text.printable import one_line

_SUPERSEDED_AFTER_S = 3600  # readers that were given an older generation have opened it by then
_ABANDONED_AFTER_S = 24 * 3600  # an unfinished build of that age was killed


@dataclass(frozen=True, eq=False)
class Generation:
    """A generation whose checksums are correct.

    Attributes:
        name: Name of its folder.
        meta: Description.
        index: Index over its vectors.
        rows: Columns ``track_id`` and ``video``, in the order of the index's vectors.
        videos: Columns ``video_id`` and ``run_id``: the visible attempts at the time of the build;
            ``video`` is a row of this table.
    """

    name: str
    meta: GenerationMeta
    index: VectorIndex
    rows: pa.Table
    videos: pa.Table

    def rows_of(self, videos: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return (N,) bool, True for vectors of the chosen videos.

        Args:
            videos: (V,) bool, True for chosen rows of ``self.videos``.
        """
        chosen: NDArray[np.bool_] = videos[self.rows["video"].to_numpy()]
        return chosen


class BrokenGenerationError(Exception):
    """The current generation is missing, damaged, or of another model."""


Allocate = Callable[[tuple[int, int]], Matrix]
Templates = Callable[[Allocate], tuple[pa.Table, Matrix]]
"""Reads rows and their vectors; the vectors go into an allocated array, in memory or in a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOptions:
    """Options of a build.

    Attributes:
        kind: Kind of index; None: chosen by the number of vectors.
        run_shards: Runs the builds of an inverted file's shards.
        threads: FAISS threads; None: every core available to this process.
    """

    kind: Kind | None = None
    run_shards: build.RunShards = build.run_here
    threads: int | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Content:
    """Content of a generation.

    Attributes:
        templates: Returns ``track_id`` and ``video_id`` of each vector, and the vectors: (N, D)
            float32, unit length.
        attempts: Columns ``video_id``, distinct, and ``run_id``: all visible attempts.
        versions: Versions of the tables that are read.
        model_id: Model of the vectors.
        publishing: Context in which the generation becomes the current one; it may raise.
    """

    templates: Templates
    attempts: pa.Table
    versions: dict[str, int]
    model_id: str
    publishing: Callable[[], AbstractContextManager[object]] = nullcontext


def build_generation(
    catalog: StoragePath, content: Content, options: BuildOptions | None = None, *, label: str = ""
) -> str:
    """Write a generation and make it the current one; return its name.

    Args:
        catalog: Folder of the catalog.
        content: Content of the generation.
        options: Options of the build; None: the defaults.
        label: Name of the catalog in errors; empty: its folder.

    Raises:
        CatalogWriteError: The index cannot be written; the generation in use stays.
        ShapeError: A vector is not finite or not of unit length.
    """
    name = str(VersionName.new(PREFIX))
    root = catalog.child("index")
    folder = root.child(name)
    options = options if options is not None else BuildOptions()
    try:
        with tempfile.TemporaryDirectory() as scratch:
            staged = folder.path if folder.path is not None else Path(scratch)
            staged.mkdir(parents=True, exist_ok=True)
            meta, files = _write_files(staged, content, options)
            if folder.path is None:
                for file in files:
                    folder.child(file).upload(staged / file)
        pointer = {"generation": name, "meta_sha256": hashlib.sha256(meta).hexdigest()}
        with content.publishing():
            root.child(CURRENT).write(json.dumps(pointer).encode())
    except (OSError, RuntimeError) as error:
        folder.remove_tree()
        label = label if label else catalog.uri
        raise CatalogWriteError(
            f"the index of the catalog {label!r} cannot be written ({one_line(error)}); "
            f"free space or check that you may write there, then run: vidsearch reindex {label}"
        ) from error
    except BaseException:
        folder.remove_tree()
        raise
    return name


def _write_files(
    folder: Path, content: Content, options: BuildOptions
) -> tuple[bytes, tuple[str, ...]]:
    """Write all files but the pointer; return the content of ``meta.json`` and the file names."""

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
    video_rows = pc.index_in(rows["video_id"], value_set=attempts["video_id"]).combine_chunks()
    numbered = pa.table({"track_id": rows["track_id"], "video": video_rows})
    write_table(folder / ROWS, numbered.combine_chunks())
    write_table(folder / VIDEOS, attempts.combine_chunks())
    files = (*files, ROWS, VIDEOS)
    for name in files:
        sync(folder / name)
    meta = GenerationMeta(
        kind=plan.kind,
        model_id=content.model_id,
        dim=vectors.shape[1],
        count=len(vectors),
        versions=content.versions,
        built=datetime.now(UTC).isoformat(timespec="seconds"),
        sha256={name: checksum(folder / name) for name in files},
        parameters=plan.as_parameters(),
    )
    raw = json.dumps(asdict(meta), indent=2).encode()
    (folder / META).write_bytes(raw)
    sync(folder / META)
    return raw, (*files, META)


def read_generation(catalog: StoragePath, model_id: str, dim: int) -> Generation | None:
    """Return the current generation, verified; None if none was ever built.

    Raises:
        BrokenGenerationError: The generation is missing, torn, damaged, or of another model.
    """
    failure: BrokenGenerationError | None = None
    for _ in range(2):  # a rebuild may replace it between reading the pointer and the files
        try:
            raw = catalog.child("index").child(CURRENT).read()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise BrokenGenerationError(f"{CURRENT} cannot be read: {error}") from error
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
        fields = read_json(pointer)
        name, meta_sha256 = str(fields["generation"]), str(fields["meta_sha256"])
        if VersionName.parse(name, PREFIX) is None or "/" in name:
            raise BrokenGenerationError(f"{CURRENT} names {name!r}, which is not a generation")
        folder = catalog.child("index").child(name).path
        if folder is None:
            folder = local_copy(catalog, name, META)
        raw = (folder / META).read_bytes()
        if hashlib.sha256(raw).hexdigest() != meta_sha256:
            raise BrokenGenerationError(f"{name}/{META} does not match the checksum in {CURRENT}")
        meta = GenerationMeta(**read_json(raw))
        for file, expected in meta.sha256.items():
            if checksum(folder / file) != expected:
                raise BrokenGenerationError(f"{name}/{file} is torn or damaged")
        rows, videos = map_table(folder / ROWS), map_table(folder / VIDEOS)
        plan = Plan(kind=meta.kind, **meta.parameters)
        index = build.load(folder, plan, IdColumn(rows["track_id"]))
        return Generation(name, meta, index, rows, videos)
    except (OSError, RuntimeError, ValueError, TypeError, KeyError, VidsearchError) as error:
        raise BrokenGenerationError(f"{type(error).__name__}: {one_line(error)}") from error


def remove_old_generations(catalog: StoragePath, keep: tuple[str, ...]) -> None:
    """Remove generations that no reader may be opening.

    Args:
        catalog: Folder of the catalog.
        keep: Names of the current and the previous generation. Others finished within the last
            hour, or begun within the last day, may belong to another process and are kept too.
    """
    root = catalog.child("index")
    for name in root.names():
        if name.startswith(f"{PREFIX}-") and name not in keep and _is_removable(root.child(name)):
            root.child(name).remove_tree()


def _is_removable(folder: StoragePath) -> bool:
    """Return True if a generation not in use was replaced long ago, or its build was killed."""
    version = VersionName.parse(folder.name, PREFIX)
    if version is None:
        return False
    meta = folder.child(META).path
    try:
        finished = meta.stat().st_mtime if meta is not None else None
    except OSError:
        finished = None
    if finished is not None:
        return finished < time.time() - _SUPERSEDED_AFTER_S
    return version.created_ms / 1000 < time.time() - _ABANDONED_AFTER_S


def current_name(catalog: StoragePath) -> str | None:
    """Return the name in ``CURRENT``, without reading the generation."""
    try:
        fields: Any = read_json(catalog.child("index").child(CURRENT).read())
        return str(fields["generation"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
