"""The demo's films as camera moves over pictures; from the same numbers, who is seen when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.demo.people import PEOPLE, Person
from vidsearch.datatypes import TimeSpan

FPS = 25
WIDTH, HEIGHT = 640, 360
SMALLEST_FACE = 44.0
"""Pixels of height in the film below which a face need not be found."""


@dataclass(frozen=True, slots=True)
class Shot:
    """One shot: the camera glides from one window of a picture to another.

    Attributes:
        picture: Key of ``PICTURES``.
        seconds: Length.
        first: Window (centre x, centre y, width) in the picture's pixels; its shape is 16:9.
        last: Window at the end.
        brightness: Factor at the end; 1 at the beginning.
    """

    picture: str
    seconds: float
    first: tuple[float, float, float]
    last: tuple[float, float, float]
    brightness: float = 1.0

    @property
    def frames(self) -> int:
        return round(self.seconds * FPS)

    def window(self, frame: int) -> tuple[float, float, float, float]:
        """Return the window at a frame as xyxy; the move eases in and out."""
        t = frame / max(self.frames - 1, 1)
        eased = t * t * (3 - 2 * t)
        x, y, w = (a + (b - a) * eased for a, b in zip(self.first, self.last, strict=True))
        h = w * HEIGHT / WIDTH
        return x - w / 2, y - h / 2, x + w / 2, y + h / 2


@dataclass(frozen=True, slots=True)
class Film:
    """One video file: its name, encoder and shots."""

    name: str
    codec: str
    shots: tuple[Shot, ...]

    def frames(self) -> Iterator[tuple[Shot, int]]:
        for shot in self.shots:
            for frame in range(shot.frames):
                yield shot, frame


FILMS = (
    Film(
        "card night.mp4",
        "libx264",
        (
            Shot("group", 5.0, (230, 330, 440), (430, 310, 440)),
            Shot("group", 3.0, (790, 410, 420), (800, 400, 340), 0.8),
            Shot("rocket", 2.0, (320, 200, 500), (330, 220, 420)),
            Shot("group", 0.9, (520, 330, 330), (525, 332, 320)),
        ),
    ),
    Film(
        "press/mission briefing.mkv",
        "libx264",
        (
            Shot("astronaut", 4.0, (230, 150, 440), (225, 140, 330)),
            Shot("coffee", 2.0, (300, 200, 560), (300, 200, 480)),
            Shot("astronaut", 3.0, (220, 135, 300), (240, 150, 430), 1.25),
        ),
    ),
    Film(
        "press/évening news.ts",
        "mpeg4",
        (
            Shot("cat", 2.0, (220, 150, 400), (230, 150, 360)),
            Shot("portrait", 3.5, (56, 56, 260), (60, 56, 220)),
            Shot("group", 2.5, (1090, 350, 370), (1094, 345, 350)),
        ),
    ),
    Film(
        "landscapes.mp4",
        "libx264",
        (
            Shot("coffee", 3.0, (300, 200, 560), (310, 210, 440)),
            Shot("cat", 3.0, (225, 150, 400), (225, 160, 330)),
            Shot("rocket", 3.0, (320, 210, 600), (300, 220, 480)),
        ),
    ),
)
DAMAGED = "damaged tape.mp4"
"""A film whose second half is lost: its table of contents was there, so it cannot be opened."""

ABSENT = ("standing",)
"""Slugs of the people who are in no film."""


@dataclass(frozen=True, slots=True)
class Appearance:
    """A person in one shot of one film.

    Attributes:
        certain: While the whole face is well inside the picture; it must be found.
        possible: While any part of the face is inside; a hit may not reach beyond.
    """

    person: Person
    film: str
    certain: TimeSpan | None
    possible: TimeSpan


def appearances() -> list[Appearance]:
    """Return who is seen where and when, worked out from the camera moves."""
    found = []
    for film in FILMS:
        start = 0
        for shot in film.shots:
            for person in PEOPLE:
                if person.picture != shot.picture:
                    continue
                whole, part = _visible(shot, person)
                if part.any():
                    certain = _span(whole, start) if whole.any() else None
                    found.append(Appearance(person, film.name, certain, _span(part, start)))
            start += shot.frames
    return found


def _visible(shot: Shot, person: Person) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    left, top, right, bottom = person.face_xyxy
    whole, part = [], []
    for frame in range(shot.frames):
        x1, y1, x2, y2 = shot.window(frame)
        margin = 0.15 * (right - left)
        inside = x1 <= left - margin and y1 <= top and right + margin <= x2 and bottom <= y2
        tall = (bottom - top) * WIDTH / (x2 - x1) >= SMALLEST_FACE
        whole.append(inside and tall)
        part.append(x1 < right and left < x2 and y1 < bottom and top < y2)
    return np.array(whole), np.array(part)


def _span(seen: NDArray[np.bool_], first_frame: int) -> TimeSpan:
    (frames,) = np.nonzero(seen)
    return TimeSpan((first_frame + frames[0]) / FPS, (first_frame + frames[-1] + 1) / FPS)
