"""FFmpeg's demuxers: properties that decide about times and seeking, and their packets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import av

_NO_TIMES: Final = frozenset(
    (
        *("h261", "h263", "h264", "hevc", "vvc", "mpegvideo", "vc1", "obu", "av1", "avs2"),
        *("avs3", "cavsvideo", "dirac", "dnxhd", "evc", "apv", "mjpeg", "mpjpeg"),
    )
)
_NO_TIMELINE: Final = frozenset({"mpegts", "mpeg", "pva", "ty"})
_SEARCHABLE: Final = frozenset(
    {"mov", "matroska", "webm", "mpegts", "avi", "flv", "asf", "nut", "ogg", "ivf", "mxf"}
)
_SLICED: Final = frozenset({"mov", "matroska", "webm", "mpegts"})
_COVERED: Final = frozenset({"matroska", "webm", "flv", "live_flv", "kux", "nut"})
_BYTE_SEEKING: Final = frozenset({"mpegts", "mpeg", "m4v"}) | _NO_TIMES


def has_times(container: str) -> bool:
    """Return False for a coded stream without a container: FFmpeg then guesses 25 frames a second.

    Args:
        container: FFmpeg's list of names, separated by commas; so in all functions.
    """
    return _NO_TIMES.isdisjoint(container.split(","))


def has_timeline(container: str) -> bool:
    """Return False for a stream format: a leap of its clock is then a new recording, not a gap."""
    return _NO_TIMELINE.isdisjoint(container.split(","))


def is_searchable(container: str) -> bool:
    """Return True if a packet's times do not depend on where reading began.

    FFmpeg estimates times in program streams and some rare formats; after a seek, they differ.
    """
    return not _SEARCHABLE.isdisjoint(container.split(","))


def is_sliced(container: str) -> bool:
    """Return True if packets carry presentation times and keyframes are found by their times."""
    return not _SLICED.isdisjoint(container.split(","))


def finds_packets(container: str) -> bool:
    """Return True if the demuxer finds the next packet from any byte of the file."""
    return not _BYTE_SEEKING.isdisjoint(container.split(","))


def is_covered_by_packets(container: str) -> bool:
    """Return True if small headers are all that lies between the packets of a file."""
    return not _COVERED.isdisjoint(container.split(","))


def demuxed(
    container: av.container.InputContainer, streams: Iterable[av.stream.Stream] = ()
) -> Iterator[av.Packet[Any]]:
    """Yield the packets of some streams, at the end one without data for each stream.

    Args:
        container: Open container.
        streams: The streams; none for all.

    Raises:
        FFmpegError: The file cannot be read on.
    """
    try:
        yield from container.demux(*streams)
    except IndexError:
        # At the end, PyAV may ask for a stream that appeared while the file was read, e.g. the
        # sound of an FLV file that begins late. It does not know that stream; the others are done.
        return
