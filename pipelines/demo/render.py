"""Rendering the demo: camera moves -> encoded videos, and query photos unlike any frame."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

import numpy as np

from pipelines.demo.camera_moves import DAMAGED, FPS, HEIGHT, VIDEOS, WIDTH, CameraMove, DemoVideo
from pipelines.demo.people import PEOPLE, Person
from vidsearch.datatypes import Image


def render_archive(
    folder: Path, pictures: Mapping[str, Image], videos: Sequence[DemoVideo] = VIDEOS
) -> None:
    """Write videos below ``folder``, and one that is cut off in the middle.

    Args:
        folder: Folder of the videos.
        pictures: Name -> photo, (H, W, 3) uint8 RGB.
        videos: Videos to render; the first is the one that is cut off.
    """
    for video in videos:
        path = folder / video.name
        path.parent.mkdir(parents=True, exist_ok=True)
        render_video(path, video, pictures)
    whole = (folder / videos[0].name).read_bytes()
    (folder / DAMAGED).write_bytes(whole[: len(whole) // 2])


def render_photos(
    folder: Path, pictures: Mapping[str, Image], people: Sequence[Person] = PEOPLE
) -> dict[str, Path]:
    """Write one query photo of each person: mirrored, rotated, relit and compressed again.

    Args:
        folder: Folder of the photos.
        pictures: Name -> photo, (H, W, 3) uint8 RGB.
        people: People whose photos are written.

    Returns:
        Slug of the person -> path of the photo.
    """
    folder.mkdir(parents=True, exist_ok=True)
    photos = {}
    for person in people:
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


def _render_frame(
    shot: CameraMove, frame: int, picture: Image, grain: np.random.Generator
) -> Image:
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


def _render_frames(video: DemoVideo, pictures: Mapping[str, Image]) -> Iterator[Image]:
    grain = np.random.default_rng(7)
    for shot, frame in video.frames():
        yield _render_frame(shot, frame, pictures[shot.picture], grain)


def render_video(path: Path, video: DemoVideo, pictures: Mapping[str, Image]) -> None:
    """Render the shots of one video and encode them.

    Args:
        path: Output file.
        video: Encoder and shots.
        pictures: Name -> photo, (H, W, 3) uint8 RGB.
    """
    import av

    logging.getLogger("libav").setLevel(logging.ERROR)
    options = {"crf": "28", "preset": "veryfast"} if video.codec == "libx264" else {}
    with av.open(str(path), "w") as container:
        stream = cast("av.VideoStream", container.add_stream(video.codec, FPS, options=options))
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.bit_rate = 900_000
        for image in _render_frames(video, pictures):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
