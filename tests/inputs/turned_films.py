"""Films that lie on their side or upside down, made of photos of faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipelines.demo.people import PEOPLE, load_pictures
from tests.helpers.videos import Pixels, VideoSpec, write_video

FRAME_WH = (320, 180)
FACE_PX = 100
FRAMES = 24
"""Two and a half seconds at ten frames a second, five of which are sampled."""


@dataclass(frozen=True, kw_only=True)
class Film:
    """Film of one person at a time.

    Attributes:
        name: File name.
        faces: Names of people, one after the other.
        angles_deg: Counter-clockwise turn of each person's face before the whole film is turned.
        quarter: Counter-clockwise quarter turns of the whole film.
        turn_deg: Right value: the turn that makes the film upright.
    """

    name: str
    faces: Sequence[str] = ("astronaut", "blonde")
    angles_deg: Sequence[float] = (0, 0)
    quarter: int = 0
    turn_deg: int = 0


def write_film(path: Path, film: Film, codec: str = "libx264") -> Path:
    """Write a film; each person moves a little from frame to frame."""
    images = turned_images(film)
    height, width = images[0].shape[:2]
    spec = VideoSpec(frames=len(images), size=(width, height), codec=codec)
    return write_video(path, spec, images)


def turned_images(film: Film) -> list[Pixels]:
    """Return the stored frames of a film."""
    per_person = FRAMES // max(1, len(film.faces))
    images = []
    for slug, angle_deg in zip(film.faces, film.angles_deg, strict=True):
        for number in range(per_person):
            image = _scene(slug, angle_deg, number)
            images.append(np.ascontiguousarray(np.rot90(image, film.quarter)))
    return images or [_scene("", 0, number) for number in range(FRAMES)]


def _scene(slug: str, angle_deg: float, number: int) -> Pixels:
    width, height = FRAME_WH
    rows, columns = np.mgrid[:height, :width]
    grey = 90 + 30 * np.sin(columns / 37) + 20 * np.cos(rows / 23)
    image = np.repeat(grey[..., None], 3, axis=2).astype(np.uint8)
    if slug:
        face = _face(slug, angle_deg)
        side = face.shape[0]
        left, top = 60 + 2 * number, (height - side) // 2 + number % 5
        image[top : top + side, left : left + side] = face
    return image


def _face(slug: str, angle_deg: float) -> Pixels:
    """Return a face with its surroundings, turned about its centre."""
    import cv2

    person = next(person for person in PEOPLE if person.slug == slug)
    left, top, right, bottom = person.face_xyxy
    scale = FACE_PX / (bottom - top)
    matrix = cv2.getRotationMatrix2D(((left + right) / 2, (top + bottom) / 2), angle_deg, scale)
    side = round(1.6 * FACE_PX)
    centre = np.array([(left + right) / 2, (top + bottom) / 2])
    shift = np.zeros((2, 3))
    shift[:, 2] = side / 2 - centre
    matrix = np.asarray(matrix, np.float64) + shift
    picture = load_pictures()[person.picture]
    turned = cv2.warpAffine(
        picture, matrix, (side, side), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(turned, np.uint8)


FILMS = (
    Film(name="upright.mp4"),
    Film(name="left.mp4", quarter=1, turn_deg=270),
    Film(name="upside down.mp4", quarter=2, turn_deg=180),
    Film(name="right.mp4", quarter=3, turn_deg=90),
    Film(name="left.webm", quarter=1, turn_deg=270),
    Film(name="upside down.avi", quarter=2, turn_deg=180),
    Film(name="right.ts", quarter=3, turn_deg=90),
    Film(name="one person.mkv", faces=("dark-shirt",), angles_deg=(0,), quarter=2, turn_deg=180),
    Film(name="tilted heads.mp4", angles_deg=(35, -35)),
    Film(name="lying, then upright.mp4", angles_deg=(90, 0)),
    Film(name="upright, then lying.mp4", angles_deg=(0, 90)),
    Film(name="hanging, then upright.mp4", angles_deg=(180, 0)),
    Film(name="lying both ways.mp4", angles_deg=(90, -90)),
    Film(name="asleep at an angle.mp4", angles_deg=(60, 65)),
    Film(name="empty.mp4", faces=(), angles_deg=()),
)
