"""Consistent reads of ``videos``, ``tracks`` and ``faces``, limited to the rows that count."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from vidsearch.catalog.erasures.mask import Mask
from vidsearch.catalog.schema import VIDEOS, matrix, tracks_schema
from vidsearch.catalog.table_files import (
    ATTEMPT,
    completed,
    conjunction,
    row_groups_with,
    row_keys,
    statistics_filter,
    text_filter,
    with_key,
)
from vidsearch.catalog.tables import Table
from vidsearch.datatypes import Matrix

_TRIES = 5
_BATCH_ROWS = 16_384
_READERS = 4


@dataclass(frozen=True)
class Snapshot:
    """State of the tables ``videos``, ``tracks`` and ``faces`` at a moment.

    A row of ``tracks`` or ``faces`` counts if ``videos`` has the same ``video_id`` and ``run_id``.

    Attributes:
        tables: Tables by name.
        opened: Tables by name, opened at consistent versions.
        mask: Rows of erasures that were begun; no read returns them.
    """

    tables: Mapping[str, Table]
    opened: Mapping[str, Any]
    mask: Mask = field(default_factory=Mask)

    @staticmethod
    def take(tables: Mapping[str, Table]) -> Snapshot:
        """Open the tables at versions in which every video has its tracks and faces.

        ``videos`` is opened first: the rows that it refers to were written before it. If ``videos``
        changed meanwhile, these rows may have been replaced, so all tables are opened again.

        Raises:
            CatalogError: A table is missing or damaged.
        """
        videos = tables["videos"].newest()
        for _ in range(_TRIES):
            rest = {name: tables[name].newest() for name in ("tracks", "faces")}
            later = tables["videos"].newest()
            if later.version() == videos.version():
                break
            videos = later
        return Snapshot(tables, {"videos": videos, **rest})

    @property
    def versions(self) -> dict[str, int]:
        """Versions of ``videos`` and ``tracks``; with equal versions, the same tracks count."""
        return {name: int(self.opened[name].version()) for name in ("videos", "tracks")}

    @cached_property
    def _counted_keys(self) -> pa.Array:
        """Keys of the rows that count."""
        return row_keys(self.attempts)

    def videos(
        self, columns: Sequence[str] | None = None, video_ids: Collection[str] | None = None
    ) -> pa.Table:
        """Return rows of ``videos``, all or the selected rows.

        Columns that a table of an earlier version of vidsearch lacks are null.

        Raises:
            CatalogError: The table is missing or damaged.
        """
        selected = text_filter("video_id", video_ids)
        existing = self._dataset("videos").schema.names
        names = list(columns) if columns is not None else existing
        present = [name for name in dict.fromkeys((*names, "video_id")) if name in existing]
        rows = self.mask.visible(self._read("videos", present, selected))
        return completed(rows, VIDEOS, names)

    def tracks(
        self,
        columns: Sequence[str] | None = None,
        track_ids: Collection[str] | None = None,
        video_ids: Collection[str] | None = None,
    ) -> pa.Table:
        """Return rows of ``tracks``, all or the selected rows.

        Columns that a table of an earlier version of vidsearch lacks are null.

        Raises:
            CatalogError: The table is missing or damaged.
        """
        selected = conjunction(
            text_filter("track_id", track_ids), text_filter("video_id", video_ids)
        )
        if columns is None:
            return self._read_counting("tracks", None, selected)
        existing = self._dataset("tracks").schema.names
        present = [name for name in columns if name in existing]
        rows = self._read_counting("tracks", present, selected)
        return completed(rows, tracks_schema(1), columns)

    def faces(
        self,
        columns: Sequence[str] | None = None,
        track_ids: Collection[str] | None = None,
        video_ids: Collection[str] | None = None,
    ) -> pa.Table:
        """Return rows of ``faces``, all or the selected rows.

        With ``track_ids``, the images of other tracks are not read.

        Raises:
            CatalogError: The table is missing or damaged.
        """
        if track_ids is None:
            return self._read_counting("faces", columns, text_filter("video_id", video_ids))
        keys = self.tracks(columns=list(ATTEMPT), track_ids=track_ids, video_ids=video_ids)
        attempts = set(keys["run_id"].to_pylist())
        return self._only_counting(
            self._rows_of_attempts("faces", columns, attempts, "track_id", track_ids), columns
        )

    def best_faces(self, track_ids: Collection[str]) -> dict[str, bytes]:
        """Return the JPEG of each track's best aligned face, by track id."""
        if not track_ids:
            return {}
        rows = self.faces(["track_id", "position", "aligned_jpeg"], track_ids=track_ids)
        return {
            row["track_id"]: row["aligned_jpeg"] for row in rows.to_pylist() if row["position"] == 0
        }

    @property
    def attempts(self) -> pa.Table:
        """``video_id`` and ``run_id`` of every video; the rows of such a pair never change."""
        return self.videos(columns=list(ATTEMPT))

    def added_templates(self, dim: int, attempts: pa.Table) -> tuple[pa.Table, Matrix]:
        """Return ``track_id`` and ``video_id`` of the tracks of attempts, and their templates.

        Files and row groups of other attempts are skipped: the time depends on the number of
        tracks returned, not on the size of the table.

        Args:
            dim: Length of a template.
            attempts: Columns ``video_id`` and ``run_id`` of attempts that count.

        Returns:
            N rows, and (N, dim) float32 in the same order.

        Raises:
            CatalogError: A template has another length, or the table cannot be read.
        """
        rows = self._added(["track_id", "template"], attempts)
        return rows.select(["track_id", "video_id"]), matrix(rows["template"], dim)

    def count_added(self, attempts: pa.Table) -> int:
        """Return the number of tracks of attempts."""
        return int(self._added(["track_id"], attempts).num_rows)

    def _added(self, columns: Sequence[str], attempts: pa.Table) -> pa.Table:
        runs, ids = (set(attempts[name].to_pylist()) for name in ("run_id", "video_id"))
        rows = self._rows_of_attempts("tracks", columns, runs, "video_id", ids)
        rows = rows.filter(pc.is_in(row_keys(rows), value_set=row_keys(attempts)))
        return self.mask.visible(rows)

    def _rows_of_attempts(
        self,
        name: str,
        columns: Sequence[str] | None,
        attempts: set[str],
        key: str,
        values: Collection[str],
    ) -> pa.Table:
        """Return the rows of these attempts whose ``key`` is one of the values.

        The rows of an attempt lie together, so statistics of ``run_id`` skip files and row groups.
        Ids are hashes without useful statistics: a first read of the key column alone finds the row
        groups that are then read in full.
        """
        selected = conjunction(text_filter("run_id", attempts), text_filter(key, values))
        dataset = self._dataset(name)
        names = self._keyed(columns, dataset.schema)
        ids = pa.array(sorted(values), pa.string())
        if not attempts:
            return dataset.schema.empty_table().select(names)

        def read_fragment(fragment: Any) -> list[pa.Table]:
            # A fragment without the statistics of the log (see text_filter).
            bare = dataset.format.make_fragment(fragment.path, dataset.filesystem)
            groups = bare.split_by_row_group(
                statistics_filter(bare, "run_id", attempts), schema=dataset.schema
            )
            if not groups:
                return []
            with dataset.filesystem.open_input_file(fragment.path) as source:
                file = pq.ParquetFile(source, metadata=bare.metadata)
                found = row_groups_with(file, groups, key, ids)
            return [
                group.to_table(columns=names, filter=selected, schema=dataset.schema)
                for group in found
            ]

        # Most of the time is spent in I/O and decompression, both without the GIL.
        with self._reading(name), ThreadPoolExecutor(_READERS) as readers:
            parts = [
                rows
                for tables in readers.map(read_fragment, dataset.get_fragments())
                for rows in tables
            ]
        return pa.concat_tables([dataset.schema.empty_table().select(names), *parts])

    def templates(
        self,
        dim: int,
        track_ids: Collection[str] | None = None,
        allocate: Callable[[tuple[int, int]], Matrix] | None = None,
    ) -> tuple[pa.Table, Matrix]:
        """Return ``track_id`` and ``video_id``, sorted by ``track_id``, and the templates.

        The table is read twice, in pieces: first the keys, then the templates.

        Args:
            dim: Length of a template.
            track_ids: Ids of the tracks; None: all.
            allocate: Returns an (N, dim) float32 array, such as a mapped file; None: in memory.

        Returns:
            N rows, and (N, dim) float32 in the same order.

        Raises:
            CatalogError: A template has another length, or the table cannot be read.
        """
        keys = [
            rows.select(["track_id", "video_id"])
            for rows in self._track_pieces(["track_id", *ATTEMPT], track_ids)
        ]
        schema = pa.schema([("track_id", pa.string()), ("video_id", pa.string())])
        found = pa.concat_tables([schema.empty_table(), *keys]).combine_chunks()
        order = pc.sort_indices(found["track_id"]).to_numpy()
        position = np.empty_like(order)
        position[order] = np.arange(len(order), dtype=order.dtype)
        shape = (len(order), dim)
        vectors = allocate(shape) if allocate is not None else np.empty(shape, np.float32)
        start = 0
        for rows in self._track_pieces([*ATTEMPT, "template"], track_ids):
            vectors[position[start : start + rows.num_rows]] = matrix(rows["template"], dim)
            start += rows.num_rows
        return found.take(pa.array(order)), vectors

    def face_pieces(self) -> Iterator[Callable[[Sequence[str]], pa.Table]]:
        """Yield a reader for every small piece of ``faces``, in the stored order.

        A reader takes names of columns and returns the rows of its piece that count. All pieces
        together hold every kept face once. A column that the table lacks is left out.

        Raises:
            CatalogError: The table is missing or damaged.
        """
        dataset = self._dataset("faces")
        with self._reading("faces"):
            for fragment in dataset.get_fragments():
                bare = dataset.format.make_fragment(fragment.path, dataset.filesystem)
                for group in bare.split_by_row_group():
                    yield partial(self._read_group, group, dataset.schema)

    def _read_group(self, group: Any, schema: pa.Schema, columns: Sequence[str]) -> pa.Table:
        existing = [name for name in columns if name in schema.names]
        with self._reading("faces"):
            rows = group.to_table(columns=self._keyed(existing, schema), schema=schema)
        return self._only_counting(rows, existing)

    def track_pieces(self) -> Iterator[pa.Table]:
        """Yield the rows of ``tracks`` that count, with all columns, in pieces.

        Raises:
            CatalogError: The table is missing or damaged.
        """
        return self._track_pieces(self._dataset("tracks").schema.names, None)

    def _track_pieces(
        self, names: Sequence[str], track_ids: Collection[str] | None
    ) -> Iterator[pa.Table]:
        """Yield the rows of ``tracks`` that count, in pieces and always in the same order."""
        dataset = self._dataset("tracks")
        with self._reading("tracks"):
            scanner = dataset.scanner(
                columns=self._keyed(names, dataset.schema),
                filter=text_filter("track_id", track_ids),
                batch_size=_BATCH_ROWS,
                batch_readahead=1,
                fragment_readahead=1,
                use_threads=False,
            )
            for batch in scanner.to_batches():
                yield self._only_counting(pa.Table.from_batches([batch]), None)

    def uncounted(self, name: str) -> pa.Table:
        """Return the keys of the rows of a table that do not count: dead or not yet committed."""
        keys = self._read(name, list(ATTEMPT), None)
        counts = pc.is_in(row_keys(keys), value_set=self._counted_keys)
        return keys.filter(pc.invert(counts))

    def _reading(self, name: str) -> AbstractContextManager[None]:
        return self.tables[name].reading(self.opened[name])

    def _dataset(self, name: str) -> Any:
        with self._reading(name):
            return self.tables[name].dataset(self.opened[name])

    def _read(self, name: str, columns: list[str], selected: Any) -> pa.Table:
        dataset = self._dataset(name)
        with self._reading(name):
            return dataset.to_table(columns=columns, filter=selected)

    def _read_counting(self, name: str, columns: Sequence[str] | None, selected: Any) -> pa.Table:
        rows = self._read(name, self._keyed(columns, self._dataset(name).schema), selected)
        return self._only_counting(rows, columns)

    def _keyed(self, columns: Sequence[str] | None, schema: pa.Schema) -> list[str]:
        """Return the columns with those that tell whether a row counts."""
        names = with_key(columns, schema)
        return [*names, "track_id"] if self.mask.tracks and "track_id" not in names else names

    def _only_counting(self, rows: pa.Table, columns: Sequence[str] | None) -> pa.Table:
        rows = self.mask.visible(rows)
        counts = pc.is_in(row_keys(rows), value_set=self._counted_keys)
        if not pc.all(counts, min_count=0).as_py():
            rows = rows.filter(counts)
        return rows if columns is None else rows.select(list(columns))
