"""Tracklet under construction: embeddings, boxes and candidates for the kept faces."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from vidsearch.datatypes import FrameFaces, KeptFace, Vector
from vidsearch.faces.template import normalise
from vidsearch.faces.track.association import Appearance
from vidsearch.faces.track.kept import best_per_time_span

_SPARSE_S = 0.125
"""Seconds to the next frame from which another person may have taken the place."""

_RECENT = 3
"""Last faces compared besides the centre: a turning head is most similar to its last faces."""


@dataclass(slots=True, eq=False)
class Tracklet:
    """Unbroken run of faces in one shot; after joining, all faces of a track.

    Attributes:
        shot: Number of the shot.
        times_s: Time of each face, seconds.
        ends_s: End of the display time of each face's frame, seconds.
        embeddings: Raw embeddings, (D,) float32 each.
        candidates: Faces from which the kept faces are chosen.
        boxes: Boxes, (4,) float32 xyxy each.
        qualities: Quality of each face.
        total: Sum of the embeddings, (D,) float32; None without faces.
    """

    shot: int
    times_s: list[float] = field(default_factory=list)
    ends_s: list[float] = field(default_factory=list)
    embeddings: list[Vector] = field(default_factory=list)
    candidates: list[KeptFace] = field(default_factory=list)
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
            KeptFace(
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
        # A shot may last for hours: the number of images held must not grow with it.
        if len(self.candidates) > 4 * kept_faces:
            self.candidates = best_per_time_span(self.candidates, 2 * kept_faces)

    def recent(self) -> Appearance:
        """Return the centre and the last few faces, to be compared with a new face."""
        assert self.total is not None
        vectors = np.stack([self.total, *self.embeddings[-_RECENT:]])
        quality = [self.mean_quality, *self.qualities[-_RECENT:]]
        return Appearance(normalise(vectors), np.array(quality, np.float32))

    def centre(self) -> Appearance:
        """Return the centre of the faces so far."""
        assert self.total is not None
        return Appearance(normalise(self.total[None]), np.array([self.mean_quality], np.float32))

    @property
    def is_sparse(self) -> bool:
        """True if the frame of the last face is far from the next frame in time."""
        return self.ends_s[-1] - self.times_s[-1] >= _SPARSE_S

    @property
    def mean_quality(self) -> float:
        """Mean quality of the faces."""
        return float(np.mean(self.qualities))

    def extend(self, other: Tracklet) -> None:
        """Append the faces of a later tracklet of the same person."""
        self.times_s += other.times_s
        self.ends_s += other.ends_s
        self.embeddings += other.embeddings
        self.candidates += other.candidates
        self.boxes += other.boxes
        self.qualities += other.qualities
        assert self.total is not None
        assert other.total is not None
        self.total = self.total + other.total
