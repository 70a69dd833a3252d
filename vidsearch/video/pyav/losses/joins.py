"""Packets that FFmpeg reads wrongly, above all of files joined byte by byte."""

from __future__ import annotations

from typing import Final, cast

import av

from vidsearch.video.pyav.open import OpenedStream

_IVF: Final = b"DKIF"
# FFmpeg takes the first letters of the identification for the header of a frame.
_NUT: Final = b"/multimedia container"
_NUT_BYTES: Final = 32
_OGG_HEADERS: Final = (b"OVP80", b"\x80theora", b"\x81theora", b"\x82theora")


class JoinedFiles:
    """Corrects the packets of an index at the end, and of the second and later files.

    - IVF: FFmpeg takes the header of the second file for a frame as large as the rest.
    - Ogg, NUT: FFmpeg takes headers of the second file for frames.
    - Filmstrip: FFmpeg takes the index at the end for a frame.
    - Fragmented MP4: FFmpeg compares the times of the second file with the end of the first one and
      hides the frames that seem to be too early. If fragments state their places from the start of
      their own file, FFmpeg reads the first file again.

    Attributes:
        last_pos: Offset of the last packet, or of the one that is none; -1 without packets.

    Args:
        opened: Container and streams.
    """

    def __init__(self, opened: OpenedStream) -> None:
        self._source = opened.source
        self._is_ivf = opened.container.format.name == "ivf"
        self._is_nut = opened.container.format.name == "nut"
        self._is_ogg = opened.container.format.name == "ogg"
        self._is_filmstrip = opened.container.format.name == "filmstrip"
        self._is_mp4 = "mov" in opened.container.format.name.split(",")
        self._ended = self._restarted = False
        self._last_dts: int | None = None
        self.last_pos = -1

    def corrected(self, packet: av.Packet[av.VideoStream]) -> av.Packet[av.VideoStream] | None:
        """Return the packet to decode; None if it does not belong to the film."""
        if not packet.size:
            return packet
        pos = -1 if packet.pos is None else packet.pos
        if self._is_ogg and bytes(packet)[:8].startswith(_OGG_HEADERS):
            return None
        if self._is_nut and _NUT in bytes(packet)[:_NUT_BYTES]:
            self.last_pos = max(self.last_pos, pos)
            return None
        if self._is_filmstrip and packet.is_corrupt:
            return None
        if self._is_ivf and packet.is_corrupt:
            self._ended |= self._begins_file(pos)
        elif self._is_mp4:
            packet = self._of_fragment(packet, pos)
        self.last_pos = max(self.last_pos, pos)
        return None if self._ended else packet

    def _begins_file(self, pos: int) -> bool:
        if pos < 0:
            return False
        position = self._source.tell()
        head = self._source.read_at(pos, len(_IVF))
        self._source.seek(position)
        return head == _IVF

    def _of_fragment(
        self, packet: av.Packet[av.VideoStream], pos: int
    ) -> av.Packet[av.VideoStream]:
        dts = packet.dts
        if dts is not None and self._last_dts is not None and dts < self._last_dts:
            self._restarted = True
            self._ended |= pos <= self.last_pos
        self._restarted &= packet.is_discard
        self._last_dts = dts
        return _visible(packet) if self._restarted else packet

    def moved(self) -> None:
        """Note that the position in the file changed."""
        self._ended = self._restarted = False
        self._last_dts, self.last_pos = None, -1


def _visible(packet: av.Packet[av.VideoStream]) -> av.Packet[av.VideoStream]:
    """Return a copy of a packet that is not to be hidden."""
    copy = cast("av.Packet[av.VideoStream]", av.Packet(bytes(packet)))
    copy.stream, copy.time_base = packet.stream, packet.time_base
    copy.pts, copy.dts, copy.duration = packet.pts, packet.dts, packet.duration
    copy.is_keyframe = packet.is_keyframe
    return copy
