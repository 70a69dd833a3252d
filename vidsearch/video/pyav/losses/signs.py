"""Signs of losses among the bytes and packets of an open video."""

from __future__ import annotations

from typing import Final

import av
import av.stream

from vidsearch.video.losses.coded import CodedWatch
from vidsearch.video.losses.transport import TransportWatch
from vidsearch.video.losses.watch import ByteWatch
from vidsearch.video.losses.watches import END_OF_IMAGE, IMAGES, byte_watch
from vidsearch.video.pyav.losses.meter import Signs
from vidsearch.video.pyav.open import OpenedStream
from vidsearch.video.pyav.timing.demuxers import is_covered_by_packets

# Bytes that were read to find the streams, before the watch; more were not read in order.
_PROBED_BYTES: Final = 64 << 20
_BLOCK: Final = 1 << 20
# Headers between two packets are smaller.
_UNCOVERED: Final = 256
_OVERLAP: Final = 32
# Matroska, NUT and FLV.
_BEGINNINGS: Final = (b"\x1aE\xdf\xa3", b"nut/multimedia container", b"onMetaData")
_HEADERS: Final = 1 << 16
# Bytes between two images, and headers between images of a web camera.
_PADDING: Final = b"\0\xff\r\n"
_TAIL: Final = 256


class LossSigns:
    """Counts losses of bytes before the packets of the film.

    Transport and program streams, Ogg and ASF show a loss in the bytes that pass by. In other
    formats, the packets of all streams cover the file; bytes between them are damaged.

    Attributes:
        by_packets: True if ``look_at`` has to be called for the packets of every stream.

    Args:
        opened: Container and streams.
    """

    def __init__(self, opened: OpenedStream) -> None:
        container, source = opened.container.format.name, opened.source
        readable = opened.converted_from is None
        self.by_packets = readable and opened.audio is None and is_covered_by_packets(container)
        self._source = source
        self._end: int | None = None
        self._last = Signs()
        self._uncovered = self._bytes = self._unended = 0
        # Some cameras leave the end of image out of every image.
        self._ended = False
        self._of_images = container in IMAGES
        self._watched = (container, opened.stream.id) if readable else None
        self._watch: ByteWatch | None = None
        if self.by_packets:
            for stream in opened.container.streams:
                stream.discard = av.stream.Discard.default

    def watch(self, *, from_start: bool) -> None:
        """Look at the bytes that pass by from here on, and at those that the decoder may hold.

        Args:
            from_start: Look at all bytes before, too, which were read to find the streams.
        """
        if self._watched is None:
            return
        source, position = self._source, self._source.tell()
        self._watch = watch = byte_watch(self._watched[0], source.read_at, self._watched[1])
        begin = 0 if from_start else max(0, position - source.buffer_bytes)
        if watch is not None and position - begin <= _PROBED_BYTES:
            for offset in range(begin, position, _BLOCK):
                watch.passed(offset, source.read_at(offset, min(_BLOCK, position - offset)))
        source.seek(position)
        source.watch = None if watch is None else watch.passed

    def signs(self, errors: int) -> Signs:
        """Return the signs up to the last packet of the film.

        Args:
            errors: Packets that could not be read or decoded, and damaged frames.
        """
        if isinstance(self._watch, TransportWatch | CodedWatch):
            proven, possible = self._bytes + self._unended, errors
        else:
            proven, possible = 0, errors + self._bytes + self._uncovered
        if (proven, possible) != (self._last.proven, self._last.possible):
            self._last = Signs(proven, possible)
        return self._last

    def look_at(self, packet: av.Packet[av.stream.Stream], *, of_film: bool) -> None:
        """Look at the place of the next packet in the file."""
        if self._of_images and packet.size:
            ended = END_OF_IMAGE in bytes(packet).rstrip(_PADDING)[-_TAIL:]
            self._unended += self._ended and not ended
            self._ended = ended
        pos = packet.pos
        if pos is None or pos < 0:
            return
        if of_film and self._watch is not None:
            self._bytes = max(self._bytes, self._watch.log.until(pos))
        if not self.by_packets or not packet.size:
            return
        if self._end is not None and not -_OVERLAP <= pos - self._end <= _UNCOVERED:
            self._uncovered += not self._begins_file(self._end, pos)
        self._end = max(self._end or 0, pos + packet.size)

    def _begins_file(self, begin: int, end: int) -> bool:
        """Return True if the header of a joined file lies between two packets."""
        position = self._source.tell()
        between = self._source.read_at(begin, max(0, min(end - begin, _HEADERS)))
        self._source.seek(position)
        return any(mark in between for mark in _BEGINNINGS)

    def moved(self) -> None:
        """Note that the position in the file changed."""
        self._end = None
