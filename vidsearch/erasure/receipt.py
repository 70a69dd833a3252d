"""Receipts of an erasure: the erased rows and the extent of the proof."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TypeAlias

from vidsearch.catalog.erasures.pending import RECEIPTS, Kind
from vidsearch.errors import ConfigError
from vidsearch.storage.path import StoragePath
from vidsearch.text.printable import printable

_PREFIXES: dict[Kind, str] = {"video": "forget", "person": "forget-person"}


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoReceipt:
    """Receipt of an erased video; contains no file name and no person's name.

    Attributes:
        video_id: Hash of the erased content.
        erased_at: Time at which the erasure was begun, ISO 8601, UTC.
        rows: Erased rows by table.
        log_lines: Erased lines of the runs' event logs.
        files_searched: Files of the catalog that the proof read.
        tracks_searched: Tracks that the proof searched for the erased tracks.
        found: Traces that the proof found. Always 0: a trace is an error.
        size: Bytes of the file, by which a later run knows that it was erased; None if unknown.
    """

    video_id: str
    erased_at: str
    rows: dict[str, int]
    log_lines: int
    files_searched: int
    tracks_searched: int
    found: int = 0
    size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonReceipt:
    """Receipt of an erased person; contains no name.

    Attributes:
        person_id: Id of the erased person.
        erased_at: Time at which the erasure was begun, ISO 8601, UTC.
        rows: Erased rows by table.
        log_lines: Erased lines of the runs' event logs.
        files_searched: Files of the catalog that the proof read.
        tracks_searched: Tracks that the proof searched for the erased tracks.
        found: Traces that the proof found. Always 0: a trace is an error.
    """

    person_id: str
    erased_at: str
    rows: dict[str, int]
    log_lines: int
    files_searched: int
    tracks_searched: int
    found: int = 0


Receipt: TypeAlias = VideoReceipt | PersonReceipt


def current_time() -> str:
    """Return the current time, ISO 8601, UTC, in seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def write_receipt(root: StoragePath, receipt: Receipt) -> None:
    """Write a receipt to ``receipts/`` in the catalog; a repeated call writes the same file.

    Args:
        root: Folder of the catalog.
        receipt: The receipt.

    Raises:
        OSError: The file cannot be written.
    """
    is_video = isinstance(receipt, VideoReceipt)
    identity = receipt.video_id if isinstance(receipt, VideoReceipt) else receipt.person_id
    stamp = datetime.fromisoformat(receipt.erased_at).strftime("%Y%m%dT%H%M%SZ")
    prefix = _PREFIXES["video" if is_video else "person"]
    path = root.child(RECEIPTS).child(f"{prefix}-{stamp}-{identity[:8]}.json")
    path.write((json.dumps(asdict(receipt), indent=2) + "\n").encode())


def raise_if_erased(root: StoragePath, kind: Kind, identity: str) -> None:
    """Raise if an id has a receipt.

    Args:
        root: Folder of the catalog.
        kind: ``video`` or ``person``.
        identity: The id.

    Raises:
        ConfigError: The id was erased before.
    """
    folder = root.child(RECEIPTS)
    for name in reversed(folder.names()):
        if not name.startswith(f"{_PREFIXES[kind]}-"):
            continue
        try:
            fields = json.loads(folder.child(name).read())
        except (OSError, ValueError):
            continue
        if identity and isinstance(fields, dict) and fields.get(f"{kind}_id") == identity:
            raise ConfigError(
                f"{kind} '{printable(identity)}' was erased at {fields.get('erased_at')} and is "
                "not in the catalog any more; nothing was erased: the receipt is "
                f"{folder.child(name).uri!r}"
            )
