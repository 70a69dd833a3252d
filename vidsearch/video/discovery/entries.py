"""Entries of a searched source: videos, and everything else with the reason."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from vidsearch.errors import VidsearchError


@dataclass(frozen=True, slots=True)
class VideoSource:
    """Video file to index.

    Attributes:
        uri: Absolute path, or the URI.
        size: Size in bytes.
        mtime_ns: Modification time in nanoseconds since the epoch; 0 if the storage states none.
    """

    uri: str
    size: int
    mtime_ns: int


class EntryKind(Enum):
    """Kind of an entry of a source.

    Attributes:
        VIDEO: File to index.
        PASSED_OVER: File that is no video.
        EXCLUDED: Hidden file, file in a recycle bin or a snapshot, or excluded by a pattern.
        FOLDER: Folder that was searched.
        REPEATED: Other name of a file or folder that was found before.
        UNREADABLE: Folder that cannot be listed, or file that cannot be read to find its kind.
        DANGLING: Link without a target.
        SPECIAL: Pipe, socket or device.
        FAILED: Name in a list that cannot be read.
    """

    VIDEO = "video"
    PASSED_OVER = "passed over"
    EXCLUDED = "excluded"
    FOLDER = "folder"
    REPEATED = "repeated"
    UNREADABLE = "unreadable"
    DANGLING = "dangling"
    SPECIAL = "special"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a source.

    Attributes:
        kind: Kind of the entry.
        uri: Absolute path, or the URI.
        detail: Ending of a file that is passed over; rule that excludes an entry; reason for which
            an entry is unreadable.
        video: The video, for ``VIDEO``.
        real: Path without links, or the URI, for ``VIDEO``; equal for two names of one file.
        files: Number of files, for ``EXCLUDED``; an excluded folder has any number.
        complete: False for an excluded folder with more files than were counted.
        error: Reason of a failure, for ``FAILED``.
    """

    kind: EntryKind
    uri: str
    detail: str = ""
    video: VideoSource | None = None
    real: str = ""
    files: int = 1
    complete: bool = True
    error: VidsearchError | None = None
