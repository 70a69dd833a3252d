"""One catalog: creating, opening and reading its tables."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from importlib import import_module
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from vidsearch.catalog import maintenance
from vidsearch.catalog.meta import META_NAME, CatalogMeta, new_meta, read_meta
from vidsearch.catalog.records import KnownFile, usable_uri
from vidsearch.catalog.schema import VECTOR_TABLES, table_schemas
from vidsearch.catalog.snapshot import Snapshot
from vidsearch.catalog.status import CatalogStatus, VideoProblem
from vidsearch.catalog.tables import Table
from vidsearch.errors import (
    CatalogError,
    CatalogModelError,
    CatalogNotFoundError,
    CatalogWriteError,
    ConfigError,
)
from vidsearch.storage.object_store import table_options
from vidsearch.storage.path import StoragePath
from vidsearch.text.printable import one_line


class Catalog:
    """An archive's tables, bound to one model pack.

    Opening reads one small file; a table is read when it is asked for. Any number of processes may
    read while others write: a reader sees whole batches or nothing of them.

    Example:
        >>> catalog = Catalog.open("my-archive")  # doctest: +SKIP
        >>> catalog.status().tracks  # doctest: +SKIP
        1704
    """

    def __init__(
        self,
        place: StoragePath,
        meta: CatalogMeta,
        storage_options: Mapping[str, str] | None = None,
    ) -> None:
        self.place = place
        self.meta = meta
        self._options = _options(place, storage_options)
        self._tables = {
            name: Table(place, name, self._options, meta.vectors if name in VECTOR_TABLES else "")
            for name in table_schemas(meta.dim)
        }

    @classmethod
    def open(
        cls, uri: str | os.PathLike[str], *, storage_options: Mapping[str, str] | None = None
    ) -> Catalog:
        """Open an existing catalog.

        Args:
            uri: Folder, or URI of an object store.
            storage_options: For the object store's tables, beside AWS's own settings.

        Raises:
            CatalogNotFoundError: There is none.
            CatalogVersionError: A newer format wrote it.
            CatalogError: It is damaged.
            ConfigError: The path has a character that tables cannot be kept under.
        """
        place = StoragePath.of(uri)
        return cls(place, read_meta(place), storage_options)

    @classmethod
    def create(
        cls,
        uri: str | os.PathLike[str],
        *,
        pack: str,
        model_id: str,
        dim: int,
        storage_options: Mapping[str, str] | None = None,
    ) -> Catalog:
        """Make a new catalog in a new or an empty folder.

        Safe when several processes do it at once: the first decides what the catalog is bound to.

        Args:
            uri: Folder, or URI of an object store.
            pack: Name or folder of the model pack, kept so that a search finds it again.
            model_id: The space of the pack's vectors.
            dim: Their length.
            storage_options: For the object store's tables, beside AWS's own settings.

        Raises:
            CatalogModelError: There is a catalog of another model already.
            CatalogWriteError: It cannot be written.
            ConfigError: The folder holds other files, an argument is out of range, or the path has
                a character that tables cannot be kept under.
        """
        place = StoragePath.of(uri)
        meta = new_meta(pack, model_id, dim)
        try:
            if not place.child(META_NAME).exists():
                _make(place, meta, _options(place, storage_options))
        except OSError as error:
            raise CatalogWriteError(
                f"catalog {place.uri!r} cannot be made ({one_line(error)}); "
                "name a folder that you may write to"
            ) from error
        made = cls(place, read_meta(place), storage_options)
        made.require_model(model_id)
        return made

    @classmethod
    def open_or_create(
        cls,
        uri: str | os.PathLike[str],
        *,
        pack: str,
        model_id: str,
        dim: int,
        storage_options: Mapping[str, str] | None = None,
    ) -> Catalog:
        """Open the catalog, making it first where there is none; what ``index`` starts with.

        Raises:
            CatalogError: As for ``open`` and ``create``.
            ConfigError: As for ``create``.
        """
        try:
            found = cls.open(uri, storage_options=storage_options)
        except CatalogNotFoundError:
            return cls.create(
                uri, pack=pack, model_id=model_id, dim=dim, storage_options=storage_options
            )
        found.require_model(model_id)
        return found

    def __repr__(self) -> str:
        return f"Catalog({self.uri!r}, pack={self.pack!r}, model_id={self.model_id!r})"

    @property
    def uri(self) -> str:
        return self.place.uri

    @property
    def pack(self) -> str:
        return self.meta.pack

    @property
    def model_id(self) -> str:
        return self.meta.model_id

    @property
    def dim(self) -> int:
        return self.meta.dim

    @property
    def vectors(self) -> StoragePath:
        """The folder that holds the tables of vectors, and the index made of them."""
        return self.place.child(self.meta.vectors) if self.meta.vectors else self.place

    @property
    def storage_options(self) -> dict[str, str]:
        """For the object store's tables."""
        return dict(self._options)

    @property
    def table_names(self) -> tuple[str, ...]:
        return tuple(self._tables)

    def table(self, name: str) -> Table:
        return self._tables[name]

    def require_model(self, model_id: str) -> None:
        """Raise unless the catalog's vectors are of this model.

        Raises:
            CatalogModelError: Naming both models and the remedy.
        """
        if model_id != self.model_id:
            raise CatalogModelError(self.other_model(model_id))

    def other_model(self, model_id: str) -> str:
        """Return the one line that is said where another model meets this catalog."""
        return (
            f"catalog {self.uri!r} holds vectors of model {self.model_id!r}, not of {model_id!r}; "
            f"pass --model {self.pack}, or index into a new catalog, or give this one the other "
            f"model: vidsearch reembed {self.uri} --model PACK"
        )

    def require_in_use(self) -> None:
        """Raise if another model's vectors were put in use since the catalog was opened.

        Raises:
            CatalogModelError: They were; the old tables are gone.
            CatalogError: There is no catalog any more, or it is damaged.
        """
        now = read_meta(self.place)
        if now.vectors != self.meta.vectors:
            raise CatalogModelError(
                f"catalog {self.uri!r} was re-embedded with pack {now.pack!r} meanwhile; "
                "repeat the command"
            )

    def snapshot(self) -> Snapshot:
        """Return the tables as of now, for several reads that must fit together.

        Raises:
            CatalogModelError: Another model's vectors were put in use since it was opened.
            CatalogError: A table is missing or damaged.
        """
        try:
            return Snapshot.take(self._tables)
        except CatalogError:
            self.require_in_use()
            raise

    def videos(
        self, columns: Sequence[str] | None = None, video_ids: Collection[str] | None = None
    ) -> pa.Table:
        """Return the videos, one row each (columns: ``schema.VIDEOS``).

        Raises:
            CatalogError: The table is missing or damaged.
        """
        return self.snapshot().videos(columns, video_ids)

    def tracks(
        self,
        columns: Sequence[str] | None = None,
        track_ids: Collection[str] | None = None,
        video_ids: Collection[str] | None = None,
    ) -> pa.Table:
        """Return the tracks, all or the named ones (columns: ``schema.tracks_schema``).

        Raises:
            CatalogError: The table is missing or damaged.
        """
        return self.snapshot().tracks(columns, track_ids, video_ids)

    def faces(
        self,
        columns: Sequence[str] | None = None,
        track_ids: Collection[str] | None = None,
        video_ids: Collection[str] | None = None,
    ) -> pa.Table:
        """Return the kept faces (columns: ``schema.faces_schema``; ``position`` 0 is the best).

        Raises:
            CatalogError: The table is missing or damaged.
        """
        return self.snapshot().faces(columns, track_ids, video_ids)

    def people(self) -> pa.Table:
        """Return the named persons.

        Raises:
            CatalogError: The table is missing or damaged.
        """
        return self._all("people")

    def known_files(self) -> dict[str, KnownFile]:
        """Return every place where a content of this catalog was seen, by path or URI.

        A file whose size and time of change are as here need not be hashed. Places of contents
        that the catalog does not hold (any more) are left out.

        Raises:
            CatalogError: A table is missing or damaged.
        """
        status = self.video_statuses()
        files: dict[str, KnownFile] = {}
        for row in self._all("files").to_pylist():
            if row["video_id"] in status:
                uri = usable_uri(row["uri"])
                outcome = status[row["video_id"]]
                files[uri] = KnownFile(uri, row["size"], row["mtime_ns"], row["video_id"], outcome)
        return files

    def video_statuses(self) -> dict[str, Any]:
        """Return video_id -> status of every video: what a new hash is looked up in.

        Raises:
            CatalogError: A table is missing or damaged.
        """
        rows = self.videos(columns=["video_id", "status"])
        return dict(zip(rows["video_id"].to_pylist(), rows["status"].to_pylist(), strict=True))

    def places(self, video_ids: Collection[str]) -> dict[str, list[str]]:
        """Return where each of these contents was seen, the latest place first.

        A video that was moved after indexing is found at its first place here, not at the ``uri``
        of ``videos``, which stays what it was when it was indexed.

        Raises:
            CatalogError: A table is missing or damaged.
        """
        found: dict[str, list[str]] = {video_id: [] for video_id in video_ids}
        rows = self._all("files")
        rows = rows.filter(pc.is_in(rows["video_id"], value_set=pa.array(list(found), pa.string())))
        for row in rows.sort_by([("seen_at", "descending"), ("uri", "ascending")]).to_pylist():
            found[row["video_id"]].append(usable_uri(row["uri"]))
        return found

    def status(self) -> CatalogStatus:
        """Return what is in the catalog, what failed and why, and how the index stands.

        Raises:
            CatalogError: A table is missing or damaged.
        """
        from vidsearch.search.track_index import index_status

        snapshot = self.snapshot()
        rows = snapshot.videos().sort_by("uri").to_pylist()
        counts = Counter(row["status"] for row in rows)
        readable = [row for row in rows if row["status"] != "failed"]
        return CatalogStatus(
            uri=self.uri,
            pack=self.pack,
            model_id=self.model_id,
            created=self.meta.created,
            videos={name: counts[name] for name in ("indexed", "partial", "failed")},
            tracks=sum(row["tracks"] or 0 for row in rows),
            faces=sum(row["faces_seen"] or 0 for row in rows),
            faces_too_poor=sum(row.get("faces_too_poor") or 0 for row in rows),
            people=self._all("people").num_rows,
            duration_s=_read_s(readable),
            share_read=_share_read(readable),
            index=index_status(self, snapshot),
            failures=_problems(rows, "failed"),
            partly_read=_problems(rows, "partial"),
        )

    def repair(self, stale_after_s: float = maintenance.STALE_AFTER_S) -> maintenance.RepairReport:
        """Remove what killed runs left; what ``index`` starts with. See ``maintenance.repair``.

        Raises:
            CatalogConflictError: Other writers won too often.
            CatalogWriteError: The catalog cannot be written.
        """
        return maintenance.repair(self, stale_after_s)

    def retire_replaced(self) -> int:
        """Remove videos whose file holds other content now. See ``maintenance.retire_replaced``.

        Raises:
            CatalogConflictError: Other writers won too often.
            CatalogWriteError: The catalog cannot be written.
        """
        return maintenance.retire_replaced(self)

    def maintain(self) -> None:
        """Join small files and drop old ones; see ``maintenance.maintain``.

        Raises:
            CatalogWriteError: The catalog cannot be written.
        """
        maintenance.maintain(self)

    def search(self, photos: Sequence[str | os.PathLike[str]], **options: Any) -> Any:
        """Find the tracks of the person in these photos: ``vidsearch.search.search.search``."""
        return import_module("vidsearch.search.search").search(self, photos, **options)

    def _all(self, name: str) -> pa.Table:
        return self.table(name).read()


def _options(place: StoragePath, given: Mapping[str, str] | None) -> dict[str, str]:
    return {**table_options(place), **(given if given is not None else {})}


def _make(place: StoragePath, meta: CatalogMeta, options: dict[str, str]) -> None:
    schemas = table_schemas(meta.dim)
    strangers = [
        name for name in place.names() if name not in schemas and not name.endswith(".part")
    ]
    # A catalog that was killed while it was made has its tables only, and may be made again.
    if strangers and META_NAME not in strangers:
        raise ConfigError(
            f"{place.uri!r} is not a catalog and holds other files ({strangers[0]!r}, ...); "
            "name a new or an empty folder for the catalog"
        )
    if place.path is not None:
        place.path.mkdir(parents=True, exist_ok=True)
    for name, schema in schemas.items():
        Table(place, name, options).create(schema)
    place.child(META_NAME).write_once(meta.to_bytes())


def _read_s(rows: Sequence[Mapping[str, Any]]) -> float:
    """Seconds of the videos that were read; one that says nothing of it was read whole."""
    pairs = ((row.get("read_s"), row["duration_s"]) for row in rows)
    return sum((length if read is None else read) or 0.0 for read, length in pairs)


def _share_read(rows: Sequence[Mapping[str, Any]]) -> float:
    promised = sum(row["duration_s"] or 0.0 for row in rows)
    return _read_s(rows) / promised if promised else 1.0


def _problems(rows: Sequence[Mapping[str, Any]], status: str) -> tuple[VideoProblem, ...]:
    return tuple(
        VideoProblem(
            usable_uri(row["uri"]),
            row["failure_stage"],
            row["failure_error"],
            row["failure"] if row["failure"] is not None else status,
        )
        for row in rows
        if row["status"] == status
    )
