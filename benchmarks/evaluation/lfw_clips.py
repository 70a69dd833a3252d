"""Clips made from LFW photos: camera moves, cuts, company, blur, darkness, compression.

One seed determines every choice, so the same photos give the same clips. A photo in a clip is never
a query, and a query is in no clip.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

WIDTH, HEIGHT, FPS = 640, 360, 12
QUERIES = 2
"""Photos of each person that are kept for searching."""
PHOTOS = 5
"""Photos of each person that are filmed, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipPlan:
    """Size of an archive to make.

    Attributes:
        present: People to be found; each has ``QUERIES`` photos to search with and up to ``PHOTOS``
            photos in clips.
        absent: People to search for who are in no clip.
        distractors: Clips of other people only.
        seed: Seed of every choice.
    """

    present: int = 40
    absent: int = 20
    distractors: int = 20
    seed: int = 7


@dataclass(frozen=True, slots=True)
class Shot:
    """Shot of a clip: its people, the photos of each, and its degradation."""

    people: tuple[str, ...]
    photos: tuple[Path, ...]
    frames: int


@dataclass(frozen=True, slots=True)
class Clip:
    name: str
    shots: tuple[Shot, ...]


def film_clips(lfw: Path, target: Path, plan: ClipPlan) -> Path:
    """Write ``clips/*.mp4`` and ``labels.csv`` below ``target`` and return the labels' path."""
    rng = np.random.default_rng(plan.seed)
    photos = {p.name: sorted(p.glob("*.jpg")) for p in sorted(lfw.iterdir()) if p.is_dir()}
    many = [name for name, files in photos.items() if len(files) >= QUERIES + 2]
    if len(many) < plan.present + plan.absent:
        raise SystemExit(f"{lfw} has too few people with {QUERIES + 2} photos or more")
    chosen = [many[n] for n in rng.permutation(len(many))[: plan.present + plan.absent]]
    present, absent = chosen[: plan.present], chosen[plan.present :]
    extras = [name for name in photos if name not in set(many)]
    clips = _plan_clips(present, extras, photos, plan, rng)
    (target / "clips").mkdir(parents=True, exist_ok=True)
    for clip in clips:
        _encode(target / "clips" / clip.name, clip, rng)
    return _write_labels(target, clips, present, absent, photos)


def _plan_clips(
    present: Sequence[str],
    extras: Sequence[str],
    photos: dict[str, list[Path]],
    plan: ClipPlan,
    rng: np.random.Generator,
) -> list[Clip]:
    def other_person() -> tuple[str, Path]:
        name = extras[int(rng.integers(len(extras)))]
        return name, photos[name][0]

    def shot(first: tuple[str, Path]) -> Shot:
        company = [other_person() for _ in range(int(rng.choice([0, 1, 2], p=[0.4, 0.4, 0.2])))]
        cast_ = [first, *company]
        order = rng.permutation(len(cast_))
        return Shot(
            tuple(cast_[n][0] for n in order),
            tuple(cast_[n][1] for n in order),
            int(rng.integers(8, 29)),  # 0.7 to 2.3 s
        )

    filmed = [(name, file) for name in present for file in photos[name][QUERIES:][:PHOTOS]]
    order = rng.permutation(len(filmed))
    clips = [[shot(filmed[n]) for n in order[at : at + 3]] for at in range(0, len(order), 3)]
    clips += [[shot(other_person()) for _ in range(3)] for _ in range(plan.distractors)]
    return [Clip(f"clip-{n:03d}.mp4", tuple(shots)) for n, shots in enumerate(clips)]


def _encode(path: Path, clip: Clip, rng: np.random.Generator) -> None:
    crf = int(rng.integers(20, 37))
    with av.open(str(path), "w") as container:
        options = {"crf": str(crf), "preset": "veryfast"}
        stream = container.add_stream("libx264", FPS, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for shot in clip.shots:
            for image in _shoot(shot, rng):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))


def _shoot(shot: Shot, rng: np.random.Generator) -> list[NDArray[np.uint8]]:
    """Return the frames of a shot: the people side by side, and a moving camera."""
    set_ = _set(shot, rng)
    grains = rng.normal(scale=3.0, size=(4, HEIGHT, WIDTH, 1)).astype(np.float32)
    sigma = float(rng.choice([0.0, 0.8, 1.6, 2.4], p=[0.5, 0.2, 0.2, 0.1]))
    light = float(rng.choice([1.0, 0.6, 0.3], p=[0.6, 0.25, 0.15]))
    zoom = rng.uniform(0.9, 1.08, 2)
    shift = rng.uniform(-14, 14, (2, 2))
    tilt = rng.uniform(-5, 5, 2)
    frames = []
    for number, at in enumerate(np.linspace(0, 1, shot.frames)):
        z, (dx, dy) = zoom[0] + at * (zoom[1] - zoom[0]), shift[0] + at * (shift[1] - shift[0])
        camera = cv2.getRotationMatrix2D(
            (WIDTH / 2, HEIGHT / 2), float(tilt[0] + at * (tilt[1] - tilt[0])), float(z)
        )
        camera += np.array([[0, 0, dx], [0, 0, dy]])
        view = cv2.warpAffine(set_, camera, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
        if sigma:
            view = cv2.GaussianBlur(view, (0, 0), sigma)
        lit = view * np.float32(light) + grains[number % len(grains)]
        frames.append(np.clip(lit, 0, 255).astype(np.uint8))
    return frames


def _set(shot: Shot, rng: np.random.Generator) -> NDArray[np.uint8]:
    noise = rng.integers(30, 200, (6, 10, 3)).astype(np.uint8)
    canvas = cv2.resize(noise, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    room = (WIDTH - 40) // len(shot.photos)
    for place, file in enumerate(shot.photos):
        with Pillow.open(file) as picture:
            photo = np.asarray(picture.convert("RGB"))
        side = int(rng.uniform(90, min(room - 10, HEIGHT - 60)))
        left = 20 + place * room + int(rng.integers(0, room - side))
        top = 30 + int(rng.integers(0, HEIGHT - 60 - side + 1))
        method = cv2.INTER_AREA if side < photo.shape[0] else cv2.INTER_CUBIC
        canvas[top : top + side, left : left + side] = cv2.resize(
            photo, (side, side), interpolation=method
        )
    return np.asarray(canvas, np.uint8)


def _write_labels(
    target: Path,
    clips: Sequence[Clip],
    present: Sequence[str],
    absent: Sequence[str],
    photos: dict[str, list[Path]],
) -> Path:
    """Write the times of each person, merged over consecutive shots."""
    path = target / "labels.csv"
    known = {*present}
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["person", "photo", "video", "start", "end"])
        for name in (*present, *absent):
            for file in photos[name][:QUERIES]:
                writer.writerow([name, file.resolve(), "", "", ""])
        for clip in clips:
            frame = 0
            for shot in clip.shots:
                end = frame + shot.frames
                for name in shot.people:
                    if name in known:
                        times = [f"{frame / FPS:.3f}", f"{end / FPS:.3f}"]
                        writer.writerow([name, "", f"clips/{clip.name}", *times])
                frame = end
    return path
