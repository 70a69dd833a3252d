"""Detection of files that other programs write to."""

from __future__ import annotations

from pathlib import Path

from vidsearch.errors import VideoChangedError
from vidsearch.text.printable import printable
from vidsearch.video.discovery.entries import VideoSource
from vidsearch.video.source import is_remote

_ROUNDING_NS = 2_000_000_000
"""Rounding of modification times: FAT stores 2 s, and machines of a cluster round differently."""


class FileWatch:
    """Size and modification time of a file from the start of its reading.

    An object in a store is written whole, and is not examined. A missing file is left to its
    reader.

    Args:
        source: The file, as the search of its folder found it.

    Raises:
        VideoChangedError: The file was changed since its search.
    """

    def __init__(self, source: VideoSource) -> None:
        self._source = source
        self._state = _state(source.uri)
        if self._state is None:
            return
        size, mtime_ns = self._state
        if size != source.size or abs(mtime_ns - source.mtime_ns) > _ROUNDING_NS:
            raise self._changed(size)

    def require_unchanged(self) -> None:
        """Raise if the file was changed since this object was made.

        Raises:
            VideoChangedError: The file was changed.
        """
        state = _state(self._source.uri)
        if self._state is not None and state is not None and state != self._state:
            raise self._changed(state[0])

    def _changed(self, size: int) -> VideoChangedError:
        source = self._source
        return VideoChangedError(
            f"'{printable(source.uri)}' changed during this run ({source.size} bytes, now {size}), "
            "as a file that is being copied or recorded; index it again when it is complete"
        )


def _state(uri: str) -> tuple[int, int] | None:
    """Return size and modification time in nanoseconds; None if they are not known."""
    if is_remote(uri):
        return None
    try:
        status = Path(uri).stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns
