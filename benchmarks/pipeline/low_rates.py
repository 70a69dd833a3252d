"""Films of 1 to 10 frames per second: cuts, and tracks against the persons of the full-rate film.

Joins thinned shots of the real clips and camera moves over real photos. The frames of every track
are compared with the labels: the true shot, and the person by the tracks at the full rate::

    python -m benchmarks.pipeline.low_rates [CLIP...]

A CLIP beside those of the media folder is cut where the detector finds cuts at its full rate.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

from benchmarks.media import media_folder
from benchmarks.pipeline.cuts import CUTS
from pipelines.stages import faces as find_faces
from vidsearch.datatypes import Boxes, FrameFaces, Image, TimeSpan, Track
from vidsearch.device import resolve_device
from vidsearch.faces.geometry.boxes import iou_matrix
from vidsearch.faces.track import Tracker
from vidsearch.faces.track.tracklet import Tracklet
from vidsearch.models.registry import LoadedPack, load_pack
from vidsearch.video.open import open_video
from vidsearch.video.report import ReadReport
from vidsearch.video.sampling import FrameSampler, SamplingConfig
from vidsearch.video.types import DecodedFrame, FrameGeometry, VideoInfo, VideoReader

RATES = (1.0, 2.0, 3.0, 5.0, 10.0)
SIZE_WH = (640, 360)
SHOTS, FILMS, LONGEST = 16, 3, 7
# Face of a label that covers less of it is another person.
_SAME_FACE = 0.4


@dataclass(frozen=True)
class Labelled:
    """Frame of a shot, with the boxes and numbers of the persons in it."""

    image: Image
    boxes: Boxes
    persons: tuple[str, ...]


@dataclass(frozen=True)
class Shot:
    """Shot of a clip at its full rate."""

    fps: float
    frames: list[Labelled]


class MemoryFrame(DecodedFrame):
    """Frame of a film in memory."""

    __slots__ = ("image",)

    def __init__(self, image: Image, pts: int, rate: float) -> None:
        super().__init__(pts, 1, Fraction(1) / Fraction(str(rate)), Fraction(0))
        self.image = image

    @property
    def geometry(self) -> FrameGeometry:
        return FrameGeometry(*SIZE_WH)

    def rgb(self) -> Image:
        return self.image

    def thumbnail_bgr(self, width: int, height: int) -> Image:
        small = cv2.resize(self.image, (width, height), interpolation=cv2.INTER_AREA)
        return np.ascontiguousarray(small[..., ::-1])


class MemoryReader(VideoReader):
    """Film in memory."""

    def __init__(self, images: Sequence[Image], rate: float) -> None:
        self._frames = [MemoryFrame(image, pts, rate) for pts, image in enumerate(images)]

    @property
    def info(self) -> VideoInfo:
        raise NotImplementedError

    def decode(self) -> Iterator[DecodedFrame]:
        return iter(self._frames)

    def report(self) -> ReadReport:
        raise NotImplementedError

    def close(self) -> None:
        pass


class RecordingTracker(Tracker):
    """Tracker that keeps time and box of every face of a track."""

    def __init__(self, models: LoadedPack) -> None:
        super().__init__(models.model_id, models.calibration.confidence)
        self.runs: list[tuple[list[float], list[np.ndarray]]] = []

    def _to_track(self, tracklet: Tracklet):  # type: ignore[no-untyped-def]
        self.runs.append((list(tracklet.times_s), list(tracklet.boxes)))
        return super()._to_track(tracklet)


def clip_shots(path: Path, models: LoadedPack) -> list[Shot]:
    """Return the shots of a clip, with the tracks at the full rate as labels."""
    with open_video(str(path)) as reader:
        fps = reader.info.fps or 25.0
        images = [_fit(frame.rgb()) for frame in reader.decode()]
    tracker, boxes, spans = _track(images, fps, SamplingConfig(fps=1000), models)
    cuts = CUTS.get(path.stem, tuple(round(span.start_s * fps) for span in spans[1:]))
    owner = {
        (round(time_s * fps), tuple(box.tolist())): f"{path.stem} {number}"
        for number, (times, track_boxes) in enumerate(tracker.runs)
        for time_s, box in zip(times, track_boxes, strict=True)
    }
    labelled = []
    for number, image in enumerate(images):
        found = boxes.get(number, np.zeros((0, 4), np.float32))
        persons = tuple(owner[number, tuple(box.tolist())] for box in found)
        labelled.append(Labelled(image, found, persons))
    return [Shot(fps, labelled[a:b]) for a, b in pairwise((0, *cuts, len(images)))]


def photo_shots(folder: Path, rng: np.random.Generator) -> list[Shot]:
    """Return camera moves over photos, each of one person."""
    paths = sorted((folder / "lfw").glob("*/*_0001.jpg"))[::150]
    return [_move(path, rng) for path in paths]


def _move(path: Path, rng: np.random.Generator) -> Shot:
    photo = cv2.imread(str(path))
    assert photo is not None
    wide = np.asarray(cv2.resize(photo[..., ::-1], (900, 900)), np.uint8)
    speed, angle = rng.uniform(0.5, 4.0), rng.uniform(0, 2 * np.pi)
    way, corner, frames = (
        np.array([np.cos(angle), np.sin(angle)]) * speed,
        np.array([130.0, 270]),
        [],
    )
    for _ in range(300):
        room = np.array([900 - SIZE_WH[0], 900 - SIZE_WH[1]])
        way = np.where((corner + way < 0) | (corner + way > room), -way, way)
        corner = corner + way
        x, y = corner.astype(int)
        image = np.ascontiguousarray(wide[y : y + SIZE_WH[1], x : x + SIZE_WH[0]])
        frames.append(Labelled(image, np.zeros((0, 4), np.float32), ()))
    return Shot(30.0, frames)


def film(
    shots: Sequence[Shot], rate: float, rng: np.random.Generator
) -> list[tuple[int, Labelled]]:
    """Return thinned shots, joined: number of the shot and frame."""
    joined: list[tuple[int, Labelled]] = []
    last = -1
    for number in range(SHOTS):
        last = int(rng.choice([n for n in range(len(shots)) if n != last]))
        shot = shots[last]
        step = max(1, round(shot.fps / rate))
        count = min(int(rng.integers(1, LONGEST + 1)), max(1, len(shot.frames) // step))
        first = int(rng.integers(max(1, len(shot.frames) - step * (count - 1))))
        joined += [(number, frame) for frame in shot.frames[first::step][:count]]
    return joined


def _track(
    images: Sequence[Image], rate: float, config: SamplingConfig, models: LoadedPack
) -> tuple[RecordingTracker, dict[int, Boxes], tuple[TimeSpan, ...]]:
    tracker = RecordingTracker(models)
    sampler = FrameSampler(MemoryReader(images, rate), config)
    boxes = {}
    for frame in sampler:
        found: FrameFaces = find_faces.run(frame, models, 90)
        boxes[frame.pts] = found.detections.boxes_xyxy
        tracker.update(found)
    tracker.tracks: list[Track] = tracker.finish(sampler.shots)  # type: ignore[misc,attr-defined]
    return tracker, boxes, sampler.shots


def _fit(image: Image) -> Image:
    height, width = image.shape[:2]
    scale = min(SIZE_WH[0] / width, SIZE_WH[1] / height)
    small = cv2.resize(image, (int(width * scale), int(height * scale)))
    canvas = np.zeros((SIZE_WH[1], SIZE_WH[0], 3), np.uint8)
    top, left = (SIZE_WH[1] - small.shape[0]) // 2, (SIZE_WH[0] - small.shape[1]) // 2
    canvas[top : top + small.shape[0], left : left + small.shape[1]] = small
    return canvas


def measure(name: str, shots: Sequence[Shot], rate: float, models: LoadedPack) -> None:
    rng = np.random.default_rng(7)
    missed = false = cuts = tracks = over = mixed = appearances = late = 0
    for _ in range(FILMS):
        joined = film(shots, rate, rng)
        truth = {n for n in range(1, len(joined)) if joined[n][0] != joined[n - 1][0]}
        images = [frame.image for _, frame in joined]
        tracker, _, spans = _track(images, rate, SamplingConfig(), models)
        found = {round(span.start_s * rate) for span in spans[1:]}
        missed, false, cuts = (
            missed + len(truth - found),
            false + len(found - truth),
            cuts + len(truth),
        )
        seen: set[tuple[int, str]] = set()
        for times, boxes in tracker.runs:
            numbers = [round(time_s * rate) for time_s in times]
            labels = {
                (joined[n][0], _person(joined[n][1], box))
                for n, box in zip(numbers, boxes, strict=True)
            }
            over += len({shot for shot, _ in labels}) > 1
            mixed += len({person for _, person in labels}) > 1
            seen |= labels
        for track in tracker.tracks:  # type: ignore[attr-defined]
            last = max(n for n in range(len(joined)) if n / rate <= track.span.end_s - 0.5 / rate)
            first = round(track.span.start_s * rate)
            late += joined[first][0] != joined[last][0]
        tracks, appearances = tracks + len(tracker.runs), appearances + len(seen)
    print(
        f"{name:12s} {rate:4.0f}/s  cuts {cuts:3d}: missed {missed:3d} false {false:3d}   "
        f"tracks {tracks:4d} of {appearances:4d} appearances: over a cut {over:3d}, "
        f"two persons {mixed:3d}, span beyond the shot {late:3d}",
        flush=True,
    )


def _person(frame: Labelled, box: np.ndarray) -> str:
    if not len(frame.boxes):
        return "the only one"
    overlap = iou_matrix(box[None].astype(np.float32), frame.boxes)[0]
    best = int(overlap.argmax())
    return frame.persons[best] if overlap[best] > _SAME_FACE else "another"


def main() -> None:
    cv2.setNumThreads(1)
    models = load_pack("open", resolve_device("cpu"))
    media = media_folder()
    clips = [
        shot
        for path in sorted((media / "videos").glob("*.mp4"))
        for shot in clip_shots(path, models)
    ]
    sets = {"clips": clips, "photos": photo_shots(media, np.random.default_rng(3))}
    if len(sys.argv) > 1:
        sets["given"] = [shot for name in sys.argv[1:] for shot in clip_shots(Path(name), models)]
    for name, shots in sets.items():
        for rate in RATES:
            measure(name, shots, rate, models)


if __name__ == "__main__":
    main()
