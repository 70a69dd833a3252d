"""Erasures that were begun: ``erasures/<kind>-<key>.json``, written before the first deletion.

From then on, no reader sees the data of the erasure, even before it is deleted. A killed erasure
leaves the file behind, and the next command that writes to the catalog completes it. The file holds
what must be searched for afterwards (names, paths, vectors), and is removed at the end.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from vidsearch.catalog.commits import exclusive
from vidsearch.errors import CatalogChangedError, CatalogError, CatalogWriteError
from vidsearch.storage.drive import is_locked
from vidsearch.storage.path import StoragePath
from vidsearch.text.printable import one_line, printable

FOLDER = "erasures"
RECEIPTS = "receipts"
"""Folder of the receipts in the catalog."""
LOCK = ".erasure.lock"
"""File that is locked while an erasure runs, on a local drive."""

Kind: TypeAlias = Literal["video", "person"]

_TEXTS = ("texts", "excerpts")


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingErasure:
    """An erasure that was begun and is not complete.

    Attributes:
        kind: ``video`` or ``person``.
        identity: ``video_id`` or ``person_id``.
        started_at: ISO 8601, UTC.
        videos: Ids of the videos that lose tracks.
        tracks: Ids of the erased tracks.
        rows: Rows to erase, by table.
        texts: Ids, paths and quoted names, as bytes.
        excerpts: Parts of the erased vectors and pictures.
        templates: Templates of the erased tracks, float32.
        size: Bytes of the file of an erased video; None if it is not known.
        names: Names of an erased person.
        names_column: See ``erasure.proof.Traces``.
        log_lines: Lines of logs that were erased so far.
    """

    kind: Kind
    identity: str
    started_at: str
    videos: tuple[str, ...] = ()
    tracks: tuple[str, ...] = ()
    rows: dict[str, int] = field(default_factory=dict)
    texts: tuple[bytes, ...] = ()
    excerpts: tuple[bytes, ...] = ()
    templates: bytes = b""
    names: tuple[str, ...] = ()
    names_column: str = ""
    log_lines: int = 0
    size: int | None = None

    @property
    def file_name(self) -> str:
        """Name of the file of the erasure."""
        key = hashlib.sha256(self.identity.encode("utf-8", "surrogateescape")).hexdigest()[:32]
        return f"{self.kind}-{key}.json"

    def to_bytes(self) -> bytes:
        """Return the content of the file."""
        fields: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__}
        for name in _TEXTS:
            fields[name] = [base64.b64encode(text).decode() for text in fields[name]]
        fields["templates"] = base64.b64encode(self.templates).decode()
        return json.dumps(fields).encode()

    @staticmethod
    def from_bytes(content: bytes) -> PendingErasure:
        """Return the erasure of a file.

        Raises:
            ValueError: The content is no erasure.
        """
        try:
            fields = json.loads(content)
            for name in _TEXTS:
                fields[name] = tuple(map(base64.b64decode, fields[name]))
            fields["templates"] = base64.b64decode(fields["templates"])
            for name in ("videos", "tracks", "names"):
                fields[name] = tuple(fields[name])
            return PendingErasure(**fields)
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"not an erasure: {one_line(error)}") from error


def pending_erasures(root: StoragePath) -> tuple[PendingErasure, ...]:
    """Return the erasures that were begun and are not complete, the oldest first.

    Args:
        root: Folder of the catalog.

    Raises:
        CatalogError: The file of an erasure cannot be read.
    """
    folder = root.child(FOLDER)
    found = []
    for name in _names(folder):
        try:
            found.append(PendingErasure.from_bytes(folder.child(name).read()))
        except FileNotFoundError:
            continue  # completed meanwhile
        except (OSError, ValueError) as error:
            raise CatalogError(
                f"{folder.child(name).uri!r} cannot be read ({one_line(error)}): it describes an "
                "erasure that was begun; remove it and repeat the erasure"
            ) from error
    return tuple(sorted(found, key=lambda erasure: (erasure.started_at, erasure.file_name)))


def pending_sentence(erasure: PendingErasure, catalog: str) -> str:
    """Return a sentence about an erasure that was begun, with the command that completes it."""
    identity = printable(erasure.identity)
    return (
        f"the erasure of {erasure.kind} {identity}, begun at {erasure.started_at}, is not "
        f"complete; its data are hidden; complete it: vidsearch forget {printable(catalog)} "
        f"--{erasure.kind} {identity}"
    )


def interrupted_erasures(root: StoragePath) -> tuple[PendingErasure, ...]:
    """Return the pending erasures unless a process is completing them now.

    Args:
        root: Folder of the catalog.

    Raises:
        CatalogError: The file of an erasure cannot be read.
    """
    found = pending_erasures(root)
    if found and root.path is not None and is_locked(root.path / LOCK):
        return ()
    return found


def write_pending(root: StoragePath, erasure: PendingErasure) -> None:
    """Write the file of an erasure.

    Raises:
        CatalogWriteError: The file cannot be written.
    """
    try:
        root.child(FOLDER).child(erasure.file_name).write(erasure.to_bytes())
    except OSError as error:
        raise CatalogWriteError(
            f"catalog {root.uri!r} cannot be written ({one_line(error)}); free space or check the "
            "write permission, then repeat the command"
        ) from error


def remove_pending(root: StoragePath, erasure: PendingErasure) -> None:
    """Remove the file of a complete erasure.

    Raises:
        CatalogWriteError: The file cannot be removed.
    """
    folder = root.child(FOLDER)
    folder.child(erasure.file_name).remove_tree()
    if erasure.file_name in _names(folder):
        raise CatalogWriteError(
            f"{folder.child(erasure.file_name).uri!r} cannot be removed; check the write "
            "permission, then repeat the command"
        )


def erasure_marks(root: StoragePath) -> tuple[str, ...]:
    """Return names that change whenever an erasure begins or is completed.

    Args:
        root: Folder of the catalog.

    Raises:
        OSError: The folder cannot be read.
    """
    return (*_names(root.child(FOLDER)), "|", *_names(root.child(RECEIPTS)))


@contextmanager
def unless_erased(root: StoragePath, marks: tuple[str, ...]) -> Iterator[None]:
    """Keep erasures from beginning meanwhile; raise if one began or was completed before.

    Args:
        root: Folder of the catalog.
        marks: ``erasure_marks`` from before the data were read.

    Raises:
        CatalogChangedError: The data that were read may include erased data.
    """
    with exclusive(root):
        if erasure_marks(root) != marks:
            raise CatalogChangedError(
                f"data of the catalog {root.uri!r} were erased meanwhile; repeat the command"
            )
        yield


def erased_videos(root: StoragePath, since: Collection[str] = ()) -> dict[str, int | None]:
    """Return the ids of erased videos, and the bytes of their files where they are known.

    Args:
        root: Folder of the catalog.
        since: ``erasure_marks`` of a moment: only erasures that began after it; empty: all.
    """
    pending = [erasure for erasure in pending_erasures(root) if erasure.kind == "video"]
    found = {erasure.identity: erasure.size for erasure in pending}
    folder = root.child(RECEIPTS)
    for name in set(_names(folder)).difference(since):
        try:
            fields = json.loads(folder.child(name).read())
        except (OSError, ValueError):
            continue
        if isinstance(fields, dict) and "video_id" in fields:
            found[str(fields["video_id"])] = fields.get("size")
    return found


def _names(folder: StoragePath) -> list[str]:
    return [name for name in folder.names() if name.endswith(".json") and name[0] != "."]
