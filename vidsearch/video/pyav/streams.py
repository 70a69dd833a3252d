"""Choice of the video stream among the streams of a container.

Flags of covers, posters and default tracks are often wrong. If a container holds several video
streams, packets near its start and its middle are counted, and one frame of every stream is
decoded. A stream with one packet beside a moving one is a picture, whatever its flags state.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, cast

import av
import av.container
import av.error
import av.stream

from vidsearch.errors import NoVideoStreamError, VideoOpenError
from vidsearch.text.printable import printable
from vidsearch.video.pyav.timing.demuxers import demuxed
from vidsearch.video.types import StreamInfo

_COVER: Final = av.stream.Disposition.attached_pic | av.stream.Disposition.timed_thumbnails
_DEFAULT: Final = av.stream.Disposition.default
_PICTURE_CODECS: Final = frozenset(
    {"mjpeg", "ljpeg", "jpegls", "jpeg2000", "png", "apng", "bmp", "gif", "webp", "tiff", "targa"}
)
# Streams of thumbnails have far fewer pictures than the film beside them.
_FRAMES_PER_THUMBNAIL: Final = 10
# Ten seconds of film at 25 frames per second. Bounds for files with damaged interleaving.
_PACKETS_OF_FILM: Final = 250
_MAX_PACKETS: Final = 5000
_MAX_BYTES: Final = 32 << 20


@dataclass(slots=True)
class StreamLook:
    """Video packets read in a bounded look into a container.

    Attributes:
        packets: Position and time stamps of every packet, by index of the stream.
        sizes: Width and height of a decoded frame, by index of the stream.
        at_end: True if the look read the file to its end.
    """

    packets: dict[int, set[tuple[int | None, ...]]] = field(default_factory=dict)
    sizes: dict[int, tuple[int, int]] = field(default_factory=dict)
    at_end: bool = False

    def count(self, stream: av.VideoStream) -> int:
        """Return the number of packets of a stream."""
        return len(self.packets.get(stream.index, ()))


@dataclass(frozen=True, slots=True)
class FilmStreams:
    """Video streams of a container that are no covers.

    Attributes:
        decodable: Indices of the streams that can be decoded, the film first.
        infos: Facts of every stream, in the order of the container.
    """

    decodable: tuple[int, ...]
    infos: tuple[StreamInfo, ...]


def needs_look(container: av.container.InputContainer) -> bool:
    """Return True if the flags of a container do not settle which video stream is the film."""
    streams = _unflagged(container)
    if len(streams) != 1:
        return len(streams) > 1
    return bool(container.streams.audio) and _codec(streams[0]) in _PICTURE_CODECS


def look(container: av.container.InputContainer, max_pixels: int) -> StreamLook:
    """Look at the packets near the start and the middle of a container.

    The container cannot be decoded afterwards: open it again.

    Args:
        container: Container that was not read yet.
        max_pixels: Largest frame that is decoded, in pixels.
    """
    found = StreamLook()
    streams = _unflagged(container)
    for stream in streams:
        context = cast("av.VideoCodecContext | None", stream.codec_context)
        if context is not None:
            context.options = {"max_pixels": str(max_pixels)}
            context.thread_count = 1
    enough = _PACKETS_OF_FILM if len(streams) > 1 else 2
    found.at_end = _read(container, streams, enough, found)
    if not found.at_end and container.duration:
        try:
            container.seek((container.start_time or 0) + container.duration // 2)
        except (av.error.FFmpegError, OSError):
            return found
        _read(container, streams, enough, found)
    return found


def film_streams(
    uri: str,
    container: av.container.InputContainer,
    stream_look: StreamLook | None,
    max_pixels: int,
) -> FilmStreams:
    """Return the video streams that are no covers, the film first.

    The film is the largest of the streams flagged as default, else the largest stream.

    Args:
        uri: Name in errors.
        container: Open container.
        stream_look: Result of a look into it; None if its flags settle the question.
        max_pixels: Largest frame that is decoded, in pixels.

    Raises:
        NoVideoStreamError: The container holds no video stream, or only covers.
        VideoOpenError: No stream can be decoded, or all frames are too large.
    """
    streams = _films(container, stream_look)
    if not streams:
        content = "only audio and a cover image" if container.streams.video else "no video stream"
        raise NoVideoStreamError(f"'{printable(uri)}' holds {content}; leave it out")
    infos = {stream.index: _info(stream, stream_look, max_pixels) for stream in streams}
    usable = [stream for stream in streams if infos[stream.index].failure is None]
    if not usable:
        # A reader states that none of the frames can be decoded.
        usable = [s for s in streams if _codec(s) and _area(infos[s.index]) <= max_pixels]
    if not usable:
        raise VideoOpenError(_none_usable(uri, list(infos.values()), max_pixels))

    def preference(stream: av.VideoStream) -> tuple[bool, bool, int, int]:
        undecoded = stream_look is not None and stream.index not in stream_look.sizes
        no_default = not stream.disposition & _DEFAULT
        return undecoded, no_default, -_area(infos[stream.index]), stream.index

    decodable = tuple(stream.index for stream in sorted(usable, key=preference))
    return FilmStreams(decodable, tuple(infos.values()))


def _unflagged(container: av.container.InputContainer) -> list[av.VideoStream]:
    return [stream for stream in container.streams.video if not stream.disposition & _COVER]


def _codec(stream: av.VideoStream) -> str | None:
    context = cast("av.VideoCodecContext | None", stream.codec_context)
    return None if context is None else context.name


def _size(stream: av.VideoStream) -> tuple[int, int]:
    """Return the size stated by the container; (0, 0) if it is not known."""
    return (stream.width, stream.height) if _codec(stream) is not None else (0, 0)


def _area(info: StreamInfo) -> int:
    return (info.width or 0) * (info.height or 0)


def _read(
    container: av.container.InputContainer,
    streams: list[av.VideoStream],
    enough: int,
    found: StreamLook,
) -> bool:
    """Read on until a stream has ``enough`` packets; return True at the end of the file."""
    video = {stream.index: stream for stream in streams}
    read: dict[int, int] = dict.fromkeys(video, 0)
    count = size = 0
    for packet in _packets(container):
        stream = video.get(packet.stream_index)
        if stream is not None:
            if packet.size:
                packets = found.packets.setdefault(stream.index, set())
                packets.add((packet.pos, packet.dts, packet.pts))
                read[stream.index] += 1
            _decode(packet, stream, found)
        count, size = count + 1, size + packet.size
        if max(read.values()) >= enough or count >= _MAX_PACKETS or size >= _MAX_BYTES:
            return False
    return True


def _packets(container: av.container.InputContainer) -> Iterator[av.Packet[Any]]:
    try:
        yield from demuxed(container)
    except av.error.FFmpegError:
        return


def _decode(packet: av.Packet[Any], stream: av.VideoStream, found: StreamLook) -> None:
    if stream.index in found.sizes or _codec(stream) is None:
        return
    try:
        frames = stream.codec_context.decode(packet)
    except (av.error.FFmpegError, ValueError):
        return
    if frames:
        found.sizes[stream.index] = (frames[0].width, frames[0].height)


def _films(
    container: av.container.InputContainer, stream_look: StreamLook | None
) -> list[av.VideoStream]:
    """Return the streams that are no pictures."""
    streams = _unflagged(container)
    if stream_look is None:
        return streams
    most = max(map(stream_look.count, streams), default=0)
    if most <= 1:
        only_covers = bool(container.streams.audio)
        return [s for s in streams if not (only_covers and _is_cover(s, stream_look))]
    # A programme may list a stream of which the file holds nothing.
    streams = [s for s in streams if stream_look.count(s) or _size(s)[0]]
    return [s for s in streams if not _is_picture(s, stream_look, most)]


def _is_cover(stream: av.VideoStream, stream_look: StreamLook) -> bool:
    return stream_look.count(stream) == 1 and _codec(stream) in _PICTURE_CODECS


def _is_picture(stream: av.VideoStream, stream_look: StreamLook, most: int) -> bool:
    """Return True for a cover, a poster or a stream of thumbnails beside a film."""
    count = stream_look.count(stream)
    few = 0 < count * _FRAMES_PER_THUMBNAIL <= most
    return count == 1 or (few and _codec(stream) in _PICTURE_CODECS)


def _info(stream: av.VideoStream, stream_look: StreamLook | None, max_pixels: int) -> StreamInfo:
    codec = _codec(stream)
    width, height = _size(stream)
    failure = None
    if stream_look is not None and stream.index in stream_look.sizes:
        width, height = stream_look.sizes[stream.index]
    elif stream_look is not None and (
        stream_look.at_end or stream_look.count(stream) >= _PACKETS_OF_FILM
    ):
        failure = f"none of its first {stream_look.count(stream)} packets could be decoded"
    if codec is None:
        failure = "this FFmpeg does not decode its codec"
    elif width * height > max_pixels:
        failure = _too_large(width, height, max_pixels)
    return StreamInfo(
        index=stream.index,
        codec=codec,
        width=width or None,
        height=height or None,
        failure=failure,
    )


def _none_usable(uri: str, infos: list[StreamInfo], max_pixels: int) -> str:
    largest = max(infos, key=_area)
    if largest.codec is None:
        return (
            f"'{printable(uri)}' uses a video codec that this FFmpeg does not decode; convert it "
            "to H.264"
        )
    size = _too_large(largest.width or 0, largest.height or 0, max_pixels)
    return f"'{printable(uri)}' has {size}; scale it down first"


def _too_large(width: int, height: int, max_pixels: int) -> str:
    return f"frames of {width} x {height}, more than the {max_pixels} pixels that are decoded"
