"""The watch of a file by its container."""

from __future__ import annotations

from typing import Final

from vidsearch.video.losses.asf import asf_watch
from vidsearch.video.losses.coded import CodedWatch
from vidsearch.video.losses.ogg import OggWatch
from vidsearch.video.losses.program import ProgramWatch
from vidsearch.video.losses.transport import TransportWatch
from vidsearch.video.losses.watch import ByteWatch
from vidsearch.video.promises.promise import ReadAt
from vidsearch.video.promises.stream_ends import ts_packets

# MPEG-1 and MPEG-2 fill up with zeros; damaged frames are noticed by their decoders.
_ZERO_FREE: Final = frozenset({"h264", "hevc", "vvc"})
IMAGES: Final = frozenset({"mjpeg", "mpjpeg"})
"""Containers of JPEG images one after another; cameras may fill up with zeros between them."""

END_OF_IMAGE: Final = b"\xff\xd9"
"""Last bytes of a JPEG image."""


def byte_watch(container: str, read_at: ReadAt, stream_id: int) -> ByteWatch | None:
    """Return a watch for a container whose bytes show a loss; None for other containers.

    Args:
        container: FFmpeg's list of names, separated by commas.
        read_at: Bytes of the file.
        stream_id: Number of the film stream in the container.
    """
    name = container.partition(",")[0]
    if name == "mpegts" and (layout := ts_packets(read_at)) is not None:
        return TransportWatch(layout.packet_bytes, layout.before, stream_id)
    if name in {"asf", "asf_o"}:
        return asf_watch(read_at)
    if name in IMAGES:
        return CodedWatch(END_OF_IMAGE)
    watches: dict[str, type[ByteWatch]] = {
        "mpeg": ProgramWatch,
        "ogg": OggWatch,
        **dict.fromkeys(_ZERO_FREE, CodedWatch),
    }
    return watches[name]() if name in watches else None
