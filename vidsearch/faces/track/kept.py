"""The few faces a track keeps: the best one of each of K equal stretches of its life.

Stretches, because pooled faces spread in time describe a person better than the K most alike:
re-embedding an archive pools these, and spreading lost nothing where picking by one score did.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vidsearch.datatypes import AlignedFaces, KeptFace, Landmarks, Vector


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A face that may be kept."""

    time_s: float
    box_xyxy: Vector
    landmarks: Landmarks
    score: float
    quality: float
    embedding: Vector
    aligned_jpeg: bytes
    aligned_points: Landmarks


def thin(candidates: list[Candidate], keep: int) -> list[Candidate]:
    """Return at most ``keep`` candidates in time order: the best of each equal stretch of time.

    Ties go to the earlier face, so that the choice never depends on the order of arrival.
    """
    ordered = sorted(candidates, key=lambda c: c.time_s)
    if len(ordered) <= keep:
        return ordered
    edges = np.linspace(ordered[0].time_s, ordered[-1].time_s, keep + 1)[1:-1]
    best: dict[int, Candidate] = {}
    for candidate in ordered:
        stretch = int(np.searchsorted(edges, candidate.time_s, side="right"))
        held = best.get(stretch)
        if held is None or candidate.quality > held.quality:
            best[stretch] = candidate
    return [best[stretch] for stretch in sorted(best)]


def best_first(candidates: list[Candidate]) -> tuple[KeptFace, ...]:
    """Return the faces as they are kept, best quality first."""
    return tuple(
        KeptFace(
            c.time_s,
            c.box_xyxy,
            c.landmarks,
            c.score,
            c.quality,
            c.embedding,
            c.aligned_jpeg,
            c.aligned_points,
        )
        for c in sorted(candidates, key=lambda c: (-c.quality, c.time_s))
    )


def encode(aligned: AlignedFaces, jpeg_quality: int) -> tuple[bytes, ...]:
    """Return aligned faces, (N, S, S, 3) uint8 RGB, as N JPEGs."""
    import cv2

    settings = [cv2.IMWRITE_JPEG_QUALITY, jpeg_quality]
    return tuple(
        cv2.imencode(".jpg", np.ascontiguousarray(face[:, :, ::-1]), settings)[1].tobytes()
        for face in aligned
    )
