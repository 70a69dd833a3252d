"""A catalog: creating, opening and reading the tables of an archive."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from vidsearch.catalog.commits import read_again, require_writable
from vidsearch.catalog.erasures.mask import mask_of, with_mask
from vidsearch.catalog.meta import META_NAME, CatalogMeta, new_meta, read_meta
from vidsearch.catalog.records import KnownFile, VideoStatus
from vidsearch.catalog.schema import VECTOR_TABLES, table_schemas
from vidsearch.catalog.snapshot import Snapshot
from vidsearch.catalog.sources.accounts import read_scopes
from vidsearch.catalog.status import CatalogStatus, summarise
from vidsearch.catalog.tables import Table
from vidsearch.errors import CatalogError, CatalogModelError, CatalogWriteError, ConfigError
from vidsearch.storage.drive import LOCK_NAME
from vidsearch.storage.object_store import table_options
from vidsearch.storage.path import StoragePath
from vidsearch.text.names import native_name
from vidsearch.text.printable import one_line, quoted


class Catalog:
    """Tables of an archive, bound to one model pack.

    Opening reads ``catalog.json`` only; a table is read on request. Any number of processes may
    read while others write: a reader sees a batch of videos completely or not at all.

    Attributes:
        root: Folder of the catalog.
        meta: Content of ``catalog.json``.

    Example:
        >>> catalog = Catalog.open("my-archive")  # doctest: +SKIP
        >>> catalog.status().tracks  # doctest: +SKIP
        1704
    """

    def __init__(
        self,
        root: StoragePath,
        meta: CatalogMeta,
        storage_options: Mapping[str, str] | None = None,
    ) -> None:
        self.root = root
        self.meta = meta
        self._options = _options(root, storage_options)
        self._tables = {
            name: Table(root, name, self._options, meta.vectors if name in VECTOR_TABLES else "")
            for name in table_schemas(meta.dim)
        }

    @classmethod
    def open(
        cls, uri: str | os.PathLike[str], *, storage_options: Mapping[str, str] | None = None
    ) -> Catalog:
        """Open an existing catalog.

        Args:
            uri: Folder, or URI of an object store.
            storage_options: Options of the table store, in addition to AWS's own settings.

        Raises:
            CatalogNotFoundError: The folder holds no catalog.
            CatalogVersionError: A newer version of vidsearch wrote the catalog.
            CatalogError: The catalog is damaged.
            ConfigError: The path has a character that the table store cannot handle.
        """
        root = StoragePath.of(uri)
        return cls(root, read_meta(root), storage_options)

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
        """Create a catalog in a new or an empty folder.

        Safe to call concurrently; the first caller fixes the model.

        Args:
            uri: Folder, or URI of an object store.
            pack: Name or folder of the model pack; a search loads the pack from it.
            model_id: Model of the pack's vectors.
            dim: Length of the vectors.
            storage_options: Options of the table store, in addition to AWS's own settings.

        Raises:
            CatalogModelError: The folder holds a catalog of another model.
            CatalogWriteError: The folder cannot be written.
            ConfigError: The folder holds other files, an argument is out of range, or the path has
                a character that the table store cannot handle.
        """
        root = StoragePath.of(uri)
        meta = new_meta(pack, model_id, dim)
        try:
            if not root.child(META_NAME).exists():
                _create_tables(root, meta, _options(root, storage_options))
        except OSError as error:
            raise CatalogWriteError(
                f"catalog {root.uri!r} cannot be created ({one_line(error)}); "
                "name a folder with write permission"
            ) from error
        catalog = cls(root, read_meta(root), storage_options)
        catalog.require_model(model_id)
        return catalog

    def __repr__(self) -> str:
        return f"Catalog({self.uri!r}, pack={self.pack!r}, model_id={self.model_id!r})"

    @property
    def uri(self) -> str:
        """Absolute path or URI of the catalog."""
        return self.root.uri

    @property
    def pack(self) -> str:
        """Name or folder of the model pack."""
        return self.meta.pack

    @property
    def model_id(self) -> str:
        """Model of the catalog's vectors."""
        return self.meta.model_id

    @property
    def dim(self) -> int:
        """Length of the catalog's vectors."""
        return self.meta.dim

    @property
    def vectors(self) -> StoragePath:
        """Folder of the tables with vectors and of their index."""
        return self.root.child(self.meta.vectors) if self.meta.vectors else self.root

    @property
    def storage_options(self) -> dict[str, str]:
        """Options of the table store."""
        return dict(self._options)

    @property
    def table_names(self) -> tuple[str, ...]:
        """Names of all tables."""
        return tuple(self._tables)

    def table(self, name: str) -> Table:
        """Return a table by its name."""
        return self._tables[name]

    def require_model(self, model_id: str) -> None:
        """Raise unless this model computed the catalog's vectors.

        Raises:
            CatalogModelError: Another model computed the vectors.
        """
        if model_id != self.model_id:
            raise CatalogModelError(
                f"catalog {self.uri!r} holds vectors of model {self.model_id!r}, not of "
                f"{model_id!r}; pass --model {self.pack}, or index into a new catalog, or "
                f"re-embed this catalog: vidsearch reembed {self.uri} --model PACK"
            )

    def require_in_use(self) -> None:
        """Raise if the catalog was re-embedded after it was opened.

        Raises:
            CatalogModelError: The catalog was re-embedded; its old tables are gone.
            CatalogError: The catalog is missing or damaged.
        """
        current = read_meta(self.root)
        if current.vectors != self.meta.vectors:
            raise CatalogModelError(
                f"catalog {self.uri!r} was re-embedded with pack {current.pack!r} meanwhile; "
                "repeat the command"
            )

    def require_writable(self) -> None:
        """Raise if the next commit must fail, so that no time is spent on work that cannot be kept.

        Raises:
            CatalogWriteError: The drive is full or read-only, or permissions are missing.
        """
        folders = (StoragePath(table.uri) for table in self._tables.values())
        require_writable(self.root, folders)

    def snapshot(self) -> Snapshot:
        """Return the current state of the tables, for several reads of the same state.

        Data of erasures that were begun are left out.

        Raises:
            CatalogModelError: The catalog was re-embedded after it was opened.
            CatalogError: A table is missing or damaged.
        """
        try:
            found, mask = with_mask(self.root, lambda: Snapshot.take(self._tables))
        except CatalogError:
            self.require_in_use()
            raise
        return replace(found, mask=mask)

    @read_again
    def videos(
        self, columns: Sequence[str] | None = None, video_ids: Collection[str] | None = None
    ) -> pa.Table:
        """Return the videos, one row per video (columns: ``schema.VIDEOS``).

        Raises:
            CatalogError: The table is missing or damaged.
        """
        return self.snapshot().videos(columns, video_ids)

    @read_again
    def tracks(
        self,
        columns: Sequence[str] | None = None,
        track_ids: Collection[str] | None = None,
        video_ids: Collection[str] | None = None,
    ) -> pa.Table:
        """Return all tracks or the selected tracks (columns: ``schema.tracks_schema``).

        Raises:
            CatalogError: The table is missing or damaged.
        """
        return self.snapshot().tracks(columns, track_ids, video_ids)

    @read_again
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
        return mask_of(self.root).visible(self.table("people").read())

    def verdicts(self) -> pa.Table:
        """Return the verdicts (columns: ``schema.VERDICTS``)."""
        return mask_of(self.root).visible(self.table("verdicts").read())

    def known_files(self) -> dict[str, KnownFile]:
        """Return the files whose content is in the catalog, by path or URI.

        A file with the size and modification time recorded here need not be hashed again. Files
        whose content is not in the catalog are left out.

        Raises:
            CatalogError: A table is missing or damaged.
        """
        statuses = self.video_statuses()
        files: dict[str, KnownFile] = {}
        for row in self.table("files").read().to_pylist():
            status = statuses.get(row["video_id"])
            if status is not None:
                uri = native_name(row["uri"])
                files[uri] = KnownFile(uri, row["size"], row["mtime_ns"], row["video_id"], status)
        return files

    def video_statuses(self) -> dict[str, VideoStatus]:
        """Return the status of every video by its ``video_id``.

        Raises:
            CatalogError: A table is missing or damaged.
        """
        rows = self.videos(columns=["video_id", "status"])
        return dict(zip(rows["video_id"].to_pylist(), rows["status"].to_pylist(), strict=True))

    def locations(self, video_ids: Collection[str]) -> dict[str, list[str]]:
        """Return the paths or URIs at which each video was seen, the latest first.

        The column ``uri`` of ``videos`` keeps the path at the time of indexing; after a move, only
        this table has the current path.

        Raises:
            CatalogError: A table is missing or damaged.
        """
        found: dict[str, list[str]] = {video_id: [] for video_id in video_ids}
        rows = self.table("files").read()
        rows = rows.filter(pc.is_in(rows["video_id"], value_set=pa.array(list(found), pa.string())))
        for row in rows.sort_by([("seen_at", "descending"), ("uri", "ascending")]).to_pylist():
            found[row["video_id"]].append(native_name(row["uri"]))
        return found

    @read_again
    def status(self, snapshot: Snapshot | None = None) -> CatalogStatus:
        """Return the contents of the tables in numbers.

        Args:
            snapshot: State of the tables; None: the current state.

        Raises:
            CatalogError: A table is missing or damaged.
        """
        state = snapshot if snapshot is not None else self.snapshot()
        videos = state.videos()
        unread = videos.filter(pc.not_equal(videos["status"], "indexed"))["video_id"].to_pylist()
        status = summarise(
            self.uri, self.meta, videos, self.people().num_rows, self.locations(unread)
        )
        return replace(status, sources=read_scopes(self.root))


def _options(root: StoragePath, options: Mapping[str, str] | None) -> dict[str, str]:
    return {**table_options(root), **(options if options is not None else {})}


def _create_tables(root: StoragePath, meta: CatalogMeta, options: dict[str, str]) -> None:
    schemas = table_schemas(meta.dim)
    own = {*schemas, LOCK_NAME}
    others = [name for name in root.names() if name not in own and not name.endswith(".part")]
    # An interrupted creation leaves tables without catalog.json; creating it again is allowed.
    if others and META_NAME not in others:
        raise ConfigError(
            f"{root.uri!r} is not a catalog and holds other files ({quoted(others[0])}, ...); "
            "name a new or an empty folder for the catalog"
        )
    if root.path is not None:
        # A catalog holds faces: a new folder is for its owner only, an existing one keeps its mode.
        root.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, schema in schemas.items():
        Table(root, name, options).create(schema)
    root.child(META_NAME).write_once(meta.to_bytes())
