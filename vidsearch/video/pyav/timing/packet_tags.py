"""Objects that a decoder hands from a packet to the frame of that packet."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import av


@dataclass(frozen=True, slots=True)
class KeyframePacket:
    """Packet of a keyframe that can be found again in the file.

    Attributes:
        pos: Position in the file from which this is the first keyframe, bytes.
        size: Bytes of the packet.
        stamp: Decoding time stamp; None without one.
    """

    pos: int
    size: int
    stamp: int | None


class PacketTag:
    """Opaque object of a packet.

    Attributes:
        ratio: Pixel aspect ratio of the packet's frame.
        keyframe: The packet, if it is a keyframe that can be found again.
        ends_codec: True for the last frames before the film changes its codec.
    """

    __slots__ = ("ends_codec", "keyframe", "ratio")

    def __init__(self, keyframe: KeyframePacket | None) -> None:
        self.ratio: Fraction | None = None
        self.keyframe = keyframe
        self.ends_codec = False


class PacketTagger:
    """Makes the tags of the packets of a stream, in their order in the file.

    In some formats, a packet has a position only if it is the first one of a block. A keyframe
    without a position is found from the position before it if no other keyframe lies between.
    """

    def __init__(self) -> None:
        self._pos: int | None = None
        self._keyframe_since = False

    def tag(self, packet: av.Packet[av.VideoStream]) -> PacketTag:
        """Return the tag of the next packet."""
        pos = packet.pos
        if pos is not None and pos != self._pos:
            self._pos, self._keyframe_since = pos, False
        if not packet.is_keyframe or self._keyframe_since or self._pos is None:
            return PacketTag(None)
        self._keyframe_since = True
        stamp = packet.pts if packet.dts is None else packet.dts
        return PacketTag(KeyframePacket(self._pos, packet.size, stamp))
