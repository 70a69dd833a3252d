"""Intact files of many containers, and the same files cut off, joined or with bytes appended."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np

from tests.helpers.videos import VideoSpec, numbered_image, write_video

FRAMES = 50
RATE = 25
SIZE = (192, 144)


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """A file of two seconds.

    Attributes:
        name: File name.
        codec: Codec of the film.
        audio: Codec of the sound; empty without sound.
        options: Further values of ``VideoSpec``.
    """

    name: str
    codec: str = "libx264"
    audio: str = ""
    options: dict[str, Any] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        """Write the film to a file of its name."""
        write_film(path.parent, self)


def write_film(folder: Path, film: Film, audio_s: float = 2.0, late_s: int = 0) -> Path:
    """Write a film; noise in each frame makes the frames of similar size.

    Args:
        folder: Folder of the file.
        film: Container and codecs.
        audio_s: Length of the sound, seconds.
        late_s: Time at which the pictures begin, seconds.
    """
    noise = np.random.default_rng(0)
    path = folder / film.name
    options = {"frames": FRAMES, "time_base": Fraction(1, RATE), "keyframes": 10, **film.options}
    spec = VideoSpec(codec=film.codec, size=SIZE, **options)
    images = []
    for number in range(spec.frames):
        image = numbered_image(number, SIZE)
        image[: SIZE[1] // 4] = noise.integers(0, 255, (SIZE[1] // 4, SIZE[0], 3))
        images.append(image)
    if not film.audio:
        return write_video(path, spec, images)
    silent = write_video(folder / f"silent {film.name}", spec, images)
    _add_audio(silent, path, film, audio_s, late_s)
    return path


def _add_audio(silent: Path, path: Path, film: Film, audio_s: float, late_s: int) -> None:
    """Copy a film and interleave a tone with it."""
    rate = 44_100 if film.audio == "libmp3lame" else 48_000
    container = film.options.get("container")
    with (
        av.open(str(silent)) as source,
        av.open(
            str(path), "w", format=container, options=film.options.get("options", {})
        ) as output,
    ):
        video = output.add_stream_from_template(source.streams.video[0])
        audio = cast("av.AudioStream", output.add_stream(film.audio, rate=rate, layout="stereo"))
        audio.bit_rate = 128_000
        packets = [p for p in source.demux(source.streams.video[0]) if p.size]
        for moved in packets:
            late = round(late_s / moved.time_base)
            moved.pts = None if moved.pts is None else moved.pts + late
            moved.dts = None if moved.dts is None else moved.dts + late
        waiting = iter(packets)
        packet = next(waiting, None)
        block = audio.codec_context.frame_size or 1152
        kind = audio.codec_context.format.name
        for number in range(int(audio_s * rate / block)):
            time_s = number * block / rate
            while packet is not None and float((packet.dts or 0) * packet.time_base) <= time_s:
                packet.stream = video
                output.mux(packet)
                packet = next(waiting, None)
            wave = np.sin(np.arange(block) / 9 + number)
            if "flt" in kind:
                wave = wave.astype(np.float32)
            else:
                bits = 32 if "32" in kind else 16
                wave = (wave * 2 ** (bits - 3)).astype(f"int{bits}")
            shape = np.stack([wave, wave]) if kind.endswith("p") else np.repeat(wave, 2)[None]
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(shape), kind, "stereo")
            frame.rate, frame.pts, frame.time_base = rate, number * block, Fraction(1, rate)
            output.mux(audio.encode(frame))
        output.mux(audio.encode(None))
        while packet is not None:
            packet.stream = video
            output.mux(packet)
            packet = next(waiting, None)


_FASTSTART = {"options": {"movflags": "faststart"}}
_FRAGMENTS = {"options": {"movflags": "frag_keyframe+empty_moov"}, "container": "mp4"}
_SEGMENTS = {"options": {"movflags": "dash+global_sidx+frag_keyframe"}, "container": "mp4"}
_CMAF = {"options": {"movflags": "cmaf+frag_keyframe+empty_moov"}, "container": "mp4"}
_B_FRAMES = {"b_frames": 2}
_NTSC = {"time_base": Fraction(1001, 30000), "frames": 60}
_PS = {"container": "mpeg"}
_PARTS: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("a.mp4", "libx264", "", _B_FRAMES),
    ("edit list.mp4", "libx264", "aac", {"b_frames": 3, "ticks": tuple(range(-5, 45))}),
    ("sound.mp4", "libx264", "aac", _FASTSTART),
    ("fragments.mp4", "libx264", "aac", _FRAGMENTS),
    ("segments.mp4", "libx264", "", _SEGMENTS),
    ("cmaf.mp4", "libx264", "aac", _CMAF),
    ("a.mov", "mpeg4", "aac", _NTSC),
    ("a.mkv", "libx264", "", _B_FRAMES),
    ("sound.mkv", "libx264", "aac", _NTSC),
    ("variable.mkv", "libx264", "", {"ticks": tuple(n + n * n // 30 for n in range(FRAMES))}),
    ("a.webm", "libvpx", "libopus", {}),
    ("a.flv", "libx264", "", _B_FRAMES),
    ("sound.flv", "flv", "libmp3lame", {}),
    ("a.avi", "mpeg4", "", _B_FRAMES),
    ("sound.avi", "mpeg4", "libmp3lame", _NTSC),
    ("a.wmv", "wmv2", "", {}),
    ("sound.wmv", "wmv2", "wmav2", {}),
    ("a.ts", "libx264", "", _B_FRAMES),
    ("sound.ts", "mpeg2video", "mp2", {"container": "mpegts"}),
    ("a.m2ts", "libx264", "", {"container": "mpegts", "options": {"mpegts_m2ts_mode": "1"}}),
    ("a.mpg", "mpeg2video", "", {**_PS, **_B_FRAMES}),
    ("sound.mpg", "mpeg1video", "mp2", _PS),
    ("a.ogv", "libvpx", "", {"container": "ogg"}),
    ("a.nut", "libx264", "", _B_FRAMES),
    ("sound.nut", "libx264", "aac", {}),
    ("a.swf", "flv", "", {}),
    ("a.flm", "rawvideo", "", {"container": "filmstrip", "pixels": "rgba"}),
    ("a.mxf", "mpeg2video", "", {"container": "mxf"}),
    ("a.h264", "libx264", "", _B_FRAMES),
    ("a.ivf", "libvpx", "", {}),
    ("a.y4m", "wrapped_avframe", "", {"container": "yuv4mpegpipe"}),
)
FILMS = {
    name: Film(name=name, codec=codec, audio=audio, options=options)
    for name, codec, audio, options in _PARTS
}
