"""Pixel aspect ratio of every decoded frame; it may change within a stream."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction
from typing import Final

import av
import av.error

from vidsearch.video.pyav.geometry.codec_change import CodecChange, decoder_like, parts
from vidsearch.video.pyav.rational import exact
from vidsearch.video.pyav.timing.packet_tags import PacketTag, PacketTagger

_LARGEST: Final = Fraction(4)
# Wide PAL pixels are 64:45 by the picture's shape and 16:11 by the standard.
_SAME: Final = Fraction(1, 20)
# Header of a sequence in MPEG-1 and MPEG-2: three bytes of width and height follow.
_SEQUENCE_CODECS: Final = frozenset({"mpeg1video", "mpeg2video"})
_SEQUENCE: Final = b"\0\0\1\xb3"
_SEQUENCE_BYTES: Final = 64


class AspectDecoder:
    """Decodes a stream and remembers the pixel aspect ratio of every frame.

    PyAV gives the ratio of the decoder, not of a frame. The decoder hands the opaque object of a
    packet to the frame of that packet, so the ratio read after a packet belongs to its frame.

    The ratio stated by the container wins over the ratio in the coded stream, as in players. If the
    container states none, or both agree at the start, a later coded ratio is followed.

    Args:
        stream: Stream that has not decoded yet.
    """

    def __init__(self, stream: av.VideoStream) -> None:
        self._context = stream.codec_context
        self._stated = exact(stream.sample_aspect_ratio)
        self._coded = self._coded_first = exact(self._context.sample_aspect_ratio)
        self._ratio = _usable(self._stated)
        # Frames of several decoder threads free their packets' objects on these threads, which
        # would wait for the interpreter that waits for them. The ratio may then be late by the
        # number of threads.
        self._tagged = self._context.thread_count == 1
        self._context.copy_opaque = self._tagged
        self._tagger = PacketTagger()
        self._sequences = self._context.name in _SEQUENCE_CODECS
        self._sequence = b""
        self._change = CodecChange(stream)

    def decode(self, packet: av.Packet[av.VideoStream]) -> list[av.VideoFrame]:
        """Return the frames that the decoder has ready after a packet."""
        begin = self._change.begin_of_other(packet)
        return self._decode_next(packet) if begin is None else self._go_on(packet, begin)

    def _go_on(self, packet: av.Packet[av.VideoStream], begin: int) -> list[av.VideoFrame]:
        """Decode with another codec from a byte of a packet on."""
        before, after = parts(packet, begin)
        held: list[av.VideoFrame] = []
        with suppress(av.error.FFmpegError, ValueError):
            held = self._decode_next(before) if before is not None else []
        with suppress(av.error.FFmpegError, ValueError):
            held += self._context.decode(None)
        for frame in held:
            if isinstance(frame.opaque, PacketTag):
                frame.opaque.ends_codec = True
        self._context = decoder_like(self._context, self._change.codec)
        self._sequences, self._sequence = self._context.name in _SEQUENCE_CODECS, b""
        # The container describes the first recording.
        self._stated = self._coded = self._coded_first = self._ratio = None
        return held + self._decode_next(after)

    def _decode_next(self, packet: av.Packet[av.VideoStream]) -> list[av.VideoFrame]:
        if self._sequences and packet.is_keyframe and self._changes_size(packet):
            # The decoder would drop the frame that it holds back.
            held = self._context.decode(None)
            self._context.flush_buffers()
            return held + self._decode(packet)
        return self._decode(packet)

    def _changes_size(self, packet: av.Packet[av.VideoStream]) -> bool:
        """Return True if the sequence header of a packet states another size than the last one."""
        head = bytes(packet)[:_SEQUENCE_BYTES]
        start = head.find(_SEQUENCE)
        size = head[start + 4 : start + 7] if start >= 0 else self._sequence
        changes = bool(self._sequence) and size != self._sequence
        self._sequence = size
        return changes

    def _decode(self, packet: av.Packet[av.VideoStream]) -> list[av.VideoFrame]:
        if not self._tagged:
            frames = self._context.decode(packet)
            for frame in frames:
                tag = PacketTag(None)
                tag.ratio = self._current_ratio()
                frame.opaque = tag
            return frames
        tag = self._tagger.tag(packet)
        packet.opaque = tag
        try:
            return self._context.decode(packet)
        finally:
            tag.ratio = self._current_ratio()

    def is_damaged(self, frame: av.VideoFrame) -> bool:
        """Return True if a frame was decoded with visible damage.

        FFmpeg may tear the last picture before a change of the codec; the file is not damaged.
        """
        tag = frame.opaque
        return bool(frame.is_corrupt) and not (isinstance(tag, PacketTag) and tag.ends_codec)

    def ratio_of(self, frame: av.VideoFrame) -> Fraction | None:
        """Return the width of a frame's pixels divided by their height; None if they are square.

        Frames with the same ratio have the same object.
        """
        tag = frame.opaque
        return tag.ratio if isinstance(tag, PacketTag) else self._current_ratio()

    def _current_ratio(self) -> Fraction | None:
        coded = exact(self._context.sample_aspect_ratio)
        if coded != self._coded:
            self._coded = coded
            self._coded_first = coded if self._coded_first is None else self._coded_first
            self._ratio = _usable(coded if self._follows_coded() else self._stated)
        return self._ratio

    def _follows_coded(self) -> bool:
        if self._stated is None:
            return True
        if self._coded_first is None or self._coded == self._coded_first:
            return False
        return abs(self._stated / self._coded_first - 1) < _SAME


def _usable(ratio: Fraction | None) -> Fraction | None:
    """Return None for square pixels, and for factors above four, which are damaged headers."""
    usable = ratio is not None and ratio != 1 and 1 / _LARGEST <= ratio <= _LARGEST
    return ratio if usable else None
