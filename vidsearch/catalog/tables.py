"""One Delta table: opening, appending, merging, deleting, with our errors instead of the store's.

Never fork a process that has called anything here: the store's runtime does not survive it. Start
workers with the ``spawn`` method.
"""

from __future__ import annotations

import logging
import os
import random
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from vidsearch.errors import CatalogConflictError, CatalogError, CatalogWriteError
from vidsearch.storage.object_store import dataset_filesystem
from vidsearch.storage.path import StoragePath
from vidsearch.text.printable import one_line

_LOG = logging.getLogger(__name__)

# Together they bound how long a commit may be contended: see STALE_AFTER_S in maintenance.py.
RETRY_FOR_S = 120.0
_FIRST_WAIT_S = 0.02
_LONGEST_WAIT_S = 2.0

_FREE_MARGIN = 4 << 20  # bytes a commit needs beside its rows: log entries, file footers
_VECTORS = ("template", "embedding")

_ENTRY = re.compile(r"\d{20}\.(json|checkpoint\.)")
_PICTURES_TOGETHER = 500


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a catalog.

    Attributes:
        root: Folder of the catalog.
        name: Name of the table, and of its folder.
        options: Credentials and endpoint of an object store.
        folder: Folder of the catalog that the table's own folder is in; empty: the catalog's.
    """

    root: StoragePath
    name: str
    options: dict[str, str] = field(default_factory=dict)
    folder: str = ""
    _kept: dict[object, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __reduce__(self) -> tuple[Any, ...]:
        # What is open stays here.
        return Table, (self.root, self.name, self.options, self.folder)

    @property
    def uri(self) -> str:
        inside = self.root.child(self.folder) if self.folder else self.root
        return inside.child(self.name).uri

    def create(self, schema: pa.Schema) -> None:
        """Make the table unless there is one.

        Raises:
            CatalogWriteError: It cannot be written.
        """
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError

        try:
            with self._writing():
                DeltaTable.create(
                    self.uri,
                    schema,
                    mode="ignore",
                    storage_options=self.options or None,
                    configuration={"delta.dataSkippingStatsColumns": _skipping_columns(schema)},
                )
        except CatalogWriteError:
            # Another process may have made it between the look and the commit.
            try:
                made = DeltaTable.is_deltatable(self.uri, self.options or None)
            except (DeltaError, OSError):
                made = False
            if not made:
                raise

    def open(self, version: int | None = None) -> Any:
        """Return the ``DeltaTable`` at its newest version, or at the one named.

        Raises:
            CatalogError: It is missing or damaged.
        """
        from deltalake import DeltaTable

        with self.reading():
            return DeltaTable(self.uri, version=version, storage_options=self.options or None)

    def newest(self) -> Any:
        """Return the newest version to read from, as ``open`` does, opened anew only if it is new.

        On a disk a look at the log's folder tells; opening takes ten times as long. Whoever changes
        a table opens it for that: what is returned here is shared.

        Raises:
            CatalogError: It is missing or damaged.
        """
        stamp = self._stamp()
        kept = self._kept.get(stamp) if stamp is not None else None
        if kept is None:
            kept = self.open()
            self._kept.clear()
            # Nothing was committed in between, or the next look says so.
            if stamp is not None and stamp[0] == kept.version():
                self._kept[stamp] = kept
        return kept

    def _stamp(self) -> tuple[int, int, int] | None:
        """Return the newest version in the log, and how large its entries are and how old."""
        folder = StoragePath(self.uri).path
        if folder is None:
            return None
        try:
            entries = [e for e in os.scandir(folder / "_delta_log") if _ENTRY.match(e.name)]
            version = max(int(entry.name[:20]) for entry in entries)
            told = [e.stat() for e in entries if int(e.name[:20]) == version]
        except (OSError, ValueError):
            return None
        return version, len(entries), max(about.st_mtime_ns for about in told)

    def dataset(self, opened: Any) -> Any:
        """Return the rows of an opened version as a pyarrow dataset."""
        return opened.to_pyarrow_dataset(filesystem=dataset_filesystem(StoragePath(self.uri)))

    def add_missing_columns(self, schema: pa.Schema) -> None:
        """Give the table the columns that an earlier version of vidsearch did not know, empty.

        Raises:
            CatalogConflictError: Other writers won for two minutes on end.
            CatalogWriteError: The table cannot be written.
        """

        def write() -> None:
            from deltalake import Field
            from deltalake import Schema as DeltaSchema

            table = self.open()
            missing = [field for field in schema if field.name not in table_schema(table).names]
            if missing:
                fields: list[Field] = DeltaSchema.from_arrow(pa.schema(missing)).fields
                table.alter.add_columns(fields)

        self._commit(write)

    def read(self) -> pa.Table:
        """Return all rows, as of now.

        Raises:
            CatalogError: The table is missing or damaged.
        """
        opened = self.newest()
        with self.reading():
            rows: pa.Table = self.dataset(opened).to_table()
            return rows

    def append(self, rows: pa.Table) -> None:
        """Add rows in one commit; appends of several processes never conflict.

        Raises:
            CatalogWriteError: They cannot be written; none of them is visible.
        """
        if not rows.num_rows:
            return
        self._need_space(rows.nbytes)

        def write() -> None:
            from deltalake import write_deltalake

            write_deltalake(
                self.uri,
                rows,
                mode="append",
                storage_options=self.options or None,
                writer_properties=_properties(rows.schema),
            )

        self._commit(write)

    def merge(self, rows: pa.Table, key: str, replace_where: str) -> None:
        """Add rows, or replace those of the same key where a condition holds, in one commit.

        Args:
            rows: With all the table's columns.
            key: Column that is unique in the table and in ``rows``.
            replace_where: SQL over ``new`` and ``old``.

        Raises:
            CatalogConflictError: Other writers won for two minutes on end.
            CatalogWriteError: The table cannot be written.
        """
        if not rows.num_rows:
            return
        self._need_space(rows.nbytes)

        def write() -> None:
            table = self.open()
            merger = table.merge(
                rows,
                predicate=f"old.{key} = new.{key}",
                source_alias="new",
                target_alias="old",
                writer_properties=_properties(rows.schema),
            )
            merger.when_matched_update_all(replace_where).when_not_matched_insert_all().execute()

        self._commit(write)

    def delete(self, predicate: str) -> int:
        """Delete the rows for which a SQL condition holds; return how many.

        Raises:
            CatalogConflictError: Other writers won for two minutes on end.
            CatalogWriteError: The table cannot be written.
        """
        counts: list[int] = []

        def write() -> None:
            table = self.open()
            answer = table.delete(predicate, writer_properties=_properties(table_schema(table)))
            counts.append(int(answer.get("num_deleted_rows") or 0))

        self._commit(write)
        return counts[-1]

    def update(self, predicate: str, values: dict[str, str]) -> None:
        """Set columns of the rows for which a SQL condition holds.

        Args:
            predicate: SQL.
            values: Column -> SQL expression.

        Raises:
            CatalogConflictError: Other writers won for two minutes on end.
            CatalogWriteError: The table cannot be written.
        """
        self._commit(lambda: self.open().update(updates=values, predicate=predicate))

    def compact(self, file_bytes: int) -> None:
        """Join small files up to this size; rows and their order within a file stay.

        Raises:
            CatalogConflictError: Another writer changed the files meanwhile.
            CatalogWriteError: The table cannot be written.
        """
        from deltalake.exceptions import CommitFailedError

        try:
            with self._writing():
                table = self.open()
                table.optimize.compact(
                    target_size=file_bytes,
                    max_concurrent_tasks=1,
                    writer_properties=_properties(table_schema(table)),
                )
        except CommitFailedError as error:
            raise CatalogConflictError(
                f"table {self.name!r} of the catalog {self.root.uri!r} changed while its files "
                f"were joined ({one_line(error)}); it will be done another time"
            ) from error

    def vacuum(self, keep_hours: int) -> None:
        """Remove files that no version newer than this refers to, remains of killed writers too.

        Raises:
            CatalogWriteError: The table cannot be written.
        """
        with self._writing():
            self.open().vacuum(
                retention_hours=keep_hours,
                dry_run=False,
                enforce_retention_duration=False,
                full=True,
            )

    def drop_history(self) -> None:
        """Remove old versions: the files of deleted rows, and the log entries that name them.

        Files that no version ever referred to stay: they may be a live writer's.

        Raises:
            CatalogConflictError: Other writers won for two minutes on end.
            CatalogWriteError: The table cannot be written.
        """

        def keep(log: str, files: str) -> None:
            names = ("delta.logRetentionDuration", "delta.deletedFileRetentionDuration")
            properties = dict(zip(names, (log, files), strict=True))
            self._commit(lambda: self.open().alter.set_table_properties(properties))

        with self._writing():
            self.open().vacuum(
                retention_hours=0, dry_run=False, enforce_retention_duration=False, full=False
            )
        keep("interval 0 seconds", "interval 0 seconds")
        try:
            with self._writing():
                table = self.open()
                table.create_checkpoint()
                time.sleep(0.05)  # entries must be older than no time at all
                table.cleanup_metadata()
        finally:
            keep("interval 30 days", "interval 7 days")

    def _commit(self, write: Callable[[], None]) -> None:
        from deltalake.exceptions import CommitFailedError

        give_up = time.monotonic() + RETRY_FOR_S
        wait_s = _FIRST_WAIT_S
        while True:
            try:
                with self._writing():
                    write()
            except CommitFailedError as error:
                if time.monotonic() >= give_up:
                    raise CatalogConflictError(
                        f"other writers of the catalog {self.root.uri!r} won for "
                        f"{RETRY_FOR_S:.0f} s ({one_line(error)}); repeat the command, with "
                        "fewer of them at a time"
                    ) from error
                _LOG.debug("commit to %s conflicts, retrying: %s", self.uri, one_line(error))
                time.sleep(wait_s * random.uniform(0.5, 1.5))  # noqa: S311 (spreads the writers)
                wait_s = min(2 * wait_s, _LONGEST_WAIT_S)
            else:
                return

    @contextmanager
    def _writing(self) -> Iterator[None]:
        from deltalake.exceptions import CommitFailedError, DeltaError

        try:
            yield
        except CommitFailedError:
            raise
        except (OSError, DeltaError, pa.ArrowException) as error:
            raise CatalogWriteError(
                f"catalog {self.root.uri!r} cannot be written ({one_line(error)}); free space "
                "or check that you may write there, then repeat the command"
            ) from error

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Turn the store's errors into ours while rows are read.

        Raises:
            CatalogError: The table is missing or damaged.
        """
        from deltalake.exceptions import DeltaError

        try:
            yield
        except (OSError, DeltaError, pa.ArrowException) as error:
            raise CatalogError(
                f"table {self.name!r} of the catalog {self.root.uri!r} cannot be read "
                f"({one_line(error)}); restore it from a copy, or index into a new folder"
            ) from error

    def _need_space(self, size: int) -> None:
        """Refuse before writing what will not fit: the store reports a full disk at great length.

        Raises:
            CatalogWriteError: The disk has less than the rows need.
        """
        path = self.root.path
        if path is None:
            return
        try:
            free = shutil.disk_usage(path).free
        except OSError as error:
            raise CatalogWriteError(
                f"catalog {self.root.uri!r} cannot be written ({one_line(error)}); "
                "check that the folder is still there, then repeat the command"
            ) from error
        if free < size + _FREE_MARGIN:
            raise CatalogWriteError(
                f"catalog {self.root.uri!r} cannot be written: the disk has "
                f"{free >> 10} KiB free and {(size + _FREE_MARGIN) >> 10} KiB are needed; "
                "free space, then repeat the command"
            )


def sql_text(value: str) -> str:
    """Return ``value`` as an SQL literal."""
    return "'" + value.replace("'", "''") + "'"


def table_schema(table: Any) -> pa.Schema:
    return pa.schema(table.schema().to_arrow())


def _skipping_columns(schema: pa.Schema) -> str:
    """Columns whose least and greatest values let a reader skip whole files."""
    return ",".join(name for name in ("run_id", "video_id", "uri") if name in schema.names)


def _properties(schema: pa.Schema) -> Any:
    """Return how to write a file: vectors and pictures as they are, everything else compressed."""
    from deltalake import ColumnProperties, WriterProperties

    plain = ColumnProperties(dictionary_enabled=False, statistics_enabled="NONE")
    columns = {
        f"{name}.list.element": plain
        for name in (*_VECTORS, "box_xyxy", "landmarks", "aligned_points")
        if name in schema.names
    }
    if "aligned_jpeg" in schema.names:
        columns["aligned_jpeg"] = plain
    return WriterProperties(
        compression="ZSTD",
        compression_level=1,
        # Small enough that a few tracks' pictures are read without their neighbours'.
        max_row_group_size=_PICTURES_TOGETHER if "aligned_jpeg" in schema.names else 100_000,
        column_properties=columns or None,
    )
