"""Recognition of a video in a folder: by the ending of its name, or by its first bytes."""

from __future__ import annotations

import re
from typing import Final

from vidsearch.media.animation import ANIMATION_BYTES, ANIMATION_ENDINGS, is_animation
from vidsearch.media.endings import (
    OTHER_ENDINGS,
    SHARED_WITH_OTHERS,
    VIDEO_ENDINGS,
    ending_of,
    is_text,
)
from vidsearch.media.kinds import file_kind

HEAD_BYTES: Final = 4096
"""Bytes that are read of a file whose ending does not decide."""

SMALLEST_VIDEO_BYTES: Final = 1024
"""Files below this size are not examined: a second of the smallest video is larger."""

_PACKET_BYTES = (188, 192, 204)  # plain; with a time stamp; with error correction
_PACKETS = 5

# Offset of the signature, and the signature.
_SIGNATURES: Final[tuple[tuple[int, bytes], ...]] = (
    (0, b"\x1aE\xdf\xa3"),  # Matroska, WebM
    (8, b"AVI "),
    (8, b"AVIX"),
    (8, b"AMV "),
    (8, b"CDXA"),  # Video CD
    (0, b"FLV\1"),
    (0, b"KDK\0"),  # KUX
    (0, bytes.fromhex("000001ba")),  # MPEG program stream
    (0, bytes.fromhex("000001b3")),  # MPEG-1 and MPEG-2
    (0, bytes.fromhex("000001b0")),  # MPEG-4
    (0, bytes.fromhex("0000010f")),  # VC-1
    (0, b"IMKH"),  # program stream of a Hikvision recorder
    (0, bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")),  # ASF, WMV
    (0, bytes.fromhex("b7d800203749da11a64e0007e95ead8d")),  # WTV
    (0, b".RMF"),
    (0, bytes.fromhex("060e2b34020501")),  # MXF
    (0, bytes.fromhex("0000000001bc")),  # GXF
    (0, b"nut/multimedia container"),
    (0, b"DKIF"),
    (0, b"YUV4MPEG2 "),
    (0, b"DHAV"),
    (0, b"dhav"),
    (0, b"NSVf"),
    (0, b"NSVs"),
    (0, bytes.fromhex("f5467abd")),  # TiVo
    (0, b"NuppelVideo"),
    (0, b"MythTVVideo"),
    (0, b"SMK2"),
    (0, b"SMK4"),
    (0, b"BBCD"),  # Dirac
    (0, b"LUCAM-RECORDER"),  # SER
    (0, b"MLVI"),
    (0, b"LEITCH"),  # LXF
    (0, b"FILM\0"),  # Sega
    (0, b"ARMovie"),  # RPL
    (4, b"RED1"),
    (4, b"RED2"),
    (0, bytes.fromhex("000002800100")),  # DNxHD
    (0, bytes.fromhex("12000a")),  # AV1: temporal delimiter, then sequence header
)
_PATTERNS: Final = (
    re.compile(rb"BIK[bdfghik]|KB2[adfghijk]"),
    re.compile(rb"AV[\x01\x02].\x55", re.DOTALL),  # PVA
    re.compile(rb"\x1f\x07\x00[\x3f\xbf]"),  # DV
    # Start code, and a unit that opens a stream: parameter set or delimiter (H.264, H.265, H.266).
    re.compile(rb"\x00?\x00\x00\x01([\x07\x27\x47\x67\x09\x29\x49\x69]|[\x40\x42\x46]\x01)"),
    re.compile(rb"\x00?\x00\x00\x01\x00[\x71\x79\x81\xa1]"),  # H.266
    re.compile(rb"\r?\n?--[^\r\n]+\r?\nContent-Type: *image/jpeg", re.IGNORECASE),
)
_ATOMS: Final = frozenset({b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"})
_SOUND_BRANDS: Final = frozenset({b"M4A ", b"M4B ", b"M4P ", b"F4A ", b"F4B "})
_OGG_VIDEO: Final = (b"\x80theora", b"BBCD\0", b"OVP80", b"video\0\0\0", b"fishead")
_FRAGMENTS: Final = frozenset({b"styp", b"moof", b"sidx", b"emsg"})
# Music of an Amiga: the identification behind the table of instruments.
_MUSIC_OFFSET = 1080
_MUSIC: Final = re.compile(rb"M\.K\.|M!K!|FLT[48]|\d\dCH|\dCHN|OCTA|CD81")


def head_bytes(name: str, size: int) -> int:
    """Return the number of bytes that ``holds_video`` needs; 0 if the ending decides.

    Args:
        name: Name of the file.
        size: Size of the file, bytes.
    """
    ending = ending_of(name)
    if ending in ANIMATION_ENDINGS:
        return ANIMATION_BYTES
    if ending in SHARED_WITH_OTHERS or ending == ".m4s":
        return HEAD_BYTES
    if ending in VIDEO_ENDINGS or ending in OTHER_ENDINGS or size < SMALLEST_VIDEO_BYTES:
        return 0
    return HEAD_BYTES


def holds_video(name: str, head: bytes) -> bool:
    """Return True if a file in a folder is taken for a video.

    A file with a video ending is a video whatever it holds, so that a damaged one is reported. The
    exceptions are text with an ending of ``SHARED_WITH_OTHERS``, and pieces of a DASH stream that
    cannot be decoded alone. Of image formats, only animations are videos. A file with an unknown
    ending or without one is a video if its first bytes say so.

    Args:
        name: Name of the file.
        head: First ``head_bytes`` bytes.
    """
    ending = ending_of(name)
    if ending in ANIMATION_ENDINGS:
        return is_animation(head)
    if ending == ".m4s":
        return head[4:8] not in _FRAGMENTS
    if ending in SHARED_WITH_OTHERS:
        return not is_other_content(ending, head)
    if ending in VIDEO_ENDINGS:
        return True
    return ending not in OTHER_ENDINGS and is_video_content(head)


def is_other_content(ending: str, head: bytes) -> bool:
    """Return True for text, PostScript and music with a video ending; False for an empty head.

    Args:
        ending: Ending of the name, in lower case.
        head: First ``HEAD_BYTES`` of the file.
    """
    if is_text(head):
        return True
    kind = file_kind(head)
    if ending == ".mod" and _MUSIC.match(head, _MUSIC_OFFSET):
        return True
    return ending == ".ps" and kind is not None and kind.category == "document"


def is_video_content(head: bytes) -> bool:
    """Return True if the first bytes of a file are those of a video.

    Example:
        >>> is_video_content(b"RIFF" + bytes(4) + b"AVI LIST"), is_video_content(b"RIFF....WAVE")
        (True, False)
    """
    if head[4:8] == b"ftyp":
        return _is_iso_video(head)
    if head[4:8] in _ATOMS:
        return True
    if head.startswith(b"OggS"):
        return any(codec in head for codec in _OGG_VIDEO)
    return (
        any(head.startswith(signature, offset) for offset, signature in _SIGNATURES)
        or any(pattern.match(head) for pattern in _PATTERNS)
        or _is_transport_stream(head)
    )


def _is_iso_video(head: bytes) -> bool:
    kind = file_kind(head)
    if kind is None or head[8:12] in _SOUND_BRANDS:
        return False
    return kind.name == "MP4" or is_animation(head)


def _is_transport_stream(head: bytes) -> bool:
    """Return True if the sync byte recurs at the distance of packets."""
    return any(
        all(head[start + n * length : start + n * length + 1] == b"\x47" for n in range(_PACKETS))
        for length in _PACKET_BYTES
        for start in range(min(length, len(head)))
        if head[start] == 0x47
    )
