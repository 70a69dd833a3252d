"""Opening a video: its container and the stream to decode."""

from __future__ import annotations

from typing import Final, cast

import av
import av.container
import av.stream

from vidsearch.errors import NoVideoStreamError, VideoOpenError
from vidsearch.text.printable import printable
from vidsearch.video.pyav.container import open_container
from vidsearch.video.source import ByteSource
from vidsearch.video.types import StreamInfo

# Containers whose packets carry presentation times and which can be searched for a time.
_SEEKABLE: Final = frozenset({"mov", "matroska", "webm", "mpegts"})
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
        self._max_pixels = max_pixels
        self.source = source if source is not None else ByteSource(uri)
        self.audio: av.AudioStream | None = None
        try:
            opened = open_container(uri, self.source, max_pixels)
            self.container, self.source = opened.container, opened.source
            self.converted_from = opened.converted_from
        except BaseException:
            self.source.close()
            raise
        try:
            self.stream = _video_stream(uri, self.container, self._max_pixels, stream)
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
        return tuple(
            _stream_info(stream)
            for stream in _film_streams(self.container)
            if stream.index != self.stream.index
        )

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

    def close(self) -> None:
        """Close the container and the file."""
        self.container.close()
        self.source.close()


def can_seek(container: str) -> bool:
    """Return True if a container can be searched for a time.

    Args:
        container: FFmpeg's list of names, separated by commas.
    """
    return not _SEEKABLE.isdisjoint(container.split(","))


def container_name(stream: av.VideoStream) -> str:
    """Return the short name of a stream's container, e.g. ``mp4``."""
    name = stream.container.format.name
    return "mp4" if name.startswith("mov,") else name.split(",")[0]


def _film_streams(container: av.container.InputContainer) -> list[av.VideoStream]:
    """Return the video streams that are no still images."""
    cover = av.stream.Disposition.attached_pic | av.stream.Disposition.timed_thumbnails
    streams = [s for s in container.streams.video if not s.disposition & cover]
    # An AVIF or HEIF sequence begins with a still image, as a stream of one frame.
    moving = any(s.frames > 1 for s in streams)
    return [s for s in streams if not (moving and s.frames == 1)]


def _stream_info(stream: av.VideoStream) -> StreamInfo:
    context = cast("av.VideoCodecContext | None", stream.codec_context)
    if context is None:
        return StreamInfo(index=stream.index, codec=None, width=None, height=None)
    return StreamInfo(
        index=stream.index,
        codec=context.name,
        width=stream.width or None,
        height=stream.height or None,
    )


def _video_stream(
    uri: str, container: av.container.InputContainer, max_pixels: int, index: int | None
) -> av.VideoStream:
    """Return the video stream to decode: the default stream, else the largest, as in players."""
    streams = _film_streams(container)
    if not streams:
        content = "only audio and a cover image" if container.streams.video else "no video stream"
        raise NoVideoStreamError(f"'{printable(uri)}' holds {content}; leave it out")
    decodable = [s for s in streams if s.codec_context is not None]
    if not decodable:
        raise VideoOpenError(
            f"'{printable(uri)}' uses a video codec that this FFmpeg does not decode; convert it "
            "to H.264"
        )
    default = [s for s in decodable if s.disposition & av.stream.Disposition.default]
    chosen = [s for s in decodable if s.index == index]
    if index is not None and not chosen:
        raise NoVideoStreamError(
            f"'{printable(uri)}' has no video stream {index} that can be decoded; choose one of "
            f"{', '.join(str(s.index) for s in decodable)}"
        )
    best = max(chosen or default or decodable, key=lambda s: s.width * s.height)
    if best.width * best.height > max_pixels:
        raise VideoOpenError(
            f"'{printable(uri)}' has frames of {best.width} x {best.height}, more than the "
            f"{max_pixels} pixels that are decoded; scale it down first"
        )
    return best
