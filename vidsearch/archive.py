"""An indexed video archive as one object: search, status and erasure."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from vidsearch.catalog.catalog import Catalog
from vidsearch.catalog.commits import read_again
from vidsearch.catalog.erasures.pending import PendingErasure, interrupted_erasures
from vidsearch.catalog.status import CatalogStatus
from vidsearch.device import resolve_device
from vidsearch.erasure.person import forget_person
from vidsearch.erasure.receipt import PersonReceipt, VideoReceipt
from vidsearch.erasure.videos import forget_video
from vidsearch.integrity.verify import Verification, verify
from vidsearch.models.registry import LoadedPack, load_pack, pack_reference
from vidsearch.results.result import SearchResult
from vidsearch.search.search import PhotoSearcher, SearchOptions
from vidsearch.search.track_index import IndexStatus, index_status


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveStatus(CatalogStatus):
    """Contents of an archive in numbers, and the state of its index.

    Attributes:
        index: State of the index.
        pending_erasures: Erasures that were interrupted; their data are hidden.
    """

    index: IndexStatus
    pending_erasures: tuple[PendingErasure, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the status as plain lists, dictionaries, numbers and text."""
        fields = CatalogStatus.to_json(replace(self, pending_erasures=()))
        fields["pending_erasures"] = [
            {"kind": erasure.kind, "id": erasure.identity, "started_at": erasure.started_at}
            for erasure in self.pending_erasures
        ]
        problems = {name: fields.pop(name) for name in ("failures", "partly_read", "sources")}
        return {**fields, **problems}


class Archive:
    """An indexed video archive: its catalog, its index and its models.

    The models stay loaded between searches. Every search and every status covers the videos that
    are committed at that moment.

    Args:
        catalog: Tables of the archive.
        models: The catalog's model pack; None: loaded on the first search.
        device: Device of the models: ``auto``, ``cpu``, ``cuda`` or ``cuda:<number>``.

    Example:
        >>> archive = Archive.open("my-archive")  # doctest: +SKIP
        >>> for hit in archive.search(["photo.jpg"]).hits:  # doctest: +SKIP
        ...     print(hit.video, hit.span.start_s, hit.confidence)
        /videos/party.mp4 12.4 0.998
        >>> archive.status().tracks  # doctest: +SKIP
        1704
    """

    def __init__(
        self, catalog: Catalog, models: LoadedPack | None = None, *, device: str = "auto"
    ) -> None:
        self.catalog = catalog
        self._models = models
        self._device = device
        self._searcher: PhotoSearcher | None = None

    @classmethod
    def open(
        cls,
        uri: str | os.PathLike[str],
        *,
        device: str = "auto",
        storage_options: Mapping[str, str] | None = None,
    ) -> Archive:
        """Open an existing archive.

        Args:
            uri: Folder of the catalog, or its URI in an object store.
            device: Device of the models.
            storage_options: Options of the table store, in addition to AWS's own settings.

        Raises:
            CatalogNotFoundError: The folder holds no catalog.
            CatalogVersionError: A newer version of vidsearch wrote the catalog.
            CatalogError: The catalog is damaged.
            ConfigError: The path has a character that the table store cannot handle.
        """
        return cls(Catalog.open(uri, storage_options=storage_options), device=device)

    @classmethod
    def create(
        cls,
        uri: str | os.PathLike[str],
        *,
        pack: str = "open",
        device: str = "auto",
        storage_options: Mapping[str, str] | None = None,
    ) -> Archive:
        """Create an empty archive, to be filled by ``pipelines.index``.

        Args:
            uri: A new or empty folder, or a URI in an object store.
            pack: Name or folder of the model pack.
            device: Device of the models.
            storage_options: Options of the table store, in addition to AWS's own settings.

        Raises:
            CatalogModelError: The folder holds a catalog of another model.
            CatalogWriteError: The folder cannot be written.
            ConfigError: The folder holds other files.
            ModelError: The pack cannot be loaded.
        """
        models = load_pack(pack, resolve_device(device))
        catalog = Catalog.create(
            uri,
            pack=pack_reference(pack),
            model_id=models.model_id,
            dim=models.embedder.dim,
            storage_options=storage_options,
        )
        return cls(catalog, models, device=device)

    def __repr__(self) -> str:
        return f"Archive({self.catalog.uri!r})"

    @property
    def models(self) -> LoadedPack:
        """The catalog's model pack, loaded on first use.

        Raises:
            ModelError: The pack cannot be loaded.
        """
        if self._models is None:
            self._models = load_pack(self.catalog.pack, resolve_device(self._device))
        return self._models

    def search(
        self,
        photos: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        options: SearchOptions | None = None,
    ) -> SearchResult:
        """Return the tracks that are most similar to the person in the photos.

        Several photos of one person make a better query.

        Args:
            photos: Path of a photo, or paths of photos of one person.
            options: Number of hits, confidence, filter; None: the defaults.

        Raises:
            PhotoError: A photo cannot be read or shows no face.
            ConfigError: No photo is given, or an option is out of range.
            ModelError: The catalog's pack cannot be loaded.
            CatalogError: A table is missing or damaged.
        """
        if self._searcher is None:
            self._searcher = PhotoSearcher(self.catalog, self.models)
        else:
            self._searcher.refresh()
        if isinstance(photos, str | os.PathLike):
            photos = [photos]
        return self._searcher.search(photos, options)

    @read_again
    def status(self) -> ArchiveStatus:
        """Return the contents of the archive in numbers, and the state of its index.

        Raises:
            CatalogError: A table is missing or damaged.
        """
        snapshot = self.catalog.snapshot()
        tables = self.catalog.status(snapshot)
        fields = {name: getattr(tables, name) for name in CatalogStatus.__dataclass_fields__}
        return ArchiveStatus(
            **fields,
            index=index_status(self.catalog, snapshot),
            pending_erasures=interrupted_erasures(self.catalog.root),
        )

    def verify(self) -> Verification:
        """Read every file of the catalog and return what is damaged, each with its remedy."""
        return verify(self.catalog)

    def forget(self, video_id: str) -> VideoReceipt:
        """Erase a video's rows, faces and vectors permanently, and prove the erasure.

        Args:
            video_id: Id of the video, as in ``Hit.video_id``; its first characters, at least 8; or
                the path of its file.

        Returns:
            The receipt, also written to ``receipts/`` in the catalog.

        Raises:
            ConfigError: The catalog has no such video or several, or lies in a bucket with
                versioning.
            CatalogError: A trace of the video is left; the message names the file.
            CatalogWriteError: The catalog cannot be written.
        """
        return forget_video(self.catalog, video_id)

    def forget_person(self, person: str) -> PersonReceipt:
        """Erase a person's name, verdicts, tracks and faces permanently, with proof.

        Args:
            person: ``person_id``, its first characters, at least 8; or the name.

        Returns:
            The receipt, also written to ``receipts/`` in the catalog.

        Raises:
            ConfigError: The catalog has no such person or several, or lies in a bucket with
                versioning.
            CatalogError: A trace of the person is left; the message names the file.
            CatalogWriteError: The catalog cannot be written.
        """
        return forget_person(self.catalog, person)
