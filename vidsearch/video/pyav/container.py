"""FFmpeg's containers: what is opened, and what is refused with which reason.

FFmpeg reads this one file and no other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NoReturn

import av
import av.container
import av.error

from vidsearch.errors import VideoOpenError
from vidsearch.media.encryption.detect import encryption, looks_encrypted
from vidsearch.media.endings import is_text
from vidsearch.media.flash import COMPRESSED_FLASH
from vidsearch.media.kinds import FileKind, file_kind, is_playlist
from vidsearch.media.motion_jpeg import (
    JPEG,
    MOTION_JPEG_BYTES,
    is_motion_jpeg,
    is_multipart_jpeg,
)
from vidsearch.text.printable import printable, quoted
from vidsearch.video.pyav.animation import (
    COUNTED_FORMATS,
    check_frame_count,
    readable_animation,
    uncompressed,
)
from vidsearch.video.source import ByteSource

# FFmpeg's demuxers of self-contained formats. Excluded are demuxers that open names written in a
# file (playlists, concat, image sequences), capture devices and still images.
_CONTAINERS = """
mov matroska webm avi mpegts mpeg mpegvideo m4v h261 h263 h264 hevc vvc obu av1 ivf vc1 vc1test flv
live_flv kux asf asf_o ogg rm ivr mxf gxf nut wtv dv dhav nsv pva ty yuv4mpegpipe avs2 avs3
cavsvideo dirac dnxhd evc apv amv smk bink mtv mxg filmstrip nuv lxf cine mlv r3d ser swf flic vivo
rpl roq film_cpk ifv luodat lvf iv8 hxvs lmlm4 msnwctcp sdr2 simbiosis_imx gif apng mjpeg mpjpeg
smjpeg
"""
CONTAINERS: Final = tuple(_CONTAINERS.split())
# Audio files are opened only to report that they hold no video stream.
AUDIO_CONTAINERS: Final = ("mp3", "aac", "ac3", "eac3", "wav", "w64", "flac", "aiff", "caf", "ape")

_OPTIONS: Final = {
    "format_whitelist": ",".join(CONTAINERS + AUDIO_CONTAINERS),
    # APNG: browsers show a frame without a duration for 100 ms.
    "default_fps": "10",
}
_HEAD_BYTES: Final = 4096
_SAMPLE_BYTES: Final = 1 << 14


@dataclass(frozen=True, slots=True)
class OpenedContainer:
    """Open container.

    Attributes:
        container: FFmpeg's container.
        source: Bytes that it reads.
        converted_from: Format of the file if ``source`` is a converted copy; else None.
    """

    container: av.container.InputContainer
    source: ByteSource
    converted_from: str | None = None


def open_container(uri: str, source: ByteSource, max_pixels: int) -> OpenedContainer:
    """Open a video file with FFmpeg.

    Args:
        uri: Name in errors.
        source: Bytes of the file.
        max_pixels: Largest frame of an animated WebP, pixels.

    Raises:
        VideoOpenError: The file is empty, encrypted, a still image, a playlist, an archive, or in
            no known format.
    """
    head = source.read_at(0, _HEAD_BYTES)
    source.check()
    if not head:
        raise VideoOpenError(f"'{printable(uri)}' is empty (0 bytes); copy or download it again")
    _reject_encrypted(uri, source)
    kind = file_kind(head)
    _reject_other_kind(uri, kind, head)
    motion_jpeg = _is_motion_jpeg(source, head)
    converted_from = None
    if kind is not None and kind.category == "image" and not motion_jpeg:
        source, converted_from = readable_animation(uri, source, kind.name, max_pixels)
    if head.startswith(COMPRESSED_FLASH):
        source = uncompressed(uri, source)
    source.seek(0)
    try:
        container = av.open(
            source,
            mode="r",
            format="mjpeg" if motion_jpeg else None,
            options=dict(_OPTIONS),
            **_metadata_decoding(),
            buffer_size=source.buffer_bytes,
            io_open=_reject_other_file,
        )
    except (av.error.FFmpegError, OSError, ValueError) as error:
        source.check()
        raise VideoOpenError(_open_failure(uri, source, head, error)) from error
    if kind is not None and kind.name in COUNTED_FORMATS:
        check_frame_count(uri, kind.name, container)
    return OpenedContainer(container, source, converted_from)


def _metadata_decoding() -> dict[str, Any]:
    """Return the argument that keeps names in other encodings from failing a whole file.

    PyAV 19 has no such argument and never fails: it keeps each byte as a surrogate.
    """
    return {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}


def _reject_encrypted(uri: str, source: ByteSource) -> None:
    protection = encryption(source.read_at)
    source.check()
    if protection is not None:
        raise VideoOpenError(
            f"'{printable(uri)}' is encrypted ({protection}); export it without protection with "
            "the program that made it"
        )


def _reject_other_file(name: str, *_: object) -> NoReturn:
    raise PermissionError(f"a video file must not open another file; got {quoted(name)}")


def _reject_other_kind(uri: str, kind: FileKind | None, head: bytes) -> None:
    if kind is not None and kind.category == "archive":
        raise VideoOpenError(f"'{printable(uri)}' is {kind.noun}, not a video; {kind.remedy}")
    if is_playlist(head):
        raise VideoOpenError(
            f"'{printable(uri)}' is a playlist, which only names other files; give these files "
            "instead"
        )


def _is_motion_jpeg(source: ByteSource, head: bytes) -> bool:
    if head.startswith(JPEG):
        return is_motion_jpeg(source.read_at(0, MOTION_JPEG_BYTES))
    return is_multipart_jpeg(head)


def _open_failure(uri: str, source: ByteSource, head: bytes, error: Exception) -> str:
    if head[4:8] in {b"ftyp", b"mdat", b"moov", b"free", b"wide"}:
        return (
            f"'{printable(uri)}' is an MP4 whose index (moov) is missing or damaged, as in a file "
            "that was cut off; copy it again, or rebuild its index with a repair tool"
        )
    kind = file_kind(head)
    if kind is not None and kind.category == "document" and kind.name != "text":
        return f"'{printable(uri)}' is {kind.noun}, not a video; leave it out"
    if is_text(head) or (kind is not None and kind.name == "text"):
        return f"'{printable(uri)}' is a text file, not a video; leave it out"
    sample = source.read_at(0, _SAMPLE_BYTES)
    if len(sample) >= _HEAD_BYTES and not any(sample):
        return (
            f"'{printable(uri)}' begins with zeros only, as a copy that was not completed; copy or "
            "download it again"
        )
    if looks_encrypted(sample):
        return (
            f"'{printable(uri)}' is in no known format and looks encrypted; decrypt it with the "
            "program that made it, or leave it out"
        )
    return (
        f"'{printable(uri)}' is not a video file of a known format ({type(error).__name__}); "
        "replace it, or leave it out"
    )
