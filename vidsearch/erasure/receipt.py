"""Receipts of an erasure: the erased rows and the extent of the proof."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from vidsearch.storage.path import StoragePath

RECEIPTS = "receipts"
"""Folder of the receipts in the catalog."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoReceipt:
    """Receipt of an erased video; contains no file name and no person's name.

    Attributes:
        video_id: Hash of the erased content.
        erased_at: ISO 8601, UTC.
        rows: Erased rows by table.
        log_lines: Erased lines of the runs' event logs.
        files_searched: Files of the catalog that the proof read.
        tracks_searched: Tracks that the proof searched for the erased tracks.
        found: Traces that the proof found. Always 0: a trace is an error.
    """

    video_id: str
    erased_at: str
    rows: dict[str, int]
    log_lines: int
    files_searched: int
    tracks_searched: int
    found: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonReceipt:
    """Receipt of an erased person; contains no name.

    Attributes:
        person_id: Id of the erased person.
        erased_at: ISO 8601, UTC.
        rows: Erased rows by table.
        files_searched: Files of the catalog that the proof read.
        tracks_searched: Tracks that the proof searched for the erased tracks.
        found: Traces that the proof found. Always 0: a trace is an error.
    """

    person_id: str
    erased_at: str
    rows: dict[str, int]
    files_searched: int
    tracks_searched: int
    found: int = 0


def current_time() -> str:
    """Return the current time, ISO 8601, UTC, in seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def write_receipt(root: StoragePath, prefix: str, receipt: VideoReceipt | PersonReceipt) -> None:
    """Write a receipt to ``receipts/`` in the catalog.

    Args:
        root: Folder of the catalog.
        prefix: First part of the file's name; time and the start of the erased id follow.
        receipt: The receipt.

    Raises:
        OSError: The file cannot be written.
    """
    identity = receipt.video_id if isinstance(receipt, VideoReceipt) else receipt.person_id
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    path = root.child(RECEIPTS).child(f"{prefix}-{stamp}-{identity[:8]}.json")
    path.write((json.dumps(asdict(receipt), indent=2) + "\n").encode())
