"""Promise of a file: the size and length that its structure states."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

ReadAt: TypeAlias = Callable[[int, int], bytes]
"""Returns bytes from an offset on, fewer at the end of the file."""

MAX_PARTS: Final = 1 << 16
"""Most parts of a structure that are walked through."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePromise:
    """Size and length that the structure of a file states.

    Attributes:
        file_bytes: Bytes of the file.
        stated_bytes: Bytes that the file should have at least; None if nothing states them.
        cut: True if the end of the file is missing.
        outside_bytes: Bytes of a further recording that the index does not list.
        duration_s: Length of the file by its header, seconds; None if FFmpeg reports it already.
        measured: True if no header states a length: FFmpeg measures it from the bytes that are
            there.
    """

    file_bytes: int
    stated_bytes: int | None = None
    cut: bool = False
    outside_bytes: int = 0
    duration_s: float | None = None
    measured: bool = False

    @property
    def share(self) -> float | None:
        """Share of the stated bytes that is there; None if it is unknown."""
        if not self.stated_bytes:
            return None
        return min(1.0, self.file_bytes / self.stated_bytes)


def of_stated_size(
    read_at: ReadAt,
    file_bytes: int,
    stated_bytes: int | None,
    *,
    signature: bytes = b"",
    duration_s: float | None = None,
) -> FilePromise:
    """Return the promise of a container that states its size.

    Args:
        read_at: Bytes of the file.
        file_bytes: Size of the file.
        stated_bytes: Size by the header; None or 0 if it states none.
        signature: First bytes of the format: FFmpeg does not read a second file that begins at the
            end of the first one. Empty if it does.
        duration_s: See ``FilePromise``.
    """
    outside_bytes = 0
    if stated_bytes and signature and read_at(stated_bytes, len(signature)) == signature:
        outside_bytes = file_bytes - stated_bytes
    return FilePromise(
        file_bytes=file_bytes,
        stated_bytes=stated_bytes or None,
        cut=bool(stated_bytes) and file_bytes < (stated_bytes or 0),
        outside_bytes=outside_bytes,
        duration_s=duration_s,
    )
