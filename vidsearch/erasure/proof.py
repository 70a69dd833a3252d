"""Proof of an erasure: no file of the catalog and no search contains a trace of the erased data."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from vidsearch.catalog.catalog import Catalog
from vidsearch.catalog.erasures.pending import FOLDER, RECEIPTS, PendingErasure
from vidsearch.catalog.sources.accounts import FOLDER as SOURCES
from vidsearch.catalog.versions import WORK
from vidsearch.datatypes import Matrix
from vidsearch.erasure.logs import RUNS
from vidsearch.erasure.patterns import Patterns, excerpt
from vidsearch.errors import CatalogError
from vidsearch.search.track_index import TrackSearcher
from vidsearch.storage.path import StoragePath
from vidsearch.text.names import is_unicode

_QUERIES_PER_BATCH = 64
_HITS_PER_QUERY = 100
_HASH = re.compile("(?:unread-)?[0-9a-f]{32}(?:[0-9a-f]{8})?")
_OWN_FOLDERS = (RUNS, SOURCES, WORK)
_VECTORS = ("template", "embedding")
_PICTURES = ("aligned_jpeg",)


@dataclass(frozen=True, eq=False)
class Traces:
    """Data that must be absent after an erasure.

    Attributes:
        texts: Ids, paths and quoted names, as bytes.
        track_ids: Ids of the erased tracks.
        templates: (N, D) float32, templates of the erased tracks.
        excerpts: Excerpts of the vectors and pictures that no remaining track shares.
        names: Names of erased people. Short names occur by chance in arbitrary bytes, so they are
            compared with whole values of text columns only.
        names_column: The only column to compare ``names`` with; empty: every text column.
    """

    texts: tuple[bytes, ...]
    track_ids: frozenset[str]
    templates: Matrix
    excerpts: frozenset[bytes]
    names: tuple[str, ...] = ()
    names_column: str = ""

    @staticmethod
    def of(erasure: PendingErasure, dim: int) -> Traces:
        """Return the traces of an erasure that was begun.

        Args:
            erasure: The erasure.
            dim: Length of a template.
        """
        templates = np.frombuffer(erasure.templates, np.float32)
        # After a re-embedding, the templates of the former model have another length.
        usable = templates if templates.size % dim == 0 else templates[:0]
        return Traces(
            erasure.texts,
            frozenset(erasure.tracks),
            usable.reshape(-1, dim),
            frozenset(erasure.excerpts),
            erasure.names,
            erasure.names_column,
        )

    @cached_property
    def patterns(self) -> Patterns:
        """Texts and excerpts, to search bytes for."""
        return Patterns({*self.texts, *self.excerpts})


def traces_of_id(catalog: Catalog, identity: str) -> Traces:
    """Return the traces of an id whose rows were deleted before."""
    no_templates = np.zeros((0, catalog.dim), np.float32)
    return Traces((_encoded(identity),), frozenset(), no_templates, frozenset())


def spelled_in_files(text: str, *, quoted: bool = False) -> frozenset[str]:
    """Return the forms in which logs and tables hold a text: plain, as JSON, as JSON within JSON.

    Python writes JSON in ASCII, the table store in Unicode.

    Args:
        text: Path or name.
        quoted: Return the forms with their quotation marks, for texts that others may contain.
    """
    forms = {f'"{text}"' if quoted else text}
    for to_ascii in (True, False):
        once = json.dumps(text, ensure_ascii=to_ascii)
        once = once if quoted else once[1:-1]
        forms |= {once, json.dumps(once, ensure_ascii=to_ascii)[1:-1]}
    return frozenset(forms)


def leaves_trace(catalog: Catalog, key: str, identity: str) -> bool:
    """Return True if an id whose rows were deleted is left in a file of the catalog.

    Args:
        catalog: The catalog.
        key: Name of the id in tables and logs, such as ``video_id``.
        identity: The id. Any other text that files contain is no trace.

    Raises:
        OSError: A file cannot be read.
    """
    if not identity or not is_unicode(identity):
        return False
    if _HASH.fullmatch(identity):
        return bool(search_files(catalog, traces_of_id(catalog, identity))[1])
    fields = {json.dumps({key: identity}, separators=(",", colon))[1:-1] for colon in (":", ": ")}
    texts = fields | {json.dumps(field)[1:-1] for field in fields}  # statistics in table logs
    no_templates = np.zeros((0, catalog.dim), np.float32)
    traces = Traces(
        tuple(map(_encoded, texts)),
        frozenset(),
        no_templates,
        frozenset(),
        (identity,),
        names_column=key,
    )
    return bool(search_files(catalog, traces)[1])


class TraceError(CatalogError):
    """Files contain a trace of erased data.

    Attributes:
        files: The files.
        foreign: One of them is no part of the catalog.
    """

    def __init__(self, message: str, files: list[StoragePath], *, foreign: bool) -> None:
        super().__init__(message)
        self.files = files
        self.foreign = foreign


def _is_own(catalog: Catalog, file: StoragePath) -> bool:
    """Return True if a file lies where commands write to the catalog."""
    folders = [catalog.table(name).uri for name in catalog.table_names]
    folders += [catalog.vectors.child("index").uri]
    folders += [catalog.root.child(name).uri for name in _OWN_FOLDERS]
    is_temporary = file.name.startswith(".") and file.name.endswith(".part")
    return is_temporary or file.uri.startswith(tuple(f"{folder}/" for folder in folders))


def prove(catalog: Catalog, traces: Traces) -> tuple[int, int]:
    """Search every file of the catalog and the index; return the numbers of files and tracks.

    Raises:
        TraceError: A file contains a trace.
        CatalogError: A search finds an erased track.
    """
    files, leftovers = search_files(catalog, traces)
    if leftovers:
        foreign = [file for file in leftovers if not _is_own(catalog, file)]
        raise TraceError(
            f"{[*foreign, *leftovers][0].uri!r} still contains a trace of the erased data; "
            + ("remove that file from the catalog" if foreign else "end the runs that write to it")
            + ", and repeat the command",
            leftovers,
            foreign=bool(foreign),
        )
    return files, _search_tracks(catalog, traces)


def search_files(catalog: Catalog, traces: Traces) -> tuple[int, list[StoragePath]]:
    """Return the number of files in the catalog, and the files that contain a trace.

    Files of receipts and of erasures that were begun are left out. Files that other processes write
    meanwhile are searched too.

    Raises:
        OSError: A file cannot be read.
    """
    searched: dict[str, bool] = {}
    while True:
        files = _files(catalog)
        new = [file for file in files if file.uri not in searched]
        if not new:
            break
        for file in new:
            try:
                searched[file.uri] = _contains(catalog, file, traces)
            except FileNotFoundError:
                searched[file.uri] = False
    return len(files), [file for file in files if searched[file.uri]]


def _files(catalog: Catalog) -> list[StoragePath]:
    apart = tuple(f"{catalog.root.child(name).uri}/" for name in (RECEIPTS, FOLDER))
    return [file for file in catalog.root.files() if not file.uri.startswith(apart)]


def _contains(catalog: Catalog, file: StoragePath, traces: Traces) -> bool:
    content = file.read()
    if traces.patterns.found_in(content):
        return True
    if not file.uri.endswith(".parquet"):
        return False
    try:
        return _parquet_contains(content, traces)
    except pa.ArrowInvalid:
        # The file of a killed writer ends early, and nobody can tell what its columns hold.
        return _is_own(catalog, file)


def _search_tracks(catalog: Catalog, traces: Traces) -> int:
    """Search with every erased template; return the number of tracks searched.

    Raises:
        CatalogError: The search finds an erased track.
    """
    searcher = TrackSearcher(catalog)
    for start in range(0, len(traces.templates), _QUERIES_PER_BATCH):
        queries = traces.templates[start : start + _QUERIES_PER_BATCH]
        for hits in searcher.search(queries, k=_HITS_PER_QUERY):
            if not traces.track_ids.isdisjoint(hits.ids):
                raise CatalogError(
                    f"a search of {catalog.uri!r} still finds the erased data: another run indexed "
                    "it again; end that run and repeat the command"
                )
    return len(searcher)


def _parquet_contains(content: bytes, traces: Traces) -> bool:
    """Search the columns of a compressed file: texts, vectors, pictures, checkpoint entries."""
    utf8_texts = [text.decode() for text in traces.texts if _is_utf8(text)]
    texts = pa.array([*utf8_texts, *traces.names], pa.string())
    ids = pa.array(utf8_texts, pa.string())
    file = pq.ParquetFile(pa.BufferReader(content))
    for batch in file.iter_batches(batch_size=2048):
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            column_type = column.type
            if _is_text(column_type):
                compared = ids if traces.names_column not in ("", name) else texts
                if pc.any(pc.is_in(column.cast(pa.string()), value_set=compared)).as_py():
                    return True
            elif name in (*_VECTORS, *_PICTURES):
                if traces.excerpts and not traces.excerpts.isdisjoint(column_excerpts(column)):
                    return True
            elif pa.types.is_struct(column_type) or pa.types.is_map(
                column_type
            ):  # checkpoint of the table log
                entries = _encoded("\n".join(_strings(column.to_pylist())))
                if Patterns(traces.texts).found_in(entries):
                    return True
    return False


def _is_text(column_type: pa.DataType) -> bool:
    types = pa.types
    kinds = (types.is_string, types.is_large_string, types.is_string_view)
    return any(kind(column_type) for kind in kinds)


def column_excerpts(column: pa.Array | pa.ChunkedArray) -> set[bytes | None]:
    """Return an excerpt of every value of a column of vectors or pictures."""
    if not len(column):
        return set()
    if not pa.types.is_fixed_size_list(column.type) and not pa.types.is_list(column.type):
        return {excerpt(value) for value in column.to_pylist() if value is not None}
    rows = column.flatten().to_numpy(zero_copy_only=False)
    return {excerpt(row.tobytes()) for row in rows.reshape(len(column), -1)}


def _strings(value: Any) -> Iterator[str]:
    """Yield every text in nested lists, dictionaries and pairs."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from _strings(list(value.items()))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _strings(item)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
