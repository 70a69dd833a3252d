"""A Delta table: open, read, append, merge, update, delete, compact.

Never fork a process that has used this module: the table store's runtime does not survive a fork.
Start workers with the ``spawn`` method.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pyarrow as pa

from vidsearch.catalog.commits import (
    commit,
    commit_change,
    drive_options,
    exclusive,
    is_superseded,
    read_again,
    read_errors,
    require_space,
    write_errors,
)
from vidsearch.catalog.table_files import (
    completed,
    list_checksums,
    log_state,
    skipping_columns,
    table_schema,
    writer_properties,
)
from vidsearch.errors import CatalogConflictError, CatalogWriteError
from vidsearch.storage.object_store import dataset_filesystem
from vidsearch.storage.path import StoragePath
from vidsearch.text.printable import one_line


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a catalog.

    Attributes:
        root: Folder of the catalog.
        name: Name of the table and of its folder.
        options: Credentials and endpoint of an object store.
        folder: Folder in the catalog that holds the table's folder; empty: the catalog itself.
    """

    root: StoragePath
    name: str
    options: dict[str, str] = field(default_factory=dict)
    folder: str = ""
    _opened: dict[object, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __reduce__(self) -> tuple[Any, ...]:
        # The cache of the open table is not pickled.
        return Table, (self.root, self.name, self.options, self.folder)

    @property
    def uri(self) -> str:
        """Path or URI of the table's folder."""
        parent = self.root.child(self.folder) if self.folder else self.root
        return parent.child(self.name).uri

    def create(self, schema: pa.Schema) -> None:
        """Create the table unless it exists.

        Raises:
            CatalogWriteError: The table cannot be written.
        """
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError

        try:
            with write_errors(self.root), exclusive(self.root):
                DeltaTable.create(
                    self.uri,
                    schema,
                    mode="ignore",
                    storage_options=self._write_options(),
                    configuration={"delta.dataSkippingStatsColumns": skipping_columns(schema)},
                )
        except CatalogWriteError:
            # Another process may have created the table between the check and the commit.
            try:
                exists = DeltaTable.is_deltatable(self.uri, self.options or None)
            except (DeltaError, OSError):
                exists = False
            if not exists:
                raise

    def open(self, version: int | None = None) -> Any:
        """Return the ``DeltaTable`` at its newest version or at the given one.

        Raises:
            CatalogError: The table is missing or damaged.
        """
        return self._opened_at(version, self.options or None)

    @read_again
    def _opened_at(self, version: int | None, options: dict[str, str] | None) -> Any:
        from deltalake import DeltaTable

        before = log_state(self.uri)  # an erasure removes entries of the log
        with read_errors(self.root, StoragePath(self.uri), lambda: log_state(self.uri) != before):
            return DeltaTable(self.uri, version=version, storage_options=options)

    def _open_to_write(self) -> Any:
        """Return the ``DeltaTable`` at its newest version, able to commit on this drive."""
        return self._opened_at(None, self._write_options())

    def _write_options(self) -> dict[str, str] | None:
        return {**self.options, **drive_options(self.root)} or None

    def newest(self) -> Any:
        """Return the ``DeltaTable`` at its newest version, for reading only.

        The object is shared and is opened again only after a commit. On a disk, listing the log's
        folder takes a tenth of the time of opening the table.

        Raises:
            CatalogError: The table is missing or damaged.
        """
        state = log_state(self.uri)
        opened = self._opened.get(state) if state is not None else None
        if opened is None:
            opened = self.open()
            self._opened.clear()
            # A commit after ``log_state`` gives another version, which is not cached.
            if state is not None and state[0] == opened.version():
                self._opened[state] = opened
        return opened

    def dataset(self, opened: Any) -> Any:
        """Return the rows of an opened version as a pyarrow dataset."""
        return opened.to_pyarrow_dataset(filesystem=dataset_filesystem(StoragePath(self.uri)))

    def add_missing_columns(self, schema: pa.Schema) -> None:
        """Add the columns that a table of an earlier version of vidsearch lacks, without values.

        Raises:
            CatalogConflictError: Other writers committed first for two minutes.
            CatalogWriteError: The table cannot be written.
        """

        def write() -> None:
            from deltalake import Field
            from deltalake import Schema as DeltaSchema

            table = self._open_to_write()
            missing = [field for field in schema if field.name not in table_schema(table).names]
            if missing:
                fields: list[Field] = DeltaSchema.from_arrow(pa.schema(missing)).fields
                table.alter.add_columns(fields)

        commit(self, write)

    @read_again
    def read(self, columns: list[str] | None = None, selected: Any = None) -> pa.Table:
        """Return rows of the newest version: all, or those that a pyarrow filter selects.

        Raises:
            CatalogError: The table is missing or damaged.
        """
        opened = self.newest()
        with self.reading(opened):
            rows: pa.Table = self.dataset(opened).to_table(columns=columns, filter=selected)
            return rows

    def append(self, rows: pa.Table) -> None:
        """Add rows in one commit; appends of several processes never conflict.

        Missing columns are filled with null: tables of earlier versions have more columns.

        Args:
            rows: Rows with columns of the table.

        Raises:
            CatalogWriteError: The rows cannot be written; none of them is visible.
        """
        if not rows.num_rows:
            return
        require_space(self.root, rows.nbytes)

        def write() -> None:
            from deltalake import write_deltalake

            table = self._open_to_write()
            write_deltalake(
                table,
                completed(rows, table_schema(table)),
                mode="append",
                writer_properties=writer_properties(rows.schema),
            )

        commit(self, write)

    def merge(self, rows: pa.Table, key: str, replace_where: str) -> None:
        """Add rows, or replace rows with the same key where a condition holds, in one commit.

        Args:
            rows: Rows with all columns of the table.
            key: Column that is unique in the table and in ``rows``.
            replace_where: SQL condition on ``new`` and ``old``.

        Raises:
            CatalogConflictError: Other writers committed first for two minutes.
            CatalogWriteError: The table cannot be written.
        """
        if not rows.num_rows:
            return
        require_space(self.root, rows.nbytes)

        def change(table: Any) -> None:
            merger = table.merge(
                rows,
                predicate=f"old.{key} = new.{key}",
                source_alias="new",
                target_alias="old",
                writer_properties=writer_properties(rows.schema),
            )
            merger.when_matched_update_all(replace_where).when_not_matched_insert_all().execute()

        commit_change(self, self._open_to_write, change)

    def delete(self, predicate: str) -> int:
        """Delete the rows for which a SQL condition holds; return their number.

        Raises:
            CatalogConflictError: Other writers committed first for two minutes.
            CatalogWriteError: The table cannot be written.
        """
        counts: list[int] = []

        def change(table: Any) -> None:
            properties = writer_properties(table_schema(table))
            metrics = table.delete(predicate, writer_properties=properties)
            counts.append(int(metrics.get("num_deleted_rows") or 0))

        commit_change(self, self._open_to_write, change)
        return counts[-1]

    def update(self, predicate: str, values: dict[str, str]) -> None:
        """Set columns of the rows for which a SQL condition holds.

        Args:
            predicate: SQL condition.
            values: SQL expression by column.

        Raises:
            CatalogConflictError: Other writers committed first for two minutes.
            CatalogWriteError: The table cannot be written.
        """

        def change(table: Any) -> None:
            table.update(updates=values, predicate=predicate)

        commit_change(self, self._open_to_write, change)

    def compact(self, file_bytes: int) -> None:
        """Join small files up to this size; rows and their order within a file stay.

        Raises:
            CatalogConflictError: Another writer changed the files meanwhile.
            CatalogWriteError: The table cannot be written.
        """
        from deltalake.exceptions import CommitFailedError

        try:
            with write_errors(self.root), exclusive(self.root):
                table = self._open_to_write()
                table.optimize.compact(
                    target_size=file_bytes,
                    max_concurrent_tasks=1,
                    writer_properties=writer_properties(table_schema(table)),
                )
                list_checksums(self)
        except CommitFailedError as error:
            raise CatalogConflictError(
                f"table {self.name!r} of the catalog {self.root.uri!r} changed while its files "
                f"were joined ({one_line(error)}); repeat the compaction later"
            ) from error

    def vacuum(self, keep_hours: int) -> None:
        """Remove files that no recent version refers to, including files of killed writers.

        Args:
            keep_hours: Age in hours of the oldest version that stays readable.

        Raises:
            CatalogWriteError: The table cannot be written.
        """
        with write_errors(self.root), exclusive(self.root):
            self._open_to_write().vacuum(
                retention_hours=keep_hours,
                dry_run=False,
                enforce_retention_duration=False,
                full=True,
            )

    def drop_history(self) -> None:
        """Remove old versions: the files of deleted rows, and the log entries of these files.

        Files that no version refers to stay: a running writer may be about to commit them.

        Raises:
            CatalogConflictError: Other writers committed first for two minutes.
            CatalogWriteError: The table cannot be written.
        """
        with write_errors(self.root), exclusive(self.root):
            self._open_to_write().vacuum(
                retention_hours=0, dry_run=False, enforce_retention_duration=False, full=False
            )
        self._set_retention(log="interval 0 seconds", files="interval 0 seconds")
        try:
            with write_errors(self.root), exclusive(self.root):
                table = self._open_to_write()
                table.create_checkpoint()
                time.sleep(0.05)  # an entry is removed if it is older than 0 seconds
                table.cleanup_metadata()
        finally:
            self._set_retention(log="interval 30 days", files="interval 7 days")

    def _set_retention(self, *, log: str, files: str) -> None:
        values = {"delta.logRetentionDuration": log, "delta.deletedFileRetentionDuration": files}

        def write() -> None:
            self._open_to_write().alter.set_table_properties(values)

        commit(self, write)

    @contextmanager
    def reading(self, opened: Any) -> Iterator[None]:
        """Turn the table store's errors into vidsearch errors while rows of a version are read.

        Raises:
            CatalogChangedError: A newer version exists, and files of this one may be removed.
            CatalogError: The table is missing or damaged.
        """
        changed = partial(is_superseded, opened, self.open)
        with read_errors(self.root, StoragePath(self.uri), changed):
            yield
