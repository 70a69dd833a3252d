"""Verification of every file of an archive against its checksum, and of the tables as a whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from vidsearch.catalog.catalog import Catalog
from vidsearch.catalog.maintenance import incomplete_videos
from vidsearch.catalog.meta import META_NAME, is_unchanged
from vidsearch.catalog.table_files import data_files
from vidsearch.errors import CatalogChangedError, CatalogError
from vidsearch.index.generations import BrokenGenerationError, read_generation
from vidsearch.storage.checksums import Checksum, checksum_of, read_checksums
from vidsearch.storage.path import StoragePath
from vidsearch.text.printable import one_line, printable

_RESTORE = "restore it from a copy of the catalog, or index the videos into a new catalog"
_RESTORE_NAMES = "restore it from a copy of the catalog: it holds names and verdicts"
_REMEDIES = {"people": _RESTORE_NAMES, "verdicts": _RESTORE_NAMES}


@dataclass(frozen=True, slots=True)
class Damage:
    """A damaged part of an archive.

    Attributes:
        part: Path in the catalog, or the name of a table.
        fault: The difference that was found.
        remedy: Command or action that mends it.
    """

    part: str
    fault: str
    remedy: str

    def __str__(self) -> str:
        return f"{printable(self.part)}: {self.fault}; {self.remedy}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """Result of a verification.

    Attributes:
        files: Data files that were read.
        without_checksum: Files among them that have no checksum: an earlier version of vidsearch
            or another program wrote them. Their columns were decoded.
        damaged: Damaged parts.
    """

    files: int
    without_checksum: int
    damaged: tuple[Damage, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain lists, dictionaries, numbers and text."""
        return {**asdict(self), "damaged": [asdict(damage) for damage in self.damaged]}


def verify(catalog: Catalog) -> Verification:
    """Read every data file, the index and ``catalog.json``, and return what is damaged.

    Nothing is changed. In an object store, which has checksums of its own, the files are decoded.

    Args:
        catalog: The catalog.
    """
    path = catalog.root.path
    checksums = read_checksums(path) if path is not None else {}
    files = without = 0
    damaged = list(_meta_damage(catalog))
    for name in catalog.table_names:
        try:
            names = data_files(catalog.table(name).open())
        except CatalogError as error:
            damaged.append(_table_damage(name, error))
            continue
        for file in names:
            part = _part(catalog, name, file)
            files += 1
            without += part not in checksums
            fault = _fault(catalog, name, file, checksums.get(part))
            if fault is not None:
                damaged.append(Damage(part, fault, _REMEDIES.get(name, _RESTORE)))
    if not damaged:
        damaged += _incomplete(catalog)
    damaged += _index_damage(catalog)
    return Verification(files=files, without_checksum=without, damaged=tuple(damaged))


def _part(catalog: Catalog, table: str, file: str) -> str:
    return f"{catalog.table(table).uri}/{file}"[len(catalog.root.uri.rstrip("/")) + 1 :]


def _table_damage(name: str, error: CatalogError) -> Damage:
    fault, _, remedy = one_line(error).rpartition("; ")
    return Damage(name, fault, remedy)


def _fault(catalog: Catalog, table: str, file: str, expected: Checksum | None) -> str | None:
    """Return the fault of a data file; None if there is none, or if it is not in use any more."""
    try:
        fault = _content_fault(catalog, table, file, expected)
    except OSError as error:
        fault = f"cannot be read ({one_line(error)})"
    if fault is not None and file not in data_files(catalog.table(table).open()):
        return None  # a running command replaced the file meanwhile
    return fault


def _content_fault(
    catalog: Catalog, table: str, file: str, expected: Checksum | None
) -> str | None:
    folder = catalog.table(table).uri
    if expected is not None:
        found = checksum_of(Path(folder) / file)
        if found.size != expected.size:
            return f"has {found.size} bytes instead of {expected.size}"
        return None if found == expected else "its content does not match its checksum"
    content = StoragePath(f"{folder}/{file}").read()
    try:
        for _ in pq.ParquetFile(pa.BufferReader(content)).iter_batches(batch_size=4096):
            pass
    except (pa.ArrowException, OSError, ValueError) as error:
        return f"cannot be decoded ({one_line(error)})"
    return None


def _meta_damage(catalog: Catalog) -> Iterator[Damage]:
    try:
        unchanged = is_unchanged(catalog.root.child(META_NAME).read())
    except (OSError, ValueError, json.JSONDecodeError):
        unchanged = False
    if not unchanged:
        yield Damage(
            META_NAME,
            "its content does not match its checksum",
            "restore it from a copy of the catalog; if you changed it, remove its line 'sha256'",
        )


def _incomplete(catalog: Catalog) -> Iterator[Damage]:
    try:
        found = incomplete_videos(catalog)
    except CatalogChangedError:
        return
    for video_ids in found.values():
        for video_id in video_ids:
            yield Damage(
                f"video {video_id}",
                "has another number of tracks than its row states",
                f"index its file again: vidsearch index {printable(catalog.uri)} SOURCE",
            )


def _index_damage(catalog: Catalog) -> Iterator[Damage]:
    try:
        read_generation(catalog.vectors, catalog.model_id, catalog.dim)
    except BrokenGenerationError as error:
        yield Damage(
            "index", one_line(error), f"rebuild it: vidsearch reindex {printable(catalog.uri)}"
        )
