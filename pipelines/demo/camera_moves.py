"""Videos of the demo as camera moves over photos, and the appearances that follow from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.demo.people import PEOPLE, Person
from vidsearch.datatypes import TimeSpan

FPS = 25
WIDTH, HEIGHT = 640, 360
SMALLEST_FACE = 44.0
"""Height in pixels of the video below which a face need not be found."""


@dataclass(frozen=True, slots=True)
class CameraMove:
    """One shot: the camera moves from one window of a photo to another.

    Attributes:
        picture: Key of ``PICTURES``.
        seconds: Length of the shot.
        first: First window (centre x, centre y, width) in pixels of the photo; 16:9.
        last: Last window.
        brightness: Factor at the end; 1 at the beginning.
    """

    picture: str
    seconds: float
    first: tuple[float, float, float]
    last: tuple[float, float, float]
    brightness: float = 1.0

    @property
    def frames(self) -> int:
        """Number of frames."""
        return round(self.seconds * FPS)

    def window(self, frame: int) -> tuple[float, float, float, float]:
        """Return the window at a frame as xyxy; the move eases in and out."""
        t = frame / max(self.frames - 1, 1)
        eased = t * t * (3 - 2 * t)
        x, y, w = (a + (b - a) * eased for a, b in zip(self.first, self.last, strict=True))
        h = w * HEIGHT / WIDTH
        return x - w / 2, y - h / 2, x + w / 2, y + h / 2


@dataclass(frozen=True, slots=True)
class DemoVideo:
    """One video file: its name, encoder and shots."""

    name: str
    codec: str
    shots: tuple[CameraMove, ...]

    @property
    def pictures(self) -> frozenset[str]:
        """Keys of the photos that the shots show."""
        return frozenset(shot.picture for shot in self.shots)

    def frames(self) -> Iterator[tuple[CameraMove, int]]:
        """Yield each shot with the number of each of its frames."""
        for shot in self.shots:
            for frame in range(shot.frames):
                yield shot, frame


EVENING_NEWS = "press/évening news.ts"
ROCKET = CameraMove("rocket", 2.0, (320, 200, 500), (330, 220, 420))
CAT = CameraMove("cat", 2.0, (220, 150, 400), (230, 150, 360))
"""Name and moves of the videos of both casts."""

VIDEOS = (
    DemoVideo(
        "card night.mp4",
        "libx264",
        (
            CameraMove("group", 5.0, (230, 330, 440), (430, 310, 440)),
            CameraMove("group", 3.0, (790, 410, 420), (800, 400, 340), 0.8),
            ROCKET,
            CameraMove("group", 0.9, (520, 330, 330), (525, 332, 320)),
        ),
    ),
    DemoVideo(
        "press/mission briefing.mkv",
        "libx264",
        (
            CameraMove("astronaut", 4.0, (230, 150, 440), (225, 140, 330)),
            CameraMove("coffee", 2.0, (300, 200, 560), (300, 200, 480)),
            CameraMove("astronaut", 3.0, (220, 135, 300), (240, 150, 430), 1.25),
        ),
    ),
    DemoVideo(
        EVENING_NEWS,
        "mpeg4",
        (
            CAT,
            CameraMove("portrait", 3.5, (56, 56, 260), (60, 56, 220)),
            CameraMove("group", 2.5, (1090, 350, 370), (1094, 345, 350)),
        ),
    ),
    DemoVideo(
        "landscapes.mp4",
        "libx264",
        (
            CameraMove("coffee", 3.0, (300, 200, 560), (310, 210, 440)),
            CameraMove("cat", 3.0, (225, 150, 400), (225, 160, 330)),
            CameraMove("rocket", 3.0, (320, 210, 600), (300, 220, 480)),
        ),
    ),
)
DAMAGED = "damaged tape.mp4"
"""Video whose second half is cut off, with its index; it cannot be opened."""

ABSENT = ("standing",)
"""Slugs of the people who appear in no video."""


@dataclass(frozen=True, slots=True)
class Appearance:
    """Appearance of a person in one shot of one video.

    Attributes:
        person: The person.
        video: Name of the video.
        certain: Time while the whole face is well inside the frame; it must be found.
        possible: Time while any part of the face is inside; a hit must not exceed it.
    """

    person: Person
    video: str
    certain: TimeSpan | None
    possible: TimeSpan


def appearances(
    videos: Sequence[DemoVideo] = VIDEOS, people: Sequence[Person] = PEOPLE
) -> list[Appearance]:
    """Return the appearances of people in videos, computed from the camera moves."""
    found = []
    for video in videos:
        start = 0
        for shot in video.shots:
            for person in people:
                if person.picture != shot.picture:
                    continue
                whole, part = _visible(shot, person)
                if part.any():
                    certain = _span(whole, start) if whole.any() else None
                    found.append(Appearance(person, video.name, certain, _span(part, start)))
            start += shot.frames
    return found


def _visible(shot: CameraMove, person: Person) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
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


def _span(visible: NDArray[np.bool_], first_frame: int) -> TimeSpan:
    (frames,) = np.nonzero(visible)
    return TimeSpan((first_frame + frames[0]) / FPS, (first_frame + frames[-1] + 1) / FPS)
