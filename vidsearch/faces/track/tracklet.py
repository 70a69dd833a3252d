"""A tracklet while it grows: its embeddings, its last place, the faces it may keep."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from vidsearch.datatypes import FrameFaces, Vector
from vidsearch.faces.template import normalise
from vidsearch.faces.track.association import View
from vidsearch.faces.track.kept import Candidate, thin

_RECENT = 3
"""Faces compared with one by one besides the centre: a head that turns looks most like its last."""


@dataclass(slots=True, eq=False)
class Tracklet:
    """An unbroken run of faces in one shot; after joining, all of a track's faces.

    ``times_s`` are seconds; ``embeddings`` are raw (D,) float32 rows.
    """

    shot: int
    times_s: list[float] = field(default_factory=list)
    ends_s: list[float] = field(default_factory=list)
    embeddings: list[Vector] = field(default_factory=list)
    candidates: list[Candidate] = field(default_factory=list)
    boxes: list[Vector] = field(default_factory=list)
    qualities: list[float] = field(default_factory=list)
    total: Vector | None = None

    def add(self, faces: FrameFaces, row: int, kept_faces: int) -> None:
        """Append face ``row`` of a frame."""
        embedding = faces.embeddings[row]
        self.times_s.append(faces.time_s)
        self.ends_s.append(faces.time_s + faces.frame_duration_s)
        self.embeddings.append(embedding)
        self.boxes.append(faces.detections.boxes_xyxy[row])
        self.qualities.append(float(faces.quality[row]))
        self.total = embedding if self.total is None else self.total + embedding
        self.candidates.append(
            Candidate(
                faces.time_s,
                faces.detections.boxes_xyxy[row],
                faces.detections.landmarks[row],
                float(faces.detections.scores[row]),
                float(faces.quality[row]),
                embedding,
                faces.aligned_jpegs[row],
                faces.aligned_points,
            )
        )
        # An interview shot lasts for hours: the pictures held must not grow with it.
        if len(self.candidates) > 4 * kept_faces:
            self.candidates = thin(self.candidates, 2 * kept_faces)

    def recent(self) -> View:
        """Return what a new face is compared with: the centre and the last few faces."""
        assert self.total is not None
        vectors = np.stack([self.total, *self.embeddings[-_RECENT:]])
        quality = [self.mean_quality, *self.qualities[-_RECENT:]]
        return View(normalise(vectors), np.array(quality, np.float32))

    def centre(self) -> View:
        """Return the template so far."""
        assert self.total is not None
        return View(normalise(self.total[None]), np.array([self.mean_quality], np.float32))

    @property
    def mean_quality(self) -> float:
        return float(np.mean(self.qualities))

    def absorb(self, other: Tracklet) -> None:
        """Take over the faces of a later tracklet of the same person."""
        self.times_s += other.times_s
        self.ends_s += other.ends_s
        self.embeddings += other.embeddings
        self.candidates += other.candidates
        self.boxes += other.boxes
        self.qualities += other.qualities
        assert self.total is not None
        assert other.total is not None
        self.total = self.total + other.total
