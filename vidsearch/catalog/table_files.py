"""Layout of a table's files: compression, statistics, row groups, and the state of its log."""

from __future__ import annotations

import os
import re
from typing import Any

import pyarrow as pa

from vidsearch.storage.path import StoragePath

_VECTORS = ("template", "embedding", "box_xyxy", "landmarks", "aligned_points")
_LOG_ENTRY = re.compile(r"\d{20}\.(json|checkpoint\.)")
_ROWS_A_GROUP = 100_000
_IMAGES_A_GROUP = 500


def skipping_columns(schema: pa.Schema) -> str:
    """Return the columns whose minimum and maximum let a reader skip whole files."""
    return ",".join(name for name in ("run_id", "video_id", "uri") if name in schema.names)


def writer_properties(schema: pa.Schema) -> Any:
    """Return the properties of a new file: vectors and JPEGs as plain bytes, the rest compressed.

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
        # Small groups: a few tracks' images are read without their neighbours'.
        max_row_group_size=_IMAGES_A_GROUP if has_images else _ROWS_A_GROUP,
        column_properties=columns or None,
    )


def table_schema(opened: Any) -> pa.Schema:
    """Return the columns of an opened ``DeltaTable``."""
    return pa.schema(opened.schema().to_arrow())


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
