"""Files of a table: their layout, filters that use their statistics, and the state of the log."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from vidsearch.errors import CatalogError
from vidsearch.storage.checksums import add_checksums
from vidsearch.storage.path import StoragePath

_LOG = logging.getLogger(__name__)

ATTEMPT = ("video_id", "run_id")
"""Columns that name the attempt of a row."""

_VECTORS = ("template", "embedding", "box_xyxy", "landmarks", "aligned_points")
_LOG_ENTRY = re.compile(r"\d{20}\.(json|checkpoint\.)")
_ROWS_PER_GROUP = 100_000
_IMAGES_PER_GROUP = 500


def skipping_columns(schema: pa.Schema) -> str:
    """Return the columns whose minimum and maximum allow readers to skip whole files."""
    return ",".join(name for name in ("run_id", "video_id", "uri") if name in schema.names)


def writer_properties(schema: pa.Schema) -> Any:
    """Return the properties of a new file: vectors and JPEGs without dictionary and statistics.

    Args:
        schema: Columns of the table.
    """
    from deltalake import ColumnProperties, WriterProperties

    plain = ColumnProperties(dictionary_enabled=False, statistics_enabled="NONE")
    columns = {f"{name}.list.element": plain for name in _VECTORS if name in schema.names}
    has_images = "aligned_jpeg" in schema.names
    if has_images:
        columns["aligned_jpeg"] = plain
    return WriterProperties(
        compression="ZSTD",
        compression_level=1,
        # With small groups, a reader of a few tracks reads few images of other tracks.
        max_row_group_size=_IMAGES_PER_GROUP if has_images else _ROWS_PER_GROUP,
        column_properties=columns or None,
    )


def completed(rows: pa.Table, schema: pa.Schema, columns: Sequence[str] | None = None) -> pa.Table:
    """Return columns of rows in order; a column that the rows lack is null.

    Args:
        rows: Rows, perhaps of an earlier version of vidsearch.
        schema: Schema of the missing columns.
        columns: Names of the columns; None: all of the schema.
    """
    names = list(columns) if columns is not None else schema.names
    for name in names:
        if name not in rows.column_names:
            column = schema.field(name)
            rows = rows.append_column(column, pa.nulls(len(rows), column.type))
    return rows.select(names)


def table_schema(opened: Any) -> pa.Schema:
    """Return the columns of an opened ``DeltaTable``."""
    return pa.schema(opened.schema().to_arrow())


def data_files(opened: Any) -> list[str]:
    """Return the data files of an opened ``DeltaTable``, as paths below the table's folder."""
    paths: list[str] = pa.table(opened.get_add_actions(flatten=True))["path"].to_pylist()
    return paths


class CommittedTable(Protocol):
    """Table to commit to: its catalog's folder, its own folder, and its newest version."""

    @property
    def root(self) -> StoragePath:
        """Folder of the catalog."""

    @property
    def uri(self) -> str:
        """Path or URI of the table's folder."""

    def newest(self) -> Any:
        """Return the ``DeltaTable`` at its newest version."""


def list_checksums(table: CommittedTable) -> None:
    """List the checksums of a table's data files that are not listed yet, on a local drive.

    Args:
        table: Table at its newest version.
    """
    if table.root.path is None:
        return
    try:
        names = data_files(table.newest())
    except CatalogError as error:
        _LOG.info("the checksums of table %s are not complete: %s", table.uri, error)
        return
    add_checksums(table.root.path, [Path(table.uri) / name for name in names])


def log_state(uri: str) -> tuple[int, int, int] | None:
    """Return the state of a local table's log, which differs after every commit and clean-up.

    Args:
        uri: Folder of the table.

    Returns:
        Newest version, number of log entries, and latest modification time of that version's
        entries in nanoseconds; None in an object store or where the log cannot be read.
    """
    folder = StoragePath(uri).path
    if folder is None:
        return None
    try:
        entries = [e for e in os.scandir(folder / "_delta_log") if _LOG_ENTRY.match(e.name)]
        version = max(int(entry.name[:20]) for entry in entries)
        newest = [entry.stat() for entry in entries if int(entry.name[:20]) == version]
    except (OSError, ValueError):
        return None
    return version, len(entries), max(stat.st_mtime_ns for stat in newest)


def text_filter(name: str, values: Collection[str] | None) -> Any:
    """Return a filter on a text column; None without values.

    The column is cast to string although its type is string: a merge, a deletion or an update
    writes files with string_view, and pyarrow cannot compare their statistics with plain strings.
    With the cast, statistics cannot skip files.
    """
    if values is None:
        return None
    return pc.field(name).cast(pa.string()).isin(pa.array(sorted(values), pa.string()))


def statistics_filter(fragment: Any, name: str, values: Collection[str]) -> Any:
    """Return a filter that can skip by a file's statistics if its text has type string."""
    if fragment.physical_schema.field(name).type == pa.string():
        return pc.field(name).isin(pa.array(sorted(values), pa.string()))
    return text_filter(name, values)


def conjunction(left: Any, right: Any) -> Any:
    """Return the conjunction of two filters; None selects every row."""
    if left is None or right is None:
        return right if left is None else left
    return left & right


def row_groups_with(
    file: pq.ParquetFile, groups: Sequence[Any], key: str, values: pa.Array
) -> list[Any]:
    """Return the row groups of a file that contain one of the values, found by a single read.

    Args:
        file: The file.
        groups: Fragments of the file, one row group each.
        key: Text column.
        values: Values of that column.
    """
    row_groups = [group.row_groups[0] for group in groups]
    column = file.read_row_groups([g.id for g in row_groups], columns=[key], use_threads=False)[key]
    rows = pc.indices_nonzero(pc.is_in(column.cast(pa.string()), value_set=values)).to_numpy()
    ends = np.cumsum([group.num_rows for group in row_groups])
    return [groups[index] for index in np.unique(np.searchsorted(ends, rows, side="right"))]


def with_key(columns: Sequence[str] | None, schema: pa.Schema) -> list[str]:
    """Return the columns, and those of the attempt if they lack; None: all of the schema."""
    if columns is None:
        return list(schema.names)
    return [*columns, *(name for name in ATTEMPT if name not in columns)]


def row_keys(rows: pa.Table) -> pa.Array:
    """Return one text for the attempt of each row."""
    joined = pc.binary_join_element_wise(rows["video_id"], rows["run_id"], "\x1f")
    return joined.combine_chunks() if isinstance(joined, pa.ChunkedArray) else joined


def sql_text(value: str) -> str:
    """Return ``value`` as an SQL literal."""
    return "'" + value.replace("'", "''") + "'"
