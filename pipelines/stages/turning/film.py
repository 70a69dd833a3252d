"""Films that lie on their side or upside down without a tag: how many degrees to turn them.

A detector for upright faces finds many large faces that lie on their side too, with a lower score,
and its landmarks show how they lie: the mouth is beside or above the eyes. This evidence costs
nothing. Only a film in which such faces prevail is looked at again, turned, in a few frames. It is
turned if the turned frames show clearly more upright faces.

Films in which every face lies on its side, such as of one person asleep, cannot be told apart.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from vidsearch.datatypes import Detections, Image, Vector
from vidsearch.errors import VideoError
from vidsearch.faces.detect.base import Detector, WeakDetector
from vidsearch.read_options import ReadOptions
from vidsearch.video.pyav.reader import PyAVReader

# A turned frame has the largest side that detectors use.
_SIDE_PX: Final = 640
_KEPT_FRAMES: Final = 4
_UPRIGHT_FRAMES: Final = 3
"""Frames with certainly upright faces after which a film is upright."""

# Lowest score and distance of the eyes of a certainly upright face, seen from the front and from
# the side. In faces that lie, detectors place the eyes closer together.
_CERTAIN: Final = ((0.6, 0.33), (0.75, 0.2))
_CERTAIN_TILT_DEG: Final = 30.0
_TURNED_FRAMES: Final = 3
_GOOD_SCORE: Final = 0.7
_STRONG_SCORE: Final = 0.5
# 19 of 20 photos of LFW are tilted by at most 11 degrees.
_UPRIGHT_TILT_DEG: Final = 15.0
_FRAMES_PER_BLIND_LOOK: Final = 200
_BLIND_LOOKS_OF_LONG: Final = 3
_SHARES: Final = tuple((5 * number % 16 + 0.5) / 16 for number in range(16))
"""Positions in a long video, as shares of its length, in no order of time."""


def detect(image: Image, detector: Detector) -> tuple[Detections, Detections]:
    """Return the faces of an image and the weak detections, none if the detector gives none.

    Args:
        image: (H, W, 3) uint8 RGB.
        detector: Detector of upright faces.
    """
    if isinstance(detector, WeakDetector):
        return detector.detect_with_weak(image)
    return detector.detect(image), Detections.empty()


@dataclass(frozen=True, slots=True, eq=False)
class _KeptFrame:
    """Frame that may be looked at again.

    Attributes:
        image: (H, W, 3) uint8 RGB, reduced.
        upright: Sum of the scores of its upright faces.
        score: Highest score of a face that lies; 0 without one.
    """

    image: Image
    upright: float
    score: float


@dataclass(slots=True)
class TurnEvidence:
    """Evidence from the sampled frames of a film; give it every frame with its detections.

    Quarter turns count counter-clockwise, as the film lies: 1 for a film whose top is at the left.
    """

    _frames: int = 0
    _certain: int = 0
    _upright: int = 0
    _lying: dict[int, int] = field(default_factory=lambda: dict.fromkeys((1, 2, 3), 0))
    _candidates: dict[int, list[_KeptFrame]] = field(
        default_factory=lambda: {quarter: [] for quarter in (1, 2, 3)}
    )
    _spares: list[_KeptFrame] = field(default_factory=list)
    _stride: int = 1

    @property
    def is_upright(self) -> bool:
        """True if the film is certainly upright; further frames do not matter."""
        return self._certain >= _UPRIGHT_FRAMES

    def add(self, image: Image, found: Detections, weak: Detections) -> None:
        """Add a frame.

        Args:
            image: (H, W, 3) uint8 RGB, as the container states it.
            found: Its faces.
            weak: Its weak detections.
        """
        self._frames += 1
        lying: dict[int, float] = {}
        upright = found.scores[:0]
        if len(found) or len(weak):
            upright = found.scores[_quarter_turns(found) == 0]
            self._upright += len(upright) > 0
            self._certain += len(certain_faces(found)) > 0
            lying = lying_scores(found, weak) if not len(upright) else {}
        if self.is_upright:
            self._spares.clear()
            return
        for quarter, score in lying.items():
            self._lying[quarter] += 1
            candidates = self._candidates[quarter]
            candidates.append(_KeptFrame(reduced(image), 0.0, score))
            candidates.sort(key=lambda frame: -frame.score)
            del candidates[_KEPT_FRAMES:]
        if not lying and (self._frames - 1) % self._stride == 0:
            self._spares.append(_KeptFrame(reduced(image), float(upright.sum()), 0.0))
            if len(self._spares) > 2 * _KEPT_FRAMES:
                del self._spares[1::2]
                self._stride *= 2

    def turn_deg(self, detector: Detector, blind_looks: int | None = None) -> int:
        """Return the counter-clockwise degrees by which the film has to be turned; 0 if upright.

        Args:
            detector: Detector of the frames; it looks at a few turned frames if faces that lie
                prevail.
            blind_looks: Looks at turned frames of a film without any face; None: one for every
                200 frames.
        """
        quarter = max(self._lying, key=lambda key: self._lying[key])
        if self._certain and not self._prevails(quarter):
            return 0
        if not self._lying[quarter]:
            looks = self._frames // _FRAMES_PER_BLIND_LOOK if blind_looks is None else blind_looks
            quarter = self._blind_look(detector, looks)
        if not quarter or not self._prevails(quarter):
            return 0
        return (4 - quarter) * 90 if self._is_turned(quarter, detector) else 0

    def _prevails(self, quarter: int) -> bool:
        frames = self._lying[quarter]
        others = max(count for other, count in self._lying.items() if other != quarter)
        return frames >= max(1, 2 * others, self._upright, 20 * self._certain)

    def _blind_look(self, detector: Detector, looks: int) -> int:
        """Look at turned frames of a film without any face; return the quarter turn of a face."""
        for number, frame in enumerate(self._spares[:looks]):
            quarter = (1, 3, 2)[number % 3]
            if len(certain_faces(detector.detect(turned_image(frame.image, quarter)))):
                self._lying[quarter] = max(1, self._upright)
                return quarter
        return 0

    def _is_turned(self, quarter: int, detector: Detector) -> bool:
        """Look at turned frames; return True if they show clearly more upright faces."""
        candidates = self._candidates[quarter]
        patience = _TURNED_FRAMES if candidates and candidates[0].score >= _STRONG_SCORE else 1
        found_in: list[Detections] = []
        without: list[_KeptFrame] = []
        upright_sum = 0.0
        for frame in (*candidates, *self._spares[:: max(1, len(self._spares) // _KEPT_FRAMES)]):
            certain = certain_faces(detector.detect(turned_image(frame.image, quarter)))
            upright_sum += frame.upright
            if len(certain):
                found_in.append(certain)
            else:
                without.append(frame)
            if len(without) == patience and not found_in:
                return False
        if len(found_in) < min(_TURNED_FRAMES, self._frames):
            return False
        if self._lie_otherwise(without, quarter, detector) * _KEPT_FRAMES > len(found_in):
            return False
        scores = np.concatenate([faces.scores for faces in found_in])
        tilts = np.concatenate([np.abs(_tilt_deg(faces)) for faces in found_in])
        return bool(
            scores.sum() >= 3 * upright_sum
            and scores.mean() >= _GOOD_SCORE
            and np.median(tilts) <= _UPRIGHT_TILT_DEG
        )

    @staticmethod
    def _lie_otherwise(frames: list[_KeptFrame], quarter: int, detector: Detector) -> int:
        """Return the number of frames with a face that lies by other quarter turns."""
        others = [other for other in (1, 2, 3) if other != quarter]
        return sum(
            any(
                len(certain_faces(detector.detect(turned_image(frame.image, other))))
                for other in others
            )
            for frame in frames
        )


def turn_of_long_video(uri: str, length_s: float, read: ReadOptions, detector: Detector) -> int:
    """Return the counter-clockwise degrees by which a long video has to be turned; 0 if upright.

    One frame is decoded at each of a few positions, spread over the video. Most videos show
    upright faces at the first ones.

    Args:
        uri: Path, or a URI known to fsspec.
        length_s: Length in seconds.
        read: Options of the reader.
        detector: Detector of the frames.
    """
    evidence = TurnEvidence()
    for share in _SHARES:
        if evidence.is_upright:
            return 0
        with suppress(VideoError), PyAVReader(uri, options=read) as reader:
            frame = next(reader.decode_around(share * length_s), None)
            if frame is not None:
                image = frame.rgb()
                evidence.add(image, *detect(image, detector))
    return evidence.turn_deg(detector, _BLIND_LOOKS_OF_LONG)


def _quarter_turns(found: Detections) -> Vector:
    """Return the turn of each face: (N,) counter-clockwise quarter turns, 0 to 3."""
    return np.asarray(np.round(_tilt_deg(found) / 90) % 4, np.float32)


def _tilt_deg(found: Detections) -> Vector:
    """Return the angle from straight down of the way from eyes to mouth, counter-clockwise."""
    eyes = found.landmarks[:, :2].mean(axis=1)
    mouth = found.landmarks[:, 3:].mean(axis=1)
    across, down = (mouth - eyes).T
    return np.asarray(np.degrees(np.arctan2(across, down)), np.float32)


def certain_faces(found: Detections) -> Detections:
    """Return the certainly upright faces."""
    eyes = np.linalg.norm(found.landmarks[:, 0] - found.landmarks[:, 1], axis=1)
    sides = found.boxes_xyxy[:, 2:] - found.boxes_xyxy[:, :2]
    size = np.sqrt(np.maximum(sides.prod(axis=1), 1))
    certain = [(found.scores >= score) & (eyes >= share * size) for score, share in _CERTAIN]
    return found.select(np.any(certain, axis=0) & (np.abs(_tilt_deg(found)) <= _CERTAIN_TILT_DEG))


def lying_scores(found: Detections, weak: Detections) -> dict[int, float]:
    """Return the highest score of the faces that lie, by quarter turn."""
    highest: dict[int, float] = {}
    for detections in (found, weak):
        for quarter, score in zip(_quarter_turns(detections), detections.scores, strict=True):
            if quarter:
                highest[int(quarter)] = max(highest.get(int(quarter), 0.0), float(score))
    return highest


def reduced(image: Image) -> Image:
    """Return an image, (H, W, 3) uint8 RGB, with at most 640 pixels on its longer side."""
    import cv2

    scale = _SIDE_PX / max(image.shape[:2])
    if scale >= 1:
        return image
    size = tuple(max(1, round(side * scale)) for side in image.shape[1::-1])
    reduced: Image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    return reduced


def turned_image(image: Image, quarter: int) -> Image:
    """Return an image, (H, W, 3) uint8 RGB, that lies by quarter turns, turned upright."""
    return np.ascontiguousarray(np.rot90(image, -quarter))
