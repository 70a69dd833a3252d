"""Generations of the index, beside the tables: written whole, swapped in by one pointer.

::

    index/CURRENT            name of the generation in use, and the checksum of its meta.json
    index/gen-<time>-<id>/   vectors.faiss, rows.arrow (track_id, run_id), meta.json

A generation never changes once ``CURRENT`` names it. Readers may have the previous one open, so
that one is kept; older ones go with the next build.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import secrets
import shutil
import tempfile
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from vidsearch.catalog.place import Place
from vidsearch.catalog.tables import one_line
from vidsearch.datatypes import Matrix
from vidsearch.errors import CatalogWriteError, VidsearchError
from vidsearch.index.faiss import FaissFlatIndex

_LOG = logging.getLogger(__name__)

_VECTORS, _ROWS, _META, _CURRENT = "vectors.faiss", "rows.arrow", "meta.json", "CURRENT"
_ABANDONED_AFTER_S = 3600  # a build that has not been swapped in for that long was killed


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationMeta:
    """What a generation was built from.

    Attributes:
        kind: Index family.
        versions: Versions of the tables it holds.
        built: ISO 8601, UTC.
        sha256: Of each file.
    """

    kind: str
    model_id: str
    dim: int
    count: int
    versions: dict[str, int]
    built: str
    sha256: dict[str, str]


@dataclass(frozen=True, eq=False)
class Generation:
    """A generation that was read and found whole.

    Attributes:
        rows: Columns ``track_id`` and ``run_id``, in the order of the index's vectors.
    """

    name: str
    meta: GenerationMeta
    index: FaissFlatIndex
    rows: pa.Table


class BrokenGenerationError(Exception):
    """The current generation is missing or damaged; the message says how."""


def write_generation(
    catalog: Place, rows: pa.Table, vectors: Matrix, versions: dict[str, int], model_id: str
) -> str:
    """Write a generation and make it the current one; return its name.

    Args:
        catalog: Folder of the catalog.
        rows: ``track_id`` and ``run_id`` of each vector.
        vectors: (N, D) float32, unit length.
        versions: Versions of the tables that were read.
        model_id: The space of the vectors.

    Raises:
        CatalogWriteError: It cannot be written; the generation in use stays.
        ShapeError: A vector is not finite or not of unit length.
    """
    index = FaissFlatIndex.build(rows["track_id"].to_pylist(), vectors)
    name = f"gen-{time.time_ns() // 1_000_000:012x}-{secrets.token_hex(4)}"
    home = catalog.child("index")
    folder = home.child(name)
    try:
        with tempfile.TemporaryDirectory(prefix="vidsearch-") as scratch:
            staged = folder.path if folder.path is not None else Path(scratch)
            staged.mkdir(parents=True, exist_ok=True)
            meta = _write_files(staged, index, rows, versions, model_id)
            if folder.path is None:
                for file in (_VECTORS, _ROWS, _META):
                    folder.child(file).write((staged / file).read_bytes())
        pointer = {"generation": name, "meta_sha256": hashlib.sha256(meta).hexdigest()}
        home.child(_CURRENT).write(json.dumps(pointer).encode())
    except (OSError, RuntimeError) as error:
        folder.remove_tree()
        raise CatalogWriteError(
            f"the index of the catalog {catalog.uri!r} cannot be written ({one_line(error)}); "
            "free space or check that you may write there, then run: "
            f"vidsearch reindex {catalog.uri}"
        ) from error
    return name


def _write_files(
    folder: Path, index: FaissFlatIndex, rows: pa.Table, versions: dict[str, int], model_id: str
) -> bytes:
    index.save(folder / _VECTORS)
    with pa.OSFile(str(folder / _ROWS), "wb") as sink, pa.ipc.new_file(sink, rows.schema) as out:
        out.write_table(rows)
    for name in (_VECTORS, _ROWS):
        _sync(folder / name)
    meta = GenerationMeta(
        kind=index.kind,
        model_id=model_id,
        dim=index.dim,
        count=len(index),
        versions=versions,
        built=datetime.now(UTC).isoformat(timespec="seconds"),
        sha256={name: _sha256(folder / name) for name in (_VECTORS, _ROWS)},
    )
    raw = json.dumps(asdict(meta), indent=2).encode()
    (folder / _META).write_bytes(raw)
    _sync(folder / _META)
    return raw


def read_generation(catalog: Place, model_id: str, dim: int) -> Generation | None:
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
            if catalog.path is None:
                shutil.rmtree(_copies(catalog), ignore_errors=True)
        else:
            if (found.meta.model_id, found.meta.dim) == (model_id, dim):
                return found
            failure = BrokenGenerationError(
                f"{found.name} holds vectors of model {found.meta.model_id!r} ({found.meta.dim})"
            )
    raise failure if failure is not None else BrokenGenerationError("unreadable")


def _read(catalog: Place, pointer: bytes) -> Generation:
    try:
        fields = json.loads(pointer)
        name, meta_sha256 = str(fields["generation"]), str(fields["meta_sha256"])
        if not name.startswith("gen-") or "/" in name:
            raise BrokenGenerationError(f"{_CURRENT} names {name!r}, which is no generation")
        folder = catalog.child("index").child(name).path
        if folder is None:
            folder = _local_copy(catalog, name)
        raw = (folder / _META).read_bytes()
        if hashlib.sha256(raw).hexdigest() != meta_sha256:
            raise BrokenGenerationError(f"{name}/{_META} is not what {_CURRENT} promises")
        meta = GenerationMeta(**json.loads(raw))
        for file, promised in meta.sha256.items():
            if _sha256(folder / file) != promised:
                raise BrokenGenerationError(f"{name}/{file} is torn or damaged")
        rows = pa.ipc.open_file(pa.memory_map(str(folder / _ROWS))).read_all()
        ids = rows["track_id"].to_pylist()
        return Generation(name, meta, FaissFlatIndex.load(ids, folder / _VECTORS), rows)
    except (OSError, RuntimeError, ValueError, TypeError, KeyError, VidsearchError) as error:
        raise BrokenGenerationError(f"{type(error).__name__}: {one_line(error)}") from error


def remove_old_generations(catalog: Place, keep: tuple[str, ...]) -> None:
    """Remove generations that no reader can have been told of lately.

    Args:
        catalog: Folder of the catalog.
        keep: Names of the current and the previous generation. Unnamed ones that were begun within
            the last hour may be another process's build, and stay as well.
    """
    home = catalog.child("index")
    newest = time.time() - _ABANDONED_AFTER_S
    for name in home.names():
        if not name.startswith("gen-") or name in keep:
            continue
        try:
            begun = int(name.split("-")[1], 16) / 1000
        except (IndexError, ValueError):
            continue
        if begun < newest:
            home.child(name).remove_tree()


def current_name(catalog: Place) -> str | None:
    """Return the name that ``CURRENT`` holds, without looking at the generation itself."""
    try:
        fields: Any = json.loads(catalog.child("index").child(_CURRENT).read())
        return str(fields["generation"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _copies(catalog: Place) -> Path:
    """Return the folder for local copies of a catalog's generations."""
    import platformdirs

    key = hashlib.sha256(catalog.uri.encode()).hexdigest()[:32]
    return Path(platformdirs.user_cache_dir("vidsearch")) / "index" / key


def _local_copy(catalog: Place, name: str) -> Path:
    """Copy a generation from an object store, once; return the local folder."""
    copies = _copies(catalog)
    copy = copies / name
    if copy.is_dir():
        return copy
    copies.mkdir(parents=True, exist_ok=True)
    staged = Path(tempfile.mkdtemp(prefix=".part-", dir=copies))
    try:
        for file in (_VECTORS, _ROWS, _META):
            (staged / file).write_bytes(catalog.child("index").child(name).child(file).read())
        staged.rename(copy)
    except OSError:
        shutil.rmtree(staged, ignore_errors=True)
        if not copy.is_dir():  # another process may have been quicker
            raise
    for old in copies.glob("gen-*"):
        if old.name < name:  # names begin with the time; whoever has it open keeps it open
            shutil.rmtree(old, ignore_errors=True)
    return copy


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
