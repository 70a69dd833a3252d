"""Change of the codec within a film, as in recordings of different cameras joined byte by byte.

FFmpeg goes on with the decoder of the first recording. The picture at which the second one begins
is then the end of the last packet of the first, and up to two pictures before it are lost.

Source:
    ISO/IEC 13818-2, section 6.2.2.1; ISO/IEC 14496-2, section 6.2.2;
    ITU-T H.264 and H.265, section 7.3 and annex B.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias, cast

import av

from vidsearch.video.pyav.timing.demuxers import has_timeline, has_times

# The first bytes of headers with which decoding can begin, and the headers. They cannot occur in a
# film of another codec: an access unit delimiter and parameter sets; a sequence and its extension
# or group of pictures; a sequence of MPEG-4 and its object.
_DELIMITED: Final = {
    "h264": (
        b"\0\0\1\x09",
        re.compile(rb"\0\0\x01\x09[\x10\x30\x50\x70\x90\xb0\xd0\xf0]\0?\0\0\x01[\x27\x47\x67]"),
    ),
    "hevc": (b"\0\0\1\x46", re.compile(rb"\0\0\x01\x46\x01[\x10\x30\x50]\0?\0\0\x01\x40\x01")),
    "mpeg2video": (
        b"\0\0\1\xb3",
        re.compile(rb"\0\0\x01\xb3.{8}(?:.{64}){0,2}\0\0\x01[\xb5\xb8]", re.DOTALL),
    ),
    "mpeg4": (b"\0\0\1\xb0", re.compile(rb"\0\0\x01\xb0.\0\0\x01\xb5", re.DOTALL)),
}
# Program streams need no delimiters; these headers count at the start of a packet only.
_BARE: Final = {
    "h264": re.compile(rb"\0?\0\0\x01[\x47\x67][\x42\x4d\x58\x64\x6e\x7a\xf4]"),
    "hevc": re.compile(rb"\0?\0\0\x01\x40\x01[\x0c-\x0f]"),
}

Packet: TypeAlias = "av.Packet[av.VideoStream]"


class CodecChange:
    """Notices the packet at which a film changes its codec.

    Attributes:
        codec: Codec of the packets that follow.

    Args:
        stream: Film that has not decoded yet.
    """

    def __init__(self, stream: av.VideoStream) -> None:
        codec, container = stream.codec_context.name, stream.container.format.name
        self.codec = "mpeg2video" if codec == "mpeg1video" else codec
        # Other containers state one codec for the whole film.
        plain = not has_timeline(container) or not has_times(container)
        self._watched = plain and self.codec in _DELIMITED

    def begin_of_other(self, packet: Packet) -> int | None:
        """Return the byte of a packet at which another codec begins; None without a change."""
        if not self._watched or not packet.size:
            return None
        content = bytes(packet)
        for codec in _DELIMITED:
            begin = None if codec == self.codec else _begin(content, codec)
            if begin is not None:
                self.codec = codec
                return begin
        return None


def _begin(content: bytes, codec: str) -> int | None:
    """Return the byte at which a film of a codec begins; None without one."""
    if codec in _BARE and _BARE[codec].match(content):
        return 0
    first, header = _DELIMITED[codec]
    found = content.find(first)
    while found >= 0:
        if header.match(content, found):
            # A start code may have one more zero.
            return found - 1 if content[found - 1 : found] == b"\0" else found
        found = content.find(first, found + 1)
    return None


def parts(packet: Packet, begin: int) -> tuple[Packet | None, Packet]:
    """Return the packets before and from a byte on.

    The packet that follows has a time stamp only if the whole packet belongs to it.
    """
    if not begin:
        return None, packet
    content = bytes(packet)
    before, after = (cast("Packet", av.Packet(part)) for part in (content[:begin], content[begin:]))
    for part in (before, after):
        part.stream, part.time_base = packet.stream, packet.time_base
    before.pts, before.dts, before.duration = packet.pts, packet.dts, packet.duration
    before.is_keyframe, after.is_keyframe = packet.is_keyframe, True
    return before, after


def decoder_like(context: av.VideoCodecContext, codec: str) -> av.VideoCodecContext:
    """Return a decoder of another codec with the same limits and threads."""
    other = cast("av.VideoCodecContext", av.CodecContext.create(codec, "r"))
    other.options = dict(context.options)
    other.thread_count = context.thread_count
    if context.thread_count > 1:
        other.thread_type = "AUTO"
    other.copy_opaque = context.copy_opaque
    return other
