"""Proof of an erasure: no file of the catalog and no search contains a trace of the erased data."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from vidsearch.catalog.catalog import Catalog
from vidsearch.catalog.commits import read_again
from vidsearch.datatypes import Matrix
from vidsearch.erasure.receipt import RECEIPTS
from vidsearch.errors import CatalogError
from vidsearch.search.track_index import TrackSearcher
from vidsearch.text.names import is_unicode

_QUERIES_PER_BATCH = 64
_HITS_PER_QUERY = 100
_HASH = re.compile("(?:unread-)?[0-9a-f]{32}(?:[0-9a-f]{8})?")


@dataclass(frozen=True, slots=True, eq=False)
class Traces:
    """Data that must be absent after an erasure.

    Attributes:
        texts: Ids, paths and quoted names, as bytes.
        track_ids: Ids of the erased tracks.
        templates: (N, D) float32, templates of the erased tracks.
        vectors: Bytes of the templates that no remaining track shares.
        names: Names of erased people. Short names occur by chance in arbitrary bytes, so they are
            compared with whole values of text columns only.
        names_column: The only column to compare ``names`` with; empty: every text column.
    """

    texts: tuple[bytes, ...]
    track_ids: frozenset[str]
    templates: Matrix
    vectors: frozenset[bytes]
    names: tuple[str, ...] = ()
    names_column: str = ""


@read_again
def traces_of_tracks(
    catalog: Catalog,
    track_ids: Collection[str],
    texts: Collection[str],
    names: tuple[str, ...] = (),
) -> Traces:
    """Return the traces of tracks that are still in the catalog.

    Args:
        catalog: The catalog.
        track_ids: Ids of the tracks.
        texts: Further texts that must be absent afterwards.
        names: Names of erased people.

    Raises:
        CatalogError: A table is missing or damaged.
    """
    rows, templates = catalog.snapshot().templates(catalog.dim)
    ids = pa.array(list(track_ids), pa.string())
    erased = np.asarray(pc.is_in(rows["track_id"], value_set=ids), np.bool_)
    vectors = {row.tobytes() for row in templates[erased]}
    vectors -= {row.tobytes() for row in templates[~erased]}
    return Traces(
        tuple(sorted(map(_encoded, {*texts, *track_ids}))),
        frozenset(track_ids),
        templates[erased],
        frozenset(vectors),
        names,
    )


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
        return search_files(catalog, traces_of_id(catalog, identity))[1] is not None
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
    return search_files(catalog, traces)[1] is not None


def prove(catalog: Catalog, traces: Traces) -> tuple[int, int]:
    """Search every file of the catalog and the index; return the numbers of files and tracks.

    Raises:
        CatalogError: A trace is left.
    """
    files, leftover = search_files(catalog, traces)
    if leftover is not None:
        raise CatalogError(
            f"{leftover!r} still contains a trace of the erased data; wait until no run indexes "
            "into this catalog, remove that file if it is not part of the catalog, and repeat the "
            "command"
        )
    return files, _search_tracks(catalog, traces)


def search_files(catalog: Catalog, traces: Traces) -> tuple[int, str | None]:
    """Return the number of files in the catalog, and the first file that contains a trace.

    Raises:
        OSError: A file cannot be read.
    """
    receipts = catalog.root.child(RECEIPTS).uri + "/"
    files = [file for file in catalog.root.files() if not file.uri.startswith(receipts)]
    for file in files:
        content = file.read()
        if any(trace in content for trace in (*traces.texts, *traces.vectors)) or (
            file.uri.endswith(".parquet") and _parquet_contains(content, traces)
        ):
            return len(files), file.uri
    return len(files), None


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
    """Search the columns of a compressed file: text columns, templates, and checkpoint entries."""
    utf8_texts = [text.decode() for text in traces.texts if _is_utf8(text)]
    texts = pa.array([*utf8_texts, *traces.names], pa.string())
    ids = pa.array(utf8_texts, pa.string())
    file = pq.ParquetFile(pa.BufferReader(content))
    for batch in file.iter_batches(batch_size=2048):
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            column_type = column.type
            if pa.types.is_string(column_type) or pa.types.is_large_string(column_type):
                compared = ids if traces.names_column not in ("", name) else texts
                if pc.any(pc.is_in(column.cast(pa.string()), value_set=compared)).as_py():
                    return True
            elif name == "template":
                flat = column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), -1)
                if any(row.tobytes() in traces.vectors for row in flat):
                    return True
            elif pa.types.is_struct(column_type) or pa.types.is_map(
                column_type
            ):  # checkpoint of the table log
                entries = _encoded("\n".join(_strings(column.to_pylist())))
                if any(text in entries for text in traces.texts):
                    return True
    return False


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
