"""Opening a video: its container and the stream to decode."""

from __future__ import annotations

from typing import Final, cast

import av
import av.container
import av.stream
from av.stream import Disposition

from vidsearch.errors import NoVideoStreamError
from vidsearch.text.printable import printable
from vidsearch.video.pyav.container import OpenedContainer, open_container
from vidsearch.video.pyav.streams import (
    FilmStreams,
    StreamLook,
    film_streams,
    look,
    needs_look,
)
from vidsearch.video.source import ByteSource
from vidsearch.video.types import StreamInfo

MAX_PIXELS: Final = 8192 * 8192
_GENERATE_PTS = 1  # AVFMT_FLAG_GENPTS


class OpenedStream:
    """Open file with its container and the streams to decode.

    Attributes:
        source: Bytes of the file.
        container: FFmpeg's container.
        stream: Video stream to decode.
        audio: Audio stream to decode; None without an audio stream or without ``audio=True``.
        converted_from: Format of the file if FFmpeg reads a converted copy, e.g. ``webp``.

    Args:
        uri: Path, or a URI known to fsspec.
        source: Bytes of the file; None to open ``uri``.
        max_pixels: Largest frame that is decoded, in pixels.
        stream: Index of the video stream; None: the default stream, else the largest.
    """

    def __init__(
        self,
        uri: str,
        *,
        source: ByteSource | None = None,
        max_pixels: int = MAX_PIXELS,
        stream: int | None = None,
    ) -> None:
        self._uri = uri
        self._max_pixels = max_pixels
        self.source = source if source is not None else ByteSource(uri)
        self.audio: av.AudioStream | None = None
        try:
            opened, stream_look = _open_with_look(uri, self.source, max_pixels)
            self.container, self.source = opened.container, opened.source
            self.converted_from = opened.converted_from
        except BaseException:
            self.source.close()
            raise
        try:
            self._films = film_streams(uri, self.container, stream_look, max_pixels)
            self.stream = _video_stream(uri, self.container, self._films, stream)
        except BaseException:
            self.close()
            raise

    @property
    def streams(self) -> list[av.VideoStream | av.AudioStream]:
        """Streams to demux."""
        return [self.stream] if self.audio is None else [self.stream, self.audio]

    @property
    def other_streams(self) -> tuple[StreamInfo, ...]:
        """Video streams that are not decoded, without cover images."""
        return tuple(info for info in self._films.infos if info.index != self.stream.index)

    @property
    def is_only_video(self) -> bool:
        """True if no player can show another stream of the file instead, not even a poster."""
        attached, timed = Disposition.attached_pic, Disposition.timed_thumbnails
        tracks = [
            stream
            for stream in self.container.streams.video
            if not stream.disposition & attached or stream.disposition & timed
        ]
        return len(tracks) == 1

    def set_up(self, threads: int, *, audio: bool = False) -> None:
        """Prepare the decoder and discard every other stream.

        Args:
            threads: Decoder threads.
            audio: Keep the first audio stream that can be decoded.
        """
        if audio:
            decodable = (s for s in self.container.streams.audio if s.codec_context is not None)
            self.audio = next(decodable, None)
        indices = {stream.index for stream in self.streams}
        for other in self.container.streams:
            if other.index not in indices:
                other.discard = av.stream.Discard.all
        context = self.stream.codec_context
        # Frames may become larger within a stream: the decoder rejects frames above the limit.
        context.options = {"max_pixels": str(self._max_pixels)}
        context.thread_count = threads
        if threads > 1:
            context.thread_type = "AUTO"
        if "avi" in self.container.format.name:
            # AVI stores no presentation times. FFmpeg generates times that are out of order.
            self.container.flags &= ~_GENERATE_PTS

    def reopen(self) -> None:
        """Open the container anew at its first packet, with the same streams and decoder."""
        index, threads = self.stream.index, self.stream.codec_context.thread_count
        self.container.close()
        self.container = open_container(self._uri, self.source, self._max_pixels).container
        self.stream = cast("av.VideoStream", self.container.streams[index])
        self.set_up(threads, audio=self.audio is not None)

    def close(self) -> None:
        """Close the container and the file."""
        self.container.close()
        self.source.close()


def container_name(stream: av.VideoStream) -> str:
    """Return the short name of a stream's container, e.g. ``mp4``."""
    name = stream.container.format.name
    return "mp4" if name.startswith("mov,") else name.split(",")[0]


def _open_with_look(
    uri: str, source: ByteSource, max_pixels: int
) -> tuple[OpenedContainer, StreamLook | None]:
    """Open a container; look into it first if its flags do not settle which stream is the film."""
    opened = open_container(uri, source, max_pixels)
    if not needs_look(opened.container):
        return opened, None
    try:
        stream_look = look(opened.container, max_pixels)
    finally:
        opened.container.close()
    source.check()
    return open_container(uri, source, max_pixels), stream_look


def _video_stream(
    uri: str, container: av.container.InputContainer, films: FilmStreams, index: int | None
) -> av.VideoStream:
    if index is None:
        index = films.decodable[0]
    elif index not in films.decodable:
        raise NoVideoStreamError(
            f"'{printable(uri)}' has no video stream {index} that can be decoded; choose one of "
            f"{', '.join(map(str, sorted(films.decodable)))}"
        )
    return next(stream for stream in container.streams.video if stream.index == index)
