"""Opening a container with FFmpeg; FFmpeg reads this one file and no other."""

from __future__ import annotations

from typing import Final, NoReturn, cast

import av
import av.container
import av.error
import av.stream

from vidsearch.errors import NoVideoStreamError, VideoOpenError
from vidsearch.media.kinds import image_format, is_playlist
from vidsearch.text.printable import printable
from vidsearch.video.source import ByteSource
from vidsearch.video.types import StreamInfo

# FFmpeg's demuxers of self-contained formats. Excluded are demuxers that open names written in a
# file (playlists, concat, image sequences), capture devices and images.
_CONTAINERS = """
mov matroska webm avi mpegts mpeg mpegvideo m4v h261 h263 h264 hevc vvc obu av1 ivf vc1 vc1test flv
live_flv kux asf asf_o ogg rm mxf gxf nut wtv dv dhav nsv pva ty yuv4mpegpipe avs2 avs3 cavsvideo
dirac dnxhd evc amv smk bink mtv nuv
"""
CONTAINERS: Final = tuple(_CONTAINERS.split())
# Audio files are opened only to report that they hold no video stream.
AUDIO_CONTAINERS: Final = ("mp3", "aac", "ac3", "eac3", "wav", "w64", "flac", "aiff", "caf", "ape")
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
            self.container = _open_container(uri, self.source)
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


def _open_container(uri: str, source: ByteSource) -> av.container.InputContainer:
    head = source.head()
    source.check()
    _reject_non_video(uri, head)
    try:
        return av.open(
            source,
            mode="r",
            options={"format_whitelist": ",".join(CONTAINERS + AUDIO_CONTAINERS)},
            metadata_errors="replace",
            buffer_size=source.buffer_bytes,
            io_open=_reject_other_file,
        )
    except (av.error.FFmpegError, OSError, ValueError) as error:
        source.check()
        raise VideoOpenError(_open_failure(uri, head, error)) from error


def _reject_other_file(name: str, *_: object) -> NoReturn:
    raise PermissionError(f"a video file must not open another file; got {name!r}")


def _reject_non_video(uri: str, head: bytes) -> None:
    if not head:
        raise VideoOpenError(f"'{printable(uri)}' is empty (0 bytes); copy or download it again")
    image = image_format(head)
    if image is not None:
        raise VideoOpenError(
            f"'{printable(uri)}' is an image ({image}), not a video; search with it, or leave it "
            "out"
        )
    if is_playlist(head):
        raise VideoOpenError(
            f"'{printable(uri)}' is a playlist, which only names other files; give these files "
            "instead"
        )


def _open_failure(uri: str, head: bytes, error: Exception) -> str:
    if head[4:8] in {b"ftyp", b"mdat", b"moov", b"free", b"wide"}:
        return (
            f"'{printable(uri)}' is an MP4 whose index (moov) is missing or damaged, as in a file "
            "that was cut off; copy it again, or rebuild its index with a repair tool"
        )
    return (
        f"'{printable(uri)}' is not a video file of a known format ({type(error).__name__}); "
        "replace it, or leave it out"
    )


def _film_streams(container: av.container.InputContainer) -> list[av.VideoStream]:
    """Return the video streams that are no cover images."""
    cover = av.stream.Disposition.attached_pic | av.stream.Disposition.timed_thumbnails
    return [s for s in container.streams.video if not s.disposition & cover]


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
