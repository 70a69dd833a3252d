"""Films whose every frame says which one it is, in any container, codec and clock.

A frame has a colour in each quarter (red, green / blue, white) and, across its middle, eight cells
that spell its number in binary: what was decoded, in which order, and which way up, can be read off
the picture alone.
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

Picture = NDArray[np.uint8]
CORNERS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "white": (255, 255, 255)}


@dataclass(frozen=True, kw_only=True)
class Film:
    """What to encode.

    Attributes:
        ticks: Each frame's pts in ``time_base``; None: one after the other.
        turn: Counter-clockwise degrees that a player has to turn the stored picture.
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
    sound: bool = False
    container: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    codec_options: Mapping[str, str] = field(default_factory=dict)

    def times_s(self) -> list[float]:
        """Each frame's time from the first one."""
        ticks = self.ticks if self.ticks is not None else range(self.frames)
        return [float((tick - ticks[0]) * self.time_base) for tick in ticks]


def picture(number: int, size: tuple[int, int] = (128, 96)) -> Picture:
    """Frame ``number`` (0 to 255) as (H, W, 3) RGB."""
    width, height = size
    image = np.zeros((height, width, 3), np.uint8)
    middle, half = height // 2, width // 2
    image[:middle, :half], image[:middle, half:] = CORNERS["red"], CORNERS["green"]
    image[middle:, :half], image[middle:, half:] = CORNERS["blue"], CORNERS["white"]
    band = image[height * 3 // 8 : height * 5 // 8]
    for bit in range(8):
        band[:, width * bit // 8 : width * (bit + 1) // 8] = 255 if number >> bit & 1 else 0
    return image


def read_number(image: Picture) -> int:
    """The number that an upright frame spells."""
    height, width, _ = image.shape
    row = image[height // 2 - 2 : height // 2 + 2].mean((0, 2))
    cells = [row[int(width * (bit + 0.5) / 8)] for bit in range(8)]
    return sum(1 << bit for bit, level in enumerate(cells) if level > 127)


def corner_names(image: Picture) -> list[str]:
    """Nearest colour names at the top left, top right, bottom left and bottom right."""
    height, width, _ = image.shape
    spots = [(y, x) for y in (height // 8, -height // 8) for x in (width // 8, -width // 8)]
    names = list(CORNERS)
    colours = np.array(list(CORNERS.values()), np.float32)
    return [
        names[int(np.abs(colours - image[y, x].astype(np.float32)).sum(1).argmin())]
        for y, x in spots
    ]


def write_film(path: Path, film: Film, pictures: Sequence[Picture] | None = None) -> Path:
    """Encode ``film`` (of ``pictures``, where given) to ``path``, whose ending names the format."""
    with (
        _same_priority(),
        av.open(str(path), "w", format=film.container, options=dict(film.options)) as output,
    ):
        stream = cast(
            "av.VideoStream", output.add_stream(film.codec, rate=round(1 / film.time_base))
        )
        stream.width, stream.height = film.size
        stream.pix_fmt = film.pixels
        stream.time_base = stream.codec_context.time_base = film.time_base
        stream.codec_context.max_b_frames = film.b_frames
        stream.codec_context.gop_size = film.keyframes
        stream.codec_context.thread_count = 1
        if film.interlaced:
            stream.codec_context.flags |= 1 << 18 | 1 << 29  # interlaced DCT and motion estimation
        if film.aspect is not None:
            stream.codec_context.sample_aspect_ratio = film.aspect
        stream.options = dict(film.codec_options)
        if film.turn or film.mirror:
            stream.set_display_rotation(film.turn, hflip=film.mirror)
        sound = _sound_stream(output) if film.sound else None
        ticks = film.ticks if film.ticks is not None else range(film.frames)
        for number, tick in enumerate(ticks):
            image = picture(number, film.size) if pictures is None else pictures[number]
            frame = av.VideoFrame.from_ndarray(image, "rgb24").reformat(format=film.pixels)
            frame.pts, frame.time_base = tick, film.time_base
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        if sound is not None:
            _hum(output, sound, seconds=2.0)
    return path


@contextlib.contextmanager
def _same_priority() -> Iterator[None]:
    """Undo what SVT-AV1 does where it is root: its caller becomes a real-time process.

    So would be all that the caller starts from then on, and no other process would get a turn.
    """
    if not hasattr(os, "sched_getscheduler"):  # not Linux
        yield
        return
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, parameters)


def write_sound(path: Path, seconds: float = 1.0) -> Path:
    """A file with sound only."""
    with av.open(str(path), "w") as output:
        _hum(output, _sound_stream(output), seconds)
    return path


def _sound_stream(output: av.container.OutputContainer) -> av.AudioStream:
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
