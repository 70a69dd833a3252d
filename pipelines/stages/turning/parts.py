"""Parts of a film that lie on their side or upside down while the rest is upright.

Such parts are not turned; they are named, since faces in them are found badly or not at all. The
landmarks of the ordinary detections show them at no cost. A few turned looks confirm them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from pipelines.stages.turning.film import certain_faces, lying_scores, reduced, turned_image
from vidsearch.catalog.records import TurnedPart
from vidsearch.datatypes import Detections, Frame, Image
from vidsearch.faces.detect.base import Detector

_GOOD_SCORE: Final = 0.7
_LOOKS_PER_RUN: Final = 2
_FIRST_LOOKS: Final = 4
_FRAMES_PER_LOOK: Final = 100
"""Further looks at turned frames: one in a hundred sampled frames."""

_FRAMES_BESIDE_UPRIGHT: Final = 3
"""Frames with faces that lie that make a part of a shot which shows upright faces, too."""

_JOIN_GAP_S: Final = 1.0


@dataclass(slots=True)
class _Run:
    """Frames of a shot in a row without a certainly upright face."""

    start_s: float
    end_s: float
    faceless: bool = True
    lying: dict[int, int] = field(default_factory=dict)
    lying_images: list[tuple[float, Image]] = field(default_factory=list)
    spare: Image | None = None


@dataclass(slots=True, eq=False)
class PartEvidence:
    """Evidence for parts that lie; give it every sampled frame with its detections, in order.

    Args:
        detector: Detector of upright faces, which looks at a few turned frames.
    """

    detector: Detector
    _frames: int = 0
    _looks: int = 0
    _shot: int = -1
    _upright: bool = False
    _run: _Run | None = None
    _before: _Run | None = None
    _parts: list[TurnedPart] = field(default_factory=list)

    def add(self, frame: Frame, found: Detections, weak: Detections) -> None:
        """Add a frame, its faces and its weak detections."""
        self._frames += 1
        if frame.shot != self._shot:
            self._close(frame.time_s)
            self._shot, self._upright = frame.shot, False
        if len(certain_faces(found)):
            self._close(frame.time_s)
            self._upright, self._before = True, None
            return
        end_s = frame.time_s + frame.duration_s
        if self._run is None:
            self._run = _Run(frame.time_s, end_s)
        run = self._run
        run.end_s = end_s
        run.faceless &= not len(found)
        scores = lying_scores(found, weak) if len(found) or len(weak) else {}
        for quarter in scores:
            run.lying[quarter] = run.lying.get(quarter, 0) + 1
        if scores:
            run.lying_images.append((max(scores.values()), reduced(frame.image)))
            run.lying_images.sort(key=lambda scored: -scored[0])
            del run.lying_images[_LOOKS_PER_RUN:]
        elif run.spare is None:
            run.spare = reduced(frame.image)

    def finish(self, end_s: float | None = None) -> tuple[TurnedPart, ...]:
        """Return the parts that lie.

        Args:
            end_s: End of the film; None: of the last sampled frame.
        """
        self._close(end_s)
        return joined(self._parts)

    def _close(self, end_s: float | None) -> None:
        """End the run; a faceless run beside a part that lies is looked at as that part is."""
        run, self._run = self._run, None
        if run is None:
            return
        if end_s is not None:
            run.end_s = end_s
        quarter = self._quarter(run)
        if quarter:
            before, self._before = self._before, None
            if before is not None and self._lies(before, quarter):
                self._add_part(before, quarter)
            self._add_part(run, quarter)
            return
        last = self._parts[-1] if self._parts else None
        if last is not None and last.end_s == run.start_s and run.faceless:
            quarter = 4 - last.turn_deg // 90
            if self._lies(run, quarter):
                self._add_part(run, quarter)
                return
        self._before = run if run.faceless else None

    def _quarter(self, run: _Run) -> int:
        """Return the quarter turns by which a run lies; 0 if it is upright or shows no face."""
        if not run.lying:
            return 0
        quarter = max(run.lying, key=lambda key: run.lying[key])
        if self._upright and run.lying[quarter] < _FRAMES_BESIDE_UPRIGHT:
            return 0
        return quarter if self._lies(run, quarter) else 0

    def _lies(self, run: _Run, quarter: int) -> bool:
        """Return True if turned frames of a run show certainly upright faces."""
        images = [image for _, image in run.lying_images]
        if run.spare is not None:
            images.append(run.spare)
        for image in images[:_LOOKS_PER_RUN]:
            if self._looks >= _FIRST_LOOKS + self._frames // _FRAMES_PER_LOOK:
                return False
            self._looks += 1
            faces = certain_faces(self.detector.detect(turned_image(image, quarter)))
            if not len(faces) or faces.scores.max() < _GOOD_SCORE:
                return False
        return bool(images)

    def _add_part(self, run: _Run, quarter: int) -> None:
        self._parts.append(
            TurnedPart(start_s=run.start_s, end_s=run.end_s, turn_deg=(4 - quarter) * 90)
        )


def joined(parts: Iterable[TurnedPart]) -> tuple[TurnedPart, ...]:
    """Return parts of one stream in order of time, those side by side with equal turns as one."""
    result: list[TurnedPart] = []
    for part in sorted(parts, key=lambda part: (part.start_s, part.end_s)):
        last = result[-1] if result else None
        beside = last is not None and part.start_s - last.end_s <= _JOIN_GAP_S
        if last is not None and beside and last.turn_deg == part.turn_deg:
            result[-1] = replace(last, end_s=max(last.end_s, part.end_s))
        else:
            result.append(part)
    return tuple(result)
