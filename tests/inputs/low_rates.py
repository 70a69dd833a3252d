"""Films of few frames per second with real faces, and where each person is in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from tests.helpers.videos import VideoSpec, write_video
from vidsearch.datatypes import Image

SIZE = (320, 180)
# Centre and width of a window of a demo photo that shows one face, or none.
_WINDOWS = {
    "Ann": ("astronaut", 225, 140, 330),
    "Bea": ("group", 800, 400, 340),
    "Cid": ("group", 525, 332, 320),
    "cup": ("coffee", 300, 200, 480),
    "rocket": ("rocket", 320, 200, 500),
}
NOBODY = frozenset({"cup", "rocket"})
# Box of a face of a demo photo, to be pasted on a still place.
_FACES = {"Ann": ("astronaut", 160, 60, 290, 210), "Bea": ("group", 740, 310, 866, 475)}


@dataclass(frozen=True)
class Appearance:
    """Person, and the frames [first, end) that show this person."""

    person: str
    first: int
    end: int


@dataclass(frozen=True)
class LowRateFilm:
    """Film at a constant low rate: shots of one window each.

    Attributes:
        name: File name; its ending names the container.
        rate: Frames per second.
        shots: Window and number of frames of each shot.
        codec: Encoder.
        long: True for a film of the long form.
    """

    name: str
    rate: Fraction
    shots: tuple[tuple[str, int], ...]
    codec: str = "libx264"
    long: bool = True

    def appearances(self) -> list[Appearance]:
        found, number = [], 0
        for window, frames in self.shots:
            if window not in NOBODY:
                found.append(Appearance(window, number, number + frames))
            number += frames
        return found

    def write(self, folder: Path, pictures: Mapping[str, Image]) -> Path:
        images = [
            view(pictures, window, shift=number)
            for window, frames in self.shots
            for number in range(frames)
        ]
        spec = VideoSpec(
            size=SIZE,
            codec=self.codec,
            time_base=1 / self.rate,
            frames=len(images),
            pixels="yuvj420p" if self.codec == "mjpeg" else "yuv420p",
        )
        return write_video(folder / self.name, spec, images)


def view(
    pictures: Mapping[str, Image], window: str, *, shift: float = 0.0, part: float = 1.0
) -> Image:
    """Return a window of a demo photo, (180, 320, 3) RGB.

    Args:
        pictures: Photos of the demo by name.
        window: Name of the window.
        shift: Steps by which the camera has moved; each is a hundredth of the width.
        part: Part of the frame's width that is filled; the rest are black bars.
    """
    name, x, y, width = _WINDOWS[window]
    step = width / 100 * (1 if int(shift) % 2 else -1)
    wide = int(SIZE[0] * part) // 2 * 2
    height = width * SIZE[1] / wide
    scale = wide / width
    corner = np.array([x + step - width / 2, y - height / 2])
    matrix = np.array([[scale, 0, -scale * corner[0]], [0, scale, -scale * corner[1]]])
    picture = cv2.warpAffine(
        pictures[name], matrix, (wide, SIZE[1]), borderMode=cv2.BORDER_REPLICATE
    )
    canvas = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    left = (SIZE[0] - wide) // 2
    canvas[:, left : left + wide] = picture
    return canvas


def at_a_place(
    pictures: Mapping[str, Image], person: str | None, centre: tuple[float, float] = (160, 90)
) -> Image:
    """Return a still place, with the face of a person at a point if one is given."""
    place = view(pictures, "cup").copy()
    if person is None:
        return place
    name, left, top, right, bottom = _FACES[person]
    face = cv2.resize(
        pictures[name][top:bottom, left:right], (90, 104), interpolation=cv2.INTER_AREA
    )
    x, y = int(centre[0]) - 45, int(centre[1]) - 52
    inside = slice(max(0, x), min(SIZE[0], x + 90))
    place[y : y + 104, inside] = face[:, inside.start - x : inside.stop - x]
    return place


def variable(
    path: Path, images: Sequence[Image], times_s: Sequence[float], *, codec: str = "libx264"
) -> Path:
    """Write a film whose frames have the given times; the last number is the film's end."""
    ticks = [round(time_s * 100) for time_s in times_s]
    repeated = [*images, images[-1]]
    # The last frame is stored once more, so that every container knows the end of the last but one.
    spec = VideoSpec(size=SIZE, codec=codec, time_base=Fraction(1, 100), ticks=ticks)
    return write_video(path, spec, repeated)


_DIALOGUE = (("Ann", 3), ("Bea", 2), ("Ann", 1), ("cup", 2), ("Cid", 4), ("rocket", 1), ("Ann", 2))
_SINGLE = (("Ann", 1), ("Bea", 1), ("cup", 1), ("Cid", 1))
_LONG = (("cup", 4), ("Ann", 9), ("Bea", 8), ("rocket", 3), ("Cid", 7))

FAMILY: tuple[LowRateFilm, ...] = (
    LowRateFilm("one.mp4", Fraction(1), _DIALOGUE, long=False),
    LowRateFilm("one.mkv", Fraction(1), _LONG),
    LowRateFilm("one.ts", Fraction(1), _DIALOGUE),
    LowRateFilm("two.mp4", Fraction(2), _DIALOGUE),
    LowRateFilm("two.avi", Fraction(2), _DIALOGUE, "mjpeg"),
    LowRateFilm("two.wmv", Fraction(2), _LONG, "wmv2"),
    LowRateFilm("three.mov", Fraction(3), _LONG),
    LowRateFilm("three.webm", Fraction(3), _LONG, "libvpx"),
    LowRateFilm("five.mp4", Fraction(5), _LONG),
    LowRateFilm("lapse.mp4", Fraction(1, 5), _SINGLE, long=False),
    LowRateFilm("lapse.mkv", Fraction(1, 60), _DIALOGUE),
    LowRateFilm("single.mp4", Fraction(1), _SINGLE),
    LowRateFilm("three.mp4", Fraction(3), (("cup", 2), ("Ann", 6), ("Cid", 4)), long=False),
)
