"""Opening a container with FFmpeg so that it reads this one file and nothing else."""

from __future__ import annotations

from typing import Final, NoReturn

import av
import av.container
import av.error
import av.stream

from vidsearch.errors import NoVideoStreamError, VideoOpenError
from vidsearch.text.printable import printable
from vidsearch.video.source import ByteSource, is_playlist, picture_kind

# FFmpeg's demuxers whose files carry their own pictures. Left out are those that follow names
# written in a file (playlists, concat, image sequences), capture devices and still pictures.
CONTAINERS: Final = (
    "mov", "matroska", "webm", "avi", "mpegts", "mpeg", "mpegvideo", "m4v", "h261", "h263", "h264",
    "hevc", "vvc", "obu", "av1", "ivf", "vc1", "vc1test", "flv", "live_flv", "kux", "asf", "asf_o",
    "ogg", "rm", "mxf", "gxf", "nut", "wtv", "dv", "dhav", "nsv", "pva", "ty", "yuv4mpegpipe",
    "avs2", "avs3", "cavsvideo", "dirac", "dnxhd", "evc", "amv", "smk", "bink", "mtv", "nuv",
)  # fmt: skip
# Opened only to say that there is nothing to see in them.
SOUND_CONTAINERS: Final = ("mp3", "aac", "ac3", "eac3", "wav", "w64", "flac", "aiff", "caf", "ape")
# Those whose packets say when they are shown, and which can be searched for a time.
_SEEKABLE: Final = frozenset({"mov", "matroska", "webm", "mpegts"})
MAX_PIXELS: Final = 8192 * 8192
_READ_BYTES = 1 << 18
_GENERATE_PTS = 1  # AVFMT_FLAG_GENPTS


def open_container(uri: str, source: ByteSource) -> av.container.InputContainer:
    head = source.head()
    source.check()
    _refuse_other_files(uri, head)
    try:
        return av.open(
            source,
            mode="r",
            options={"format_whitelist": ",".join(CONTAINERS + SOUND_CONTAINERS)},
            metadata_errors="replace",
            buffer_size=_READ_BYTES,
            io_open=_refuse_to_follow,
        )
    except (av.error.FFmpegError, OSError, ValueError) as error:
        source.check()
        raise VideoOpenError(_why_not_open(uri, head, error)) from error


def _refuse_to_follow(name: str, *_: object) -> NoReturn:
    raise PermissionError(f"a video may not open another file; it names {name!r}")


def _refuse_other_files(uri: str, head: bytes) -> None:
    if not head:
        raise VideoOpenError(f"'{printable(uri)}' is empty (0 bytes); copy or download it again")
    kind = picture_kind(head)
    if kind is not None:
        raise VideoOpenError(
            f"'{printable(uri)}' is a picture ({kind}), not a video; search with it, or leave it "
            "out"
        )
    if is_playlist(head):
        raise VideoOpenError(
            f"'{printable(uri)}' is a playlist, which only names other files; give those files "
            "instead"
        )


def _why_not_open(uri: str, head: bytes, error: Exception) -> str:
    if head[4:8] in {b"ftyp", b"mdat", b"moov", b"free", b"wide"}:
        return (
            f"'{printable(uri)}' is an MP4 whose index (moov) is missing or damaged, as in a file "
            "that was cut off; copy it again, or rebuild its index with a repair tool"
        )
    return (
        f"'{printable(uri)}' is not a video file of a known format ({type(error).__name__}); "
        "replace it, or leave it out"
    )


def pick_stream(uri: str, container: av.container.InputContainer) -> av.VideoStream:
    cover = av.stream.Disposition.attached_pic | av.stream.Disposition.timed_thumbnails
    streams = [s for s in container.streams.video if not s.disposition & cover]
    if not streams:
        what = "only sound and a cover picture" if container.streams.video else "no moving pictures"
        raise NoVideoStreamError(f"'{printable(uri)}' holds {what}; leave it out")
    decodable = [s for s in streams if s.codec_context is not None]
    if not decodable:
        raise VideoOpenError(
            f"'{printable(uri)}' uses a video codec that this FFmpeg does not decode; convert it "
            "to H.264"
        )
    # As players do: the stream marked as the default one, else the largest.
    marked = [s for s in decodable if s.disposition & av.stream.Disposition.default]
    best = max(marked or decodable, key=lambda s: s.width * s.height)
    if best.width * best.height > MAX_PIXELS:
        raise VideoOpenError(
            f"'{printable(uri)}' has frames of {best.width} x {best.height}, more than the "
            f"{MAX_PIXELS} pixels that are decoded; scale it down first"
        )
    return best


def set_up(container: av.container.InputContainer, stream: av.VideoStream, threads: int) -> None:
    for other in container.streams:
        if other.index != stream.index:
            other.discard = av.stream.Discard.all
    # A stream may also grow half-way: the decoder itself refuses what would fill the memory.
    stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
    stream.codec_context.thread_count = threads
    if threads > 1:
        stream.codec_context.thread_type = "AUTO"
    if "avi" in container.format.name:
        # AVI stores no presentation times, and what FFmpeg makes up for them is out of order.
        container.flags &= ~_GENERATE_PTS


def can_seek(container: str) -> bool:
    """Tell whether a time can be found in a container; ``container`` is FFmpeg's list of names."""
    return not _SEEKABLE.isdisjoint(container.split(","))


def container_name(stream: av.VideoStream) -> str:
    name = stream.container.format.name
    return "mp4" if name.startswith("mov,") else name.split(",")[0]
