"""Packets of a container: a stream that appears late does not end in an error."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import pytest

from tests.helpers.videos import VideoSpec, write_video
from vidsearch.video.pyav.timing.demuxers import demuxed


class LateStream:
    """Container whose library asks for an unknown stream after the last packet."""

    def demux(self, *streams: object) -> Iterator[tuple[object, ...]]:
        yield streams
        raise IndexError("list index out of range")


def test_a_stream_that_appears_late_ends_the_packets() -> None:
    late: Any = LateStream()
    assert len(list(demuxed(late))) == 1


@pytest.mark.parametrize("chosen", [True, False])
def test_all_packets_come_and_one_that_ends_the_stream(tmp_path: Path, chosen: bool) -> None:
    path = write_video(tmp_path / "a.mp4", VideoSpec(frames=12, audio=True))
    with av.open(str(path)) as container:
        film = container.streams.video[0]
        packets = list(demuxed(container, [film] if chosen else []))
    of_film = [packet for packet in packets if packet.stream.index == film.index]
    assert [packet.size > 0 for packet in of_film] == [True] * 12 + [False]
    assert (len(of_film) == len(packets)) == chosen
