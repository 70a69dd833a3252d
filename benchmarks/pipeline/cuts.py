"""Cut detection beside PySceneDetect: missed cuts, false cuts, and cost.

Joins shots of the real clips and moves over real photos at labelled times: bright, dark, grey,
noisy, with flashes, fades, pans and zooms. Every detector runs over the same thumbnails::

    python -m benchmarks.pipeline.cuts
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scenedetect import FrameTimecode
from scenedetect.detectors import AdaptiveDetector, ContentDetector

from benchmarks.media import media_folder
from vidsearch.video.open import open_video
from vidsearch.video.shots import ShotDetector

Pictures = list[NDArray[np.uint8]]
Joined = tuple[Pictures, set[int]]
Finder = Callable[[Pictures], set[int]]
KINDS = (
    "plain",
    "short",
    "slow",
    "dark",
    "mixed",
    "flash",
    "fade",
    "noise",
    "grey",
    "pan",
    "whip",
    "zoom",
)
SIZE_WH = (160, 90)
SHOTS, REPEATS = 14, 6
# Looked at frame by frame.
CUTS = {"short_hamilton_clip": (20, 82, 211)}


class Maker:
    """Builds labelled sequences; the same seed gives the same ones."""

    def __init__(self, media: Path) -> None:
        self._rng = np.random.default_rng(0)
        self._shots = _clip_shots(media / "videos")
        faces = sorted((media / "photos" / "face_recognition").glob("*.[jp][pn]g"))
        people = sorted((media / "lfw").glob("*/*_0001.jpg"))[::100]
        self._photos = [photo for photo in map(_load, faces + people) if photo is not None]
        self._last = -1

    def sequence(self, kind: str) -> Joined:
        shots = [self._shot(kind) for _ in range(SHOTS)]
        edges = np.cumsum([0, *map(len, shots)])
        frames = np.concatenate([np.stack(shot) for shot in shots]).astype(np.float32)
        for start, end in pairwise(edges):
            self._treat(frames[start:end], kind)
        if kind == "dark":
            frames *= self._rng.uniform(0.08, 0.2)
        if kind == "grey":
            frames[:] = frames.mean(3, keepdims=True)
        frames += self._rng.normal(0, 14 if kind == "noise" else 1.5, frames.shape)
        return list(np.clip(frames, 0, 255).astype(np.uint8)), set(map(int, edges[1:-1]))

    def _shot(self, kind: str) -> Pictures:
        rng = self._rng
        low, high = {"short": (2, 7), "slow": (4, 12)}.get(kind, (4, 50))
        length, step = int(rng.integers(low, high)), 6 if kind == "slow" else 1
        if kind == "pan":
            return self._move(length, rng.uniform(0.02, 0.08), 1.0)
        if kind == "whip":
            return self._move(length, rng.uniform(0.08, 0.2), 1.0)
        if kind == "zoom":
            return self._move(length, 0.002, float(rng.choice([0.93, 0.95, 1.05])))
        if rng.random() < 0.4:
            return self._move(length, rng.uniform(0, 0.01) * step, 1.0)
        return self._cut_out(length, step)

    def _cut_out(self, length: int, step: int) -> Pictures:
        self._last = int(self._rng.choice([n for n in range(len(self._shots)) if n != self._last]))
        shot = self._shots[self._last]
        span = min(length * step, len(shot))
        start = int(self._rng.integers(len(shot) - span + 1))
        return shot[start : start + span : step]

    def _move(self, length: int, speed: float, zoom: float) -> Pictures:
        """A camera over a photo, by ``speed`` of its view and ``zoom`` a frame."""
        photo = self._photos[int(self._rng.integers(len(self._photos)))]
        room = np.array([photo.shape[1], photo.shape[0]], np.float64)
        view = np.array([16.0, 9.0]) * min(room / (16, 9)) * self._rng.uniform(0.45, 0.7)
        corner, angle, scale = (room - view) / 2, self._rng.uniform(0, 2 * np.pi), 1.0
        way = np.array([np.cos(angle), np.sin(angle)]) * view * speed
        pictures = []
        for _ in range(length):
            window = view * scale
            way = np.where((corner + way < 0) | (corner + way + window > room), -way, way)
            corner = np.clip(corner + way, 0, np.maximum(0, room - window))
            ratio = np.array(SIZE_WH) / window
            matrix = np.array(
                [[ratio[0], 0, -corner[0] * ratio[0]], [0, ratio[1], -corner[1] * ratio[1]]]
            )
            pictures.append(
                cv2.warpAffine(photo, matrix, SIZE_WH, borderMode=cv2.BORDER_REFLECT).astype(
                    np.uint8
                )
            )
            scale = float(np.clip(scale * zoom, 0.4, 1.3))
        return pictures

    def _treat(self, shot: NDArray[np.float32], kind: str) -> None:
        """Change one shot in place by its kind."""
        if kind == "mixed":
            shot *= self._rng.uniform(0.06, 0.4)
        if kind == "flash" and len(shot) > 12:
            at = int(self._rng.integers(4, len(shot) - 4))
            lit = slice(at, at + int(self._rng.integers(1, 3)))
            shot[lit] = shot[lit] * 1.5 + 110
        if kind == "fade" and len(shot) > 30:
            at = int(self._rng.integers(2, len(shot) - 25))
            shot[at : at + 20] *= np.linspace(1, 0.3, 20, dtype=np.float32)[:, None, None, None]
            shot[at + 20 :] *= 0.3


def _clip_shots(folder: Path) -> list[Pictures]:
    shots = []
    for path in sorted(folder.glob("*.mp4")):
        with open_video(str(path)) as reader:
            pictures = [frame.thumbnail_bgr(*SIZE_WH) for frame in reader.decode()]
        edges = (0, *CUTS.get(path.stem, ()), len(pictures))
        shots += [pictures[a:b] for a, b in pairwise(edges)]
    return shots


def _load(path: Path) -> NDArray[np.uint8] | None:
    photo = cv2.imread(str(path))
    if photo is None:
        return None
    scale = min(1.0, 480 / max(photo.shape[:2]))
    return cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(
        np.uint8
    )


def ours(pictures: Pictures) -> set[int]:
    detector = ShotDetector()
    found = [cut for picture in pictures for cut in detector.push(picture)]
    return {*found, *detector.finish()}


def theirs(make: Callable[[], ContentDetector]) -> Finder:
    def find(pictures: Pictures) -> set[int]:
        detector = make()
        return {
            cut.frame_num
            for number, picture in enumerate(pictures)
            for cut in detector.process_frame(FrameTimecode(number, 25.0), picture)
        }

    return find


def measure(name: str, find: Finder, films: Mapping[str, Sequence[Joined]]) -> None:
    missed, false, frames = {}, {}, 0
    began = time.process_time()
    for kind, sequences in films.items():
        found = [(find(pictures), truth) for pictures, truth in sequences]
        missed[kind] = sum(len(truth - got) for got, truth in found)
        false[kind] = sum(len(got - truth) for got, truth in found)
        frames += sum(len(pictures) for pictures, _ in sequences)
    cost = (time.process_time() - began) / frames * 1e3
    by_kind = " ".join(f"{kind} {missed[kind]}/{false[kind]}" for kind in films)
    total = f"missed {sum(missed.values()):4d}  false {sum(false.values()):5d}"
    print(f"{name:36s} {total}  {cost:.3f} ms/frame\n    {by_kind}")


def _shrink(pictures: Pictures) -> Pictures:
    size = ShotDetector.thumbnail_wh
    return [cv2.resize(p, size, interpolation=cv2.INTER_AREA).astype(np.uint8) for p in pictures]


def main() -> None:
    cv2.setNumThreads(1)
    maker = Maker(media_folder())
    films = {kind: [maker.sequence(kind) for _ in range(REPEATS)] for kind in KINDS}
    small = {
        kind: [(_shrink(pictures), truth) for pictures, truth in sequences]
        for kind, sequences in films.items()
    }
    cuts = sum(len(truth) for sequences in films.values() for _, truth in sequences)
    frames = sum(len(pictures) for sequences in films.values() for pictures, _ in sequences)
    print(f"{frames} frames, {cuts} cuts; by kind: missed/false")
    measure("ShotDetector (64 x 36)", ours, small)
    for threshold in (3, 2):
        make = lambda threshold=threshold: AdaptiveDetector(threshold, min_scene_len=1)  # noqa: E731
        measure(f"AdaptiveDetector({threshold}) (160 x 90)", theirs(make), films)
    measure("ContentDetector(27) (160 x 90)", theirs(lambda: ContentDetector(27, 0)), films)


if __name__ == "__main__":
    main()
