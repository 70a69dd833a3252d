"""Detection of files that other programs write to."""

from __future__ import annotations

from pathlib import Path

from vidsearch.errors import VideoChangedError
from vidsearch.text.printable import printable
from vidsearch.video.discovery.entries import VideoSource
from vidsearch.video.source import is_remote


def require_unchanged(source: VideoSource) -> None:
    """Raise if a file has another size or modification time than its search found.

    An object in a store is written whole, and is not examined. A missing file is left to its
    reader.

    Raises:
        VideoChangedError: The file was changed since its folder was searched.
    """
    if is_remote(source.uri):
        return
    try:
        status = Path(source.uri).stat()
    except OSError:
        return
    if (status.st_size, status.st_mtime_ns) != (source.size, source.mtime_ns):
        raise VideoChangedError(
            f"'{printable(source.uri)}' changed during this run ({source.size} bytes, now "
            f"{status.st_size}), as a file that is being copied or recorded; index it again when "
            "it is complete"
        )
