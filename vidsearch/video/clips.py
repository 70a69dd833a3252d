"""Playback of a video's time span in a browser: the file itself, or a short MP4 cut from it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final, TypeAlias

import av
import av.error

from vidsearch.errors import VideoDecodeError
from vidsearch.read_options import DEFAULT_READ, ReadOptions
from vidsearch.text.printable import printable
from vidsearch.video.pyav.clip_writer import ClipWriter
from vidsearch.video.pyav.open import OpenedStream
from vidsearch.video.pyav.reader import PyAVReader
from vidsearch.video.source import is_remote
from vidsearch.video.types import FrameGeometry

CLIP_BEFORE_S: Final = 3.0
"""Seconds of a clip before the time span."""

CLIP_AFTER_S: Final = 6.0
"""Seconds of a clip after the time span."""

MAX_CLIP_S: Final = 60.0
"""Longest clip in seconds."""

# Media type by container and codec, for the combinations that every browser plays.
_PLAYABLE = {
    ("mp4", "h264"): "video/mp4",
    ("mp4", "av1"): "video/mp4",
    ("webm", "vp8"): "video/webm",
    ("webm", "vp9"): "video/webm",
    ("webm", "av1"): "video/webm",
}
_CONTAINER_OF_ENDING = {".mp4": "mp4", ".m4v": "mp4", ".webm": "webm"}
_AUDIO_CODECS = {"aac", "mp3", "opus", "vorbis"}
_PIXEL_FORMATS = {"yuv420p", "yuvj420p"}

_DECODER_THREADS = 2
# Tolerance for times that were rounded to decimal seconds.
_TOLERANCE_S = 0.01
# In a file, audio packets may follow the frames of the same time by this many seconds.
_AUDIO_LAG_S = 1.0
# Largest start of a file, in seconds, that a player may count differently.
_START_S = 0.05

TimedAudio: TypeAlias = tuple[av.AudioFrame, float]
"""Decoded audio and its time in the video, seconds."""


def browser_media_type(uri: str, read: ReadOptions = DEFAULT_READ) -> str | None:
    """Return the media type of a local file that every browser plays as indexed, else None.

    Args:
        uri: Path, or a URI known to fsspec.
        read: Options with which the video was indexed.

    Raises:
        VideoError: The video is missing or cannot be read.
    """
    if read.turn_deg or read.seekable is False:
        return None
    opened = OpenedStream(uri, stream=read.stream)
    try:
        container = _CONTAINER_OF_ENDING.get(Path(uri).suffix.lower(), "")
        context = opened.stream.codec_context
        audio = {s.codec_context.name for s in opened.container.streams.audio if s.codec_context}
        # Players count from 0 and not from the start that the container states.
        if not opened.is_only_video or abs(opened.container.start_time or 0) > _START_S * 1e6:
            return None
        if is_remote(uri) or context.pix_fmt not in _PIXEL_FORMATS or audio - _AUDIO_CODECS:
            return None
        return _PLAYABLE.get((container, context.name.removeprefix("lib")))
    finally:
        opened.close()


def cut_clip(
    uri: str,
    start_s: float,
    end_s: float,
    target: Path,
    read: ReadOptions = DEFAULT_READ,
    *,
    best_s: float | None = None,
) -> float:
    """Write a time span of a video, with a margin, as an MP4 that every browser plays.

    Only the part of the file around the time span is read.

    Args:
        uri: Path, or a URI known to fsspec.
        start_s: Start of the time span, seconds from the container's start.
        end_s: End of the time span.
        target: File to write; removed after an error.
        read: Options with which the video was indexed.
        best_s: Moment that the clip must show, even if the time span is longer than a clip.

    Returns:
        Time in the video at which the clip begins, in seconds.

    Raises:
        VideoError: The video is missing or cannot be read at this time.
    """
    first_s = max(start_s - CLIP_BEFORE_S, 0.0)
    if best_s is not None and best_s > first_s + MAX_CLIP_S - CLIP_AFTER_S:
        first_s = best_s - MAX_CLIP_S / 2
    last_s = min(end_s + CLIP_AFTER_S, first_s + MAX_CLIP_S)
    try:
        with PyAVReader(uri, threads=_DECODER_THREADS, audio=True, options=read) as reader:
            return _write_clip(reader, first_s, start_s, last_s, target)
    except (av.error.FFmpegError, OSError) as error:
        target.unlink(missing_ok=True)
        raise VideoDecodeError(
            f"'{printable(uri)}' cannot be played from {start_s:.1f} s ({error}); the file may be "
            "damaged there"
        ) from error
    except VideoDecodeError:
        target.unlink(missing_ok=True)
        if read.seekable is not None:
            raise
        # The times of the index are perhaps not those of the file.
        return cut_clip(uri, start_s, end_s, target, replace(read, seekable=False))


def _write_clip(
    reader: PyAVReader, first_s: float, start_s: float, last_s: float, target: Path
) -> float:
    """Write the frames from ``first_s`` on, or from a change of their geometry before ``start_s``.

    A clip has one frame size: that of the time span for which it is cut.
    """
    clip_start_s: float | None = None
    geometry: FrameGeometry | None = None
    audio: list[TimedAudio] = []
    with ClipWriter(target, fps=reader.info.fps, audio=reader.has_audio) as writer:
        for frame in reader.decode_around(first_s):
            if first_s - _TOLERANCE_S <= frame.time_s <= last_s:
                if clip_start_s is None:
                    clip_start_s, geometry = frame.time_s, frame.geometry
                elif frame.geometry != geometry and frame.time_s <= start_s + _TOLERANCE_S:
                    writer.restart()
                    clip_start_s, geometry = frame.time_s, frame.geometry
                writer.write_frame(frame.rgb(), frame.time_s - clip_start_s)
            audio = [*audio, *reader.take_audio()]
            if clip_start_s is not None:
                audio = _write_audio(writer, audio, clip_start_s, min(frame.time_s, last_s))
            if frame.time_s > last_s + _AUDIO_LAG_S:
                break
        if clip_start_s is not None:
            _write_audio(writer, audio, clip_start_s, last_s)
        else:
            raise VideoDecodeError(
                f"'{printable(reader.info.uri)}' has no frame from {first_s:.1f} to {last_s:.1f} s"
            )
    return clip_start_s


def _write_audio(
    writer: ClipWriter, audio: list[TimedAudio], first_s: float, last_s: float
) -> list[TimedAudio]:
    """Write the audio of a time span, and return the audio after it.

    The reader decodes a few frames ahead, with the audio beside them.
    """
    for samples, time_s in audio:
        if first_s - _TOLERANCE_S <= time_s <= last_s:
            writer.write_audio(samples)
    return [(samples, time_s) for samples, time_s in audio if time_s > last_s]
