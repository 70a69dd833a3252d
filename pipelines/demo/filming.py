"""Filming the demo: camera moves -> encoded video files, and query photos unlike any frame."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

import numpy as np

from pipelines.demo.people import PEOPLE, Person
from pipelines.demo.screenplay import DAMAGED, FILMS, FPS, HEIGHT, WIDTH, Film, Shot
from vidsearch.datatypes import Image


def film_archive(folder: Path, pictures: Mapping[str, Image]) -> None:
    """Write all films below ``folder``, and one that is cut off in the middle."""
    for film in FILMS:
        path = folder / film.name
        path.parent.mkdir(parents=True, exist_ok=True)
        encode_film(path, film, pictures)
    whole = (folder / FILMS[0].name).read_bytes()
    (folder / DAMAGED).write_bytes(whole[: len(whole) // 2])


def take_photos(folder: Path, pictures: Mapping[str, Image]) -> dict[str, Path]:
    """Write one query photo a person (by slug): mirrored, turned, lit and compressed otherwise."""
    folder.mkdir(parents=True, exist_ok=True)
    photos = {}
    for person in PEOPLE:
        path = folder / f"{person.slug}.jpg"
        _write_jpeg(path, _portrait(person, pictures[person.picture]))
        photos[person.slug] = path
    return photos


def _portrait(person: Person, picture: Image) -> Image:
    import cv2

    left, top, right, bottom = person.face_xyxy
    size = 2.2 * max(right - left, bottom - top)
    centre = ((left + right) / 2, (top + bottom) / 2)
    turn = cv2.getRotationMatrix2D(centre, 6.0, 420.0 / size)
    turn = turn + np.array([[0, 0, 210.0 - centre[0]], [0, 0, 210.0 - centre[1]]])
    photo = cv2.warpAffine(
        picture, turn, (420, 420), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE
    )
    lit = np.clip(photo[:, ::-1].astype(np.float32) * 0.9 + 14, 0, 255)
    return np.ascontiguousarray(lit.astype(np.uint8))


def _write_jpeg(path: Path, image: Image) -> None:
    from PIL import Image as Pillow

    Pillow.fromarray(image).save(path, quality=80)


def _shoot(shot: Shot, frame: int, picture: Image, grain: np.random.Generator) -> Image:
    import cv2

    x1, y1, x2, _ = shot.window(frame)
    scale = WIDTH / (x2 - x1)
    camera = np.array([[scale, 0, -x1 * scale], [0, scale, -y1 * scale]])
    view = cv2.warpAffine(
        picture, camera, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR, borderValue=(60, 66, 74)
    )
    light = 1 + (shot.brightness - 1) * frame / max(shot.frames - 1, 1)
    noise = grain.normal(scale=3.0, size=(HEIGHT, WIDTH, 1))
    return np.clip(view * light + noise, 0, 255).astype(np.uint8)


def _pictures_of(film: Film, pictures: Mapping[str, Image]) -> Iterator[Image]:
    grain = np.random.default_rng(7)
    for shot, frame in film.frames():
        yield _shoot(shot, frame, pictures[shot.picture], grain)


def encode_film(path: Path, film: Film, pictures: Mapping[str, Image]) -> None:
    """Encode one film as its shots say."""
    import av

    logging.getLogger("libav").setLevel(logging.ERROR)
    options = {"crf": "28", "preset": "veryfast"} if film.codec == "libx264" else {}
    with av.open(str(path), "w") as container:
        stream = cast("av.VideoStream", container.add_stream(film.codec, FPS, options=options))
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.bit_rate = 900_000
        for image in _pictures_of(film, pictures):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
