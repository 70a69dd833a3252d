"""Videos whose every frame states its number, in any container, codec and clock.

A frame has a colour in each quarter (red, green / blue, white). Eight cells across its middle
encode its number in binary. Thus the pixels alone tell number, order and orientation of a frame.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
CORNERS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "white": (255, 255, 255)}


@dataclass(frozen=True, kw_only=True)
class VideoSpec:
    """Parameters of a video to encode.

    Attributes:
        ticks: Pts of each frame in ``time_base``; None for consecutive ticks.
        turn: Counter-clockwise degrees by which a player has to turn the stored frame.
    """

    frames: int = 30
    size: tuple[int, int] = (128, 96)
    codec: str = "libx264"
    pixels: str = "yuv420p"
    time_base: Fraction = Fraction(1, 10)
    ticks: Sequence[int] | None = None
    b_frames: int = 0
    keyframes: int = 10
    turn: int = 0
    mirror: bool = False
    interlaced: bool = False
    aspect: Fraction | None = None
    audio: bool = False
    container: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    codec_options: Mapping[str, str] = field(default_factory=dict)

    def times_s(self) -> list[float]:
        """Return the time of each frame from the first one."""
        ticks = self.ticks if self.ticks is not None else range(self.frames)
        return [float((tick - ticks[0]) * self.time_base) for tick in ticks]


def numbered_image(number: int, size: tuple[int, int] = (128, 96)) -> Pixels:
    """Return frame ``number`` (0 to 255) as (H, W, 3) RGB."""
    width, height = size
    image = np.zeros((height, width, 3), np.uint8)
    middle, half = height // 2, width // 2
    image[:middle, :half], image[:middle, half:] = CORNERS["red"], CORNERS["green"]
    image[middle:, :half], image[middle:, half:] = CORNERS["blue"], CORNERS["white"]
    band = image[height * 3 // 8 : height * 5 // 8]
    for bit in range(8):
        band[:, width * bit // 8 : width * (bit + 1) // 8] = 255 if number >> bit & 1 else 0
    return image


def read_number(image: Pixels) -> int:
    """Return the number encoded in an upright frame."""
    height, width, _ = image.shape
    row = image[height // 2 - 2 : height // 2 + 2].mean((0, 2))
    cells = [row[int(width * (bit + 0.5) / 8)] for bit in range(8)]
    return sum(1 << bit for bit, level in enumerate(cells) if level > 127)


def corner_names(image: Pixels) -> list[str]:
    """Return the nearest colour names at the top left, top right, bottom left and bottom right."""
    height, width, _ = image.shape
    spots = [(y, x) for y in (height // 8, -height // 8) for x in (width // 8, -width // 8)]
    names = list(CORNERS)
    colours = np.array(list(CORNERS.values()), np.float32)
    return [
        names[int(np.abs(colours - image[y, x].astype(np.float32)).sum(1).argmin())]
        for y, x in spots
    ]


def write_video(path: Path, spec: VideoSpec, images: Sequence[Pixels] | None = None) -> Path:
    """Encode a video to ``path``, whose ending names the format.

    Args:
        path: File to write.
        spec: Parameters.
        images: Frames to encode; None for numbered ones.
    """
    with (
        _same_priority(),
        av.open(str(path), "w", format=spec.container, options=dict(spec.options)) as output,
    ):
        stream = cast(
            "av.VideoStream", output.add_stream(spec.codec, rate=round(1 / spec.time_base))
        )
        stream.width, stream.height = spec.size
        stream.pix_fmt = spec.pixels
        stream.time_base = stream.codec_context.time_base = spec.time_base
        stream.codec_context.max_b_frames = spec.b_frames
        stream.codec_context.gop_size = spec.keyframes
        stream.codec_context.thread_count = 1
        if spec.interlaced:
            stream.codec_context.flags |= 1 << 18 | 1 << 29  # interlaced DCT and motion estimation
        if spec.aspect is not None:
            stream.codec_context.sample_aspect_ratio = spec.aspect
        stream.options = dict(spec.codec_options)
        if spec.turn or spec.mirror:
            stream.set_display_rotation(spec.turn, hflip=spec.mirror)
        audio = _audio_stream(output) if spec.audio else None
        ticks = spec.ticks if spec.ticks is not None else range(spec.frames)
        for number, tick in enumerate(ticks):
            image = numbered_image(number, spec.size) if images is None else images[number]
            frame = av.VideoFrame.from_ndarray(image, "rgb24").reformat(format=spec.pixels)
            frame.pts, frame.time_base = tick, spec.time_base
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        if audio is not None:
            _hum(output, audio, seconds=2.0)
    return path


@contextlib.contextmanager
def _same_priority() -> Iterator[None]:
    """Restore the scheduling policy of this process.

    As root, SVT-AV1 turns its caller into a real-time process, and so every process that the caller
    starts later. Other processes would get no CPU time.
    """
    if not hasattr(os, "sched_getscheduler"):  # not Linux
        yield
        return
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, parameters)


def write_audio(path: Path, seconds: float = 1.0) -> Path:
    """Write a file that holds audio only."""
    with av.open(str(path), "w") as output:
        _hum(output, _audio_stream(output), seconds)
    return path


def _audio_stream(output: av.container.OutputContainer) -> av.AudioStream:
    return output.add_stream("aac", rate=16_000, layout="mono")


def _hum(output: av.container.OutputContainer, stream: av.AudioStream, seconds: float) -> None:
    for block in range(int(seconds * 16_000 / 1024)):
        wave = np.sin(np.arange(1024) / 20 + block).astype(np.float32)[None]
        frame = av.AudioFrame.from_ndarray(wave, "fltp", "mono")
        frame.rate, frame.pts, frame.time_base = 16_000, block * 1024, Fraction(1, 16_000)
        output.mux(stream.encode(frame))
    output.mux(stream.encode(None))


def punch_hole(path: Path, start: int, length: int) -> Path:
    """Overwrite part of a file with zeros, as a failing disk or an aborted download does."""
    with path.open("r+b") as file:
        file.seek(start)
        file.write(bytes(length))
    return path
