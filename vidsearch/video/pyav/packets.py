"""Packets of a container in the order of the file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import av


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
