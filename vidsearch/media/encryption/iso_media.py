"""Protection of MP4, MOV and their relatives: sample entries of the video tracks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from vidsearch.media.encryption.base import ReadAt

TOP_LEVEL_BOXES: Final = frozenset(
    {b"ftyp", b"styp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"uuid", b"sidx"}
)
_MAX_BOXES: Final = 4096
_FULL_BOX = 4  # version and flags
_VISUAL_ENTRY = 78  # fields of a visual sample entry before its boxes
_PROTECTED: Final = {
    b"encv": "MPEG Common Encryption",
    b"drmi": "FairPlay, as in films bought from iTunes",
}


@dataclass(frozen=True, slots=True)
class _Box:
    """Box: four-character name, offset of its content, offset of its end."""

    name: bytes
    content: int
    end: int


def encryption(read_at: ReadAt) -> str | None:
    """Return the name of the protection if every video track is encrypted, else None."""
    if read_at(4, 8) == b"ftypodcf":
        return "OMA DRM"
    for top in _boxes(read_at, 0, None):
        if top.name != b"moov":
            continue
        tracks = [_track_encryption(read_at, box) for box in _children(read_at, top, b"trak")]
        video = [protection for is_video, protection in tracks if is_video]
        return video[0] if video and all(video) else None
    return None


def _track_encryption(read_at: ReadAt, track: _Box) -> tuple[bool, str | None]:
    """Return True for a video track, and the name of its protection."""
    for media in _children(read_at, track, b"mdia"):
        handlers = list(_children(read_at, media, b"hdlr"))
        if not handlers or read_at(handlers[0].content + 8, 4) != b"vide":
            return False, None
        for info in _children(read_at, media, b"minf"):
            for table in _children(read_at, info, b"stbl"):
                for descriptions in _children(read_at, table, b"stsd"):
                    return True, _entry_encryption(read_at, descriptions)
    return False, None


def _entry_encryption(read_at: ReadAt, descriptions: _Box) -> str | None:
    first = descriptions.content + _FULL_BOX + 4
    for entry in _boxes(read_at, first, descriptions.end):
        name = _PROTECTED.get(entry.name)
        if name is not None:
            scheme = _scheme(read_at, entry)
            return f"{name} ({scheme})" if scheme else name
    return None


def _scheme(read_at: ReadAt, entry: _Box) -> str:
    """Return the protection scheme of a sample entry, e.g. ``cenc``; empty if it states none."""
    for box in _boxes(read_at, entry.content + _VISUAL_ENTRY, entry.end):
        if box.name == b"sinf":
            for scheme in _children(read_at, box, b"schm"):
                name = read_at(scheme.content + _FULL_BOX, 4)
                return name.decode("ascii") if name.isalnum() else ""
    return ""


def _children(read_at: ReadAt, parent: _Box, name: bytes) -> Iterator[_Box]:
    return (box for box in _boxes(read_at, parent.content, parent.end) if box.name == name)


def _boxes(read_at: ReadAt, offset: int, end: int | None) -> Iterator[_Box]:
    for _ in range(_MAX_BOXES):
        header = read_at(offset, 16)
        if len(header) < 8 or (end is not None and offset + 8 > end):
            return
        size, content = int.from_bytes(header[:4], "big"), offset + 8
        if size == 1:
            size, content = int.from_bytes(header[8:], "big"), offset + 16
        if size == 0:  # up to the end of the file
            return
        if offset + size < content:
            return
        yield _Box(header[4:8], content, offset + size)
        offset += size
