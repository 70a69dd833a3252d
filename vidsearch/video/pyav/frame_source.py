"""Decoded frames of an open stream, from its first packet or from a packet that was sought."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from fractions import Fraction
from itertools import chain, islice
from typing import Final, cast

import av
import av.error

from vidsearch.read_options import Anchor
from vidsearch.video.pyav.geometry.pixel_aspect import AspectDecoder
from vidsearch.video.pyav.losses.joins import JoinedFiles
from vidsearch.video.pyav.losses.meter import Signs
from vidsearch.video.pyav.losses.signs import LossSigns
from vidsearch.video.pyav.open import OpenedStream
from vidsearch.video.pyav.rational import exact
from vidsearch.video.pyav.seeking import (
    packets_from_anchor,
    packets_from_keyframe,
    seek,
    seek_byte,
)
from vidsearch.video.pyav.timing.demuxers import demuxed, finds_packets

_MAX_READ_ERRORS: Final = 1000
# Frames after a keyframe packet within which its frame must leave the decoder.
_FRAMES_TO_KEYFRAME: Final = 64

Packets = Iterator["av.Packet[av.VideoStream]"]
Frames = Iterator[av.VideoFrame]


class FrameSource:
    """Demuxes and decodes one video stream, and an audio stream beside it.

    Attributes:
        decoder: Decoder of the stream.
        errors: Packets that could not be read or decoded.
        damaged: Frames decoded with visible damage.
        moved: True if packets were left out or read without decoding them.

    Args:
        opened: Container and streams; the source closes it.
    """

    def __init__(self, opened: OpenedStream) -> None:
        self._opened: OpenedStream | None = opened
        self._audio: list[tuple[av.AudioFrame, Fraction]] = []
        self._frames: Generator[av.VideoFrame, None, None] | None = None
        self.errors = self.damaged = 0
        self.moved = False
        self.decoder = AspectDecoder(opened.stream)
        self._signs: LossSigns | None = None
        self._joined: JoinedFiles | None = None

    @property
    def opened(self) -> OpenedStream | None:
        """Container and streams; None once the source is closed."""
        return self._opened

    @property
    def signs(self) -> Signs:
        """Signs of losses up to the last packet."""
        errors = self.errors + self.damaged
        return Signs(possible=errors) if self._signs is None else self._signs.signs(errors)

    def watch_losses(self, *, from_start: bool) -> None:
        """Look for losses among the bytes that are read; see ``LossSigns.watch``."""
        if self._signs is not None:
            self._signs.watch(from_start=from_start)

    @property
    def last_pos(self) -> int | None:
        """Offset of the last packet of the film in the file; None if it is not known."""
        pos = -1 if self._joined is None else self._joined.last_pos
        return pos if pos >= 0 else None

    def frames(self, packets: Packets | None = None) -> Frames:
        """Yield frames decoded from here on, and end an earlier iteration.

        Args:
            packets: Packets to decode; None for the packets that follow in the file.
        """
        if self._frames is not None:
            self._frames.close()
        self._frames = self._decoded(self._packets() if packets is None else packets)
        return self._frames

    def packets(self) -> Packets:
        """Yield the packets that follow in the file, to look at them only."""
        self._stopped()
        return self._packets()

    def _packets(self) -> Packets:
        """Yield the packets of the video stream; decode the packets of the audio stream."""
        failed = furthest = 0
        while self._opened is not None and failed < _MAX_READ_ERRORS:
            try:
                # A generator that raised is finished: continue reading with a new generator.
                for packet in self._film_packets(self._opened):
                    failed = 0
                    yield packet
            except av.error.FFmpegError:
                self.errors += not failed
                # FFmpeg reports a long damaged part in pieces.
                position = 0 if self._opened is None else self._opened.source.tell()
                failed = failed + 1 if position <= furthest else 1
                furthest = max(furthest, position)
            else:
                return

    def _film_packets(self, opened: OpenedStream) -> Packets:
        film, audio = opened.stream, opened.audio
        if self._signs is None or self._joined is None:
            self._signs, self._joined = LossSigns(opened), JoinedFiles(opened)
        signs, joined = self._signs, self._joined
        for packet in demuxed(opened.container, () if signs.by_packets else opened.streams):
            # The packet that ends a stream has no index of its own.
            if packet.stream.index == film.index:
                signs.look_at(packet, of_film=True)
                corrected = joined.corrected(cast("av.Packet[av.VideoStream]", packet))
                if corrected is not None:
                    yield corrected
            elif audio is not None and packet.stream.index == audio.index:
                self._decode_audio(cast("av.Packet[av.AudioStream]", packet))
            else:
                signs.look_at(packet, of_film=False)

    def seek(self, tick: int) -> bool:
        """Move to a keyframe near a tick; return False if the container cannot be searched."""
        opened = self._stopped()
        found = seek(opened.container, opened.stream, tick)
        opened.source.check()
        return found

    def restart(self) -> None:
        """Move to the first packet by opening the container anew."""
        opened = self._stopped()
        opened.reopen()
        self._signs = self._joined = None
        self.decoder = AspectDecoder(opened.stream)

    def frames_from_keyframe(self, pts: int) -> Frames | None:
        """Yield the frames from the keyframe with this pts on; None if it was not found here."""
        packets = packets_from_keyframe(self._packets(), pts)
        first = next(packets, None)
        return None if first is None else _from_pts(self.frames(chain([first], packets)), pts)

    def frames_from_anchor(self, anchor: Anchor, before: Anchor | None) -> Frames | None:
        """Yield the frames from an anchor on; None if the file does not hold it.

        Args:
            anchor: First frame to yield.
            before: The anchor before it; None for the first anchor.
        """
        for move in (self._seek_anchor, self._restarted):
            if not move(anchor, before):
                continue
            packets = packets_from_anchor(self._packets(), anchor)
            first = next(packets, None)
            if first is not None:
                return _from_keyframe(self.frames(chain([first], packets)))
        return None

    def take_audio(self) -> list[tuple[av.AudioFrame, Fraction]]:
        """Return the audio frames decoded since the last call, with their seconds in the file."""
        frames, self._audio = self._audio, []
        return frames

    def close(self) -> None:
        """Free the decoder and the file."""
        if self._frames is not None:
            self._frames.close()
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def _seek_anchor(self, anchor: Anchor, before: Anchor | None) -> bool:
        opened = self._stopped()
        if not finds_packets(opened.container.format.name):
            found = seek(opened.container, opened.stream, anchor.stamp)
        else:
            # FFmpeg estimates times from the packets before. They have to be read again.
            found = before is not None and seek_byte(opened.container, opened.stream, before.pos)
        opened.source.check()
        return found

    def _restarted(self, *_anchors: Anchor | None) -> bool:
        self.restart()
        return True

    def _stopped(self) -> OpenedStream:
        """End the iteration of frames before the position in the file changes."""
        assert self._opened is not None
        if self._frames is not None:
            self._frames.close()
        self._audio = []
        if self._signs is not None:
            self._signs.moved()
        if self._joined is not None:
            self._joined.moved()
        self.moved = True
        return self._opened

    def _decoded(self, packets: Packets) -> Generator[av.VideoFrame, None, None]:
        decode = self.decoder.decode
        for packet in packets:
            try:
                yield from decode(packet)
            except (av.error.FFmpegError, ValueError):
                self.errors += 1
        if self._opened is not None:
            self._opened.source.check()

    def _decode_audio(self, packet: av.Packet[av.AudioStream]) -> None:
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            return
        for frame in frames:
            time_base = exact(frame.time_base)
            if frame.pts is not None and time_base is not None:
                self._audio.append((frame, frame.pts * time_base))


def _from_keyframe(frames: Frames) -> Frames:
    """Leave out the frames that are displayed before the keyframe with which decoding began."""
    for frame in islice(frames, _FRAMES_TO_KEYFRAME):
        if frame.key_frame:
            yield frame
            yield from frames
            return


def _from_pts(frames: Frames, pts: int) -> Frames:
    """Leave out frames displayed before a keyframe; they may refer to frames not decoded."""
    for frame in frames:
        if frame.pts is not None and frame.pts >= pts:
            yield frame
            yield from frames
            return
