"""File name endings of videos and photos, and the check for source code with a video ending."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

PHOTO_ENDINGS: Final = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
"""Endings of photos in data sets and training sets, in lower case."""

_SOURCE_PHOTO_ENDINGS = """
.apng .avif .avifs .dib .gif .heic .heics .heif .heifs .hif .j2c .j2k .jfif .jif .jp2 .jpc .jpe .jpf
.jpx .mpo .pbm .pgm .pnm .ppm .tif .tiff
.3fr .arw .cr2 .cr3 .crw .dcr .dng .erf .fff .iiq .k25 .kdc .mef .mos .mrw .nef .nrw .orf .pef .raf
.raw .rw2 .rwl .sr2 .srf .srw .x3f
"""
SOURCE_PHOTO_ENDINGS: Final = frozenset({*PHOTO_ENDINGS, *_SOURCE_PHOTO_ENDINGS.split()})
"""Endings of photos from which a training set is prepared, in lower case.

Data sets use ``PHOTO_ENDINGS`` only. A GIF or TIFF in their folders is not a photo of the data set,
and reading it would change the pairs and counts.
"""

_VIDEO_ENDINGS = """
.264 .265 .3g2 .3gp .amv .asf .avc .avi .divx .dv .f4v .flv .gxf .h264 .h265 .hevc .ivf .m1v .m2p
.m2t .m2ts .m2v .m4v .mkv .mod .mov .mp4 .mpe .mpeg .mpg .mpv .mts .mxf .nut .obu .ogm .ogv .qt .rm
.rmvb .tod .trp .ts .vob .vro .webm .wmv .wtv .y4m
"""
VIDEO_ENDINGS: Final = frozenset(_VIDEO_ENDINGS.split())
"""Endings of video files in a folder, in lower case."""

# Source code shares these endings: TypeScript, Qt's translations (.ts), Go's module files (.mod).
_SHARED_WITH_CODE = frozenset({".ts", ".mts", ".m2ts", ".mod"})
_HEAD_BYTES = 1024
_TEXT_CONTROLS = frozenset(b"\t\n\f\r")


def has_video_ending(name: str) -> bool:
    """Return True if a file name has one of ``VIDEO_ENDINGS``, in any case."""
    return Path(name).suffix.lower() in VIDEO_ENDINGS


def is_source_code(path: Path) -> bool:
    """Return True if a file is text and its ending is used by videos and source code alike.

    The result is False for an empty or unreadable file, so that the file is reported, not skipped.
    """
    # Opening a pipe blocks until another process writes to it.
    if path.suffix.lower() not in _SHARED_WITH_CODE or not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return is_text(file.read(_HEAD_BYTES))
    except OSError:
        return False


def remote_source_code(files: Any, paths: Iterable[str]) -> frozenset[str]:
    """Return the paths on an fsspec file system that are source code.

    All heads are requested concurrently: one request after another would take hours in a large
    bucket.

    Args:
        files: fsspec file system.
        paths: Paths on it.
    """
    shared = [path for path in paths if Path(path).suffix.lower() in _SHARED_WITH_CODE]
    if not shared:
        return frozenset()
    heads = files.cat_ranges(shared, 0, _HEAD_BYTES, on_error="return")
    return frozenset(
        path
        for path, head in zip(shared, heads, strict=True)
        if isinstance(head, bytes) and is_text(head)
    )


def is_text(head: bytes) -> bool:
    """Return True if the first bytes of a file are text in UTF-8 or a one-byte encoding.

    Packet headers of transport and program streams contain bytes that text does not contain, even
    if a recording begins inside a packet or is damaged there. A test for the sync byte (0x47, also
    the letter G) would fail in these cases.

    Example:
        >>> is_text(b"import { x } from './y';")
        True
        >>> is_text(bytes.fromhex("47400010 0000b00d 0001c100"))
        False
    """
    if not head:
        return False
    return all(byte >= 0x20 or byte in _TEXT_CONTROLS for byte in head) and 0x7F not in head
