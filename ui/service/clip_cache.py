"""Playing a moment of a video in a browser: the file itself by range, or a small clip of it."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.audio.resampler
import av.container
import av.error

from ui.service.media_tokens import Served
from ui.service.temp_dirs import private_folder
from vidsearch.datatypes import Image
from vidsearch.errors import VideoDecodeError
from vidsearch.text.printable import printable
from vidsearch.video.pyav.open import open_container, pick_stream
from vidsearch.video.pyav.pixels import FrameConverter
from vidsearch.video.pyav.seeking import seek_before, start_of
from vidsearch.video.source import ByteSource, is_remote, local_path

CLIP_BEFORE_S, CLIP_AFTER_S, CLIP_MOST_S = 3.0, 6.0, 60.0
"""A clip begins before the moment, ends after it, and is at most so long."""

CLIP_SIDE = 1280
CLIPS_KEPT = 24
_PLAYABLE = {
    ("mp4", "h264"): "video/mp4",
    ("mp4", "av1"): "video/mp4",
    ("webm", "vp8"): "video/webm",
    ("webm", "vp9"): "video/webm",
    ("webm", "av1"): "video/webm",
}
"""What every browser plays as it is: container by its ending, and codec."""
_ENDINGS = {".mp4": "mp4", ".m4v": "mp4", ".webm": "webm"}
_SOUND = {"aac", "mp3", "opus", "vorbis"}
_PIXELS = {"yuv420p", "yuvj420p"}
_TICK = Fraction(1, 90_000)


@dataclass(frozen=True, slots=True)
class Playing:
    """What a player needs to know.

    Attributes:
        served: The file to play.
        at_s: Where in that file the moment is.
        offset_s: Time in the video at which the file begins.
        clip: Whether it is a clip and not the whole video.
    """

    served: Served
    at_s: float
    offset_s: float
    clip: bool


class ClipCutter:
    """Cuts clips into a folder of its own, keeping the latest few."""

    def __init__(self, kept: int = CLIPS_KEPT) -> None:
        self._folder = private_folder()
        self._kept = kept
        self._lock = threading.Lock()
        self._clips: OrderedDict[tuple[str, int], tuple[Path, float]] = OrderedDict()

    def play(self, uri: str, start_s: float, end_s: float) -> Playing:
        """Return how to play a video from a moment on.

        Raises:
            VideoError: The video is gone or cannot be read.
        """
        kind = playable_as_it_is(uri)
        if kind is not None:
            return Playing(Served(local_path(uri), kind), start_s, 0.0, clip=False)
        key = (uri, round(start_s * 10))
        with self._lock:
            if key not in self._clips:
                path = self._folder / f"{secrets.token_hex(8)}.mp4"
                offset_s = cut_clip(uri, start_s, end_s, path)
                self._clips[key] = (path, offset_s)
                while len(self._clips) > self._kept:
                    self._clips.popitem(last=False)[1][0].unlink(missing_ok=True)
            self._clips.move_to_end(key)
            path, offset_s = self._clips[key]
        return Playing(Served(path, "video/mp4"), max(start_s - offset_s, 0.0), offset_s, clip=True)


def playable_as_it_is(uri: str) -> str | None:
    """Return the media type of a local file that every browser plays, else None.

    Raises:
        VideoError: The video is gone or cannot be read.
    """
    source = ByteSource(uri)
    try:
        with open_container(uri, source) as container:
            stream = pick_stream(uri, container)
            box = _ENDINGS.get(Path(uri).suffix.lower())
            kind = _PLAYABLE.get((box or "", stream.codec_context.name.removeprefix("lib")))
            sound = {s.codec_context.name for s in container.streams.audio if s.codec_context}
            fits = stream.codec_context.pix_fmt in _PIXELS and sound <= _SOUND
            return kind if fits and not is_remote(uri) else None
    finally:
        source.close()


def cut_clip(uri: str, start_s: float, end_s: float, target: Path) -> float:
    """Write an MP4 of the moment that every browser plays; return the time at which it begins.

    Reads only the part of the file around the moment.

    Raises:
        VideoError: The video is gone or cannot be read there.
    """
    first_s = max(start_s - CLIP_BEFORE_S, 0.0)
    last_s = min(end_s + CLIP_AFTER_S, first_s + CLIP_MOST_S)
    source = ByteSource(uri)
    try:
        with open_container(uri, source) as container:
            return _transcode(uri, container, (first_s, last_s), target)
    except (av.error.FFmpegError, OSError) as error:
        target.unlink(missing_ok=True)
        source.check()
        raise VideoDecodeError(
            f"'{printable(uri)}' cannot be played from {start_s:.1f} s ({error}); the file may be "
            "damaged there"
        ) from error
    finally:
        source.close()


def _transcode(
    uri: str, container: av.container.InputContainer, span: tuple[float, float], target: Path
) -> float:
    stream = pick_stream(uri, container)
    stream.codec_context.thread_count = 2
    sound = next((s for s in container.streams.audio if s.codec_context is not None), None)
    begin = start_of(container)
    seek_before(container, stream, span[0])
    chosen = [stream] if sound is None else [stream, sound]
    with av.open(str(target), "w", options={"movflags": "faststart"}) as out:
        clip = _Clip(out, stream, has_sound=sound is not None)
        for packet in container.demux(chosen):
            for frame, time_s in _frames(packet, begin):
                if span[0] - 0.01 <= time_s <= span[1]:
                    clip.write(frame, time_s)
            if packet.stream is stream and _past(packet, begin, span[1]):
                break
        if clip.begins_s is None:
            raise VideoDecodeError(
                f"'{printable(uri)}' has no picture from {span[0]:.1f} to {span[1]:.1f} s"
            )
        clip.finish()
    return clip.begins_s


def _frames(
    packet: av.Packet[Any], begin: Fraction
) -> Iterator[tuple[av.VideoFrame | av.AudioFrame, float]]:
    """Yield what a packet holds, with its time in the video; nothing of a damaged one."""
    try:
        frames = packet.decode()
    except av.error.FFmpegError:
        return
    for frame in frames:
        timed = isinstance(frame, av.VideoFrame | av.AudioFrame)
        if timed and frame.pts is not None and frame.time_base is not None:
            yield frame, float(frame.pts * frame.time_base - begin)


class _Clip:
    """The clip that is being written; its sound begins with its first picture.

    Attributes:
        begins_s: Time in the video of the first picture; None before there is one.
    """

    def __init__(
        self, out: av.container.OutputContainer, stream: av.VideoStream, *, has_sound: bool
    ) -> None:
        self.begins_s: float | None = None
        self._out, self._source = out, stream
        self._picture: av.VideoStream | None = None
        self._convert: FrameConverter | None = None
        self._voice = out.add_stream("aac", rate=48_000, layout="stereo") if has_sound else None
        self._resampler = av.audio.resampler.AudioResampler("fltp", "stereo", 48_000)

    def write(self, frame: av.VideoFrame | av.AudioFrame, time_s: float) -> None:
        if isinstance(frame, av.VideoFrame):
            if self._convert is None or self._picture is None or self.begins_s is None:
                self._convert = FrameConverter(frame, self._source.sample_aspect_ratio)
                self.begins_s = time_s
                self._picture = _picture_stream(self._out, self._convert.rgb(frame), self._source)
            image = self._convert.rgb(frame)
            _write_picture(self._out, self._picture, image, time_s - self.begins_s)
        elif self._voice is not None and self.begins_s is not None:
            frame.pts = None
            for piece in self._resampler.resample(frame):
                self._out.mux(self._voice.encode(piece))

    def finish(self) -> None:
        for stream in (self._picture, self._voice):
            if stream is not None:
                self._out.mux(stream.encode(None))


def _past(packet: av.Packet[Any], begin: Fraction, last_s: float) -> bool:
    if packet.dts is None or packet.time_base is None:
        return False
    return float(packet.dts * packet.time_base - begin) > last_s + 1.0


def _picture_stream(
    out: av.container.OutputContainer, image: Image, stream: av.VideoStream
) -> av.VideoStream:
    rate = stream.average_rate if stream.average_rate else Fraction(25)
    rate = min(max(rate, Fraction(1)), Fraction(60))
    options = {"preset": "ultrafast", "crf": "25"}
    made = out.add_stream("libx264", rate=rate, options=options)
    scale = min(1.0, CLIP_SIDE / max(image.shape[:2]))
    made.height, made.width = (max(2, round(side * scale) // 2 * 2) for side in image.shape[:2])
    made.pix_fmt = "yuv420p"
    made.codec_context.time_base = _TICK
    return made


def _write_picture(
    out: av.container.OutputContainer, made: av.VideoStream, image: Image, time_s: float
) -> None:
    frame = av.VideoFrame.from_ndarray(image, format="rgb24")
    small = frame.reformat(width=made.width, height=made.height, format="yuv420p")
    small.pts, small.time_base = round(time_s / _TICK), _TICK
    out.mux(made.encode(small))
