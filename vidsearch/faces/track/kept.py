"""Choice of the faces that a track keeps: the best one of each of K equal time spans.

Faces spread over time describe a person better than the K faces of highest quality. Re-embedding an
archive pools these faces. In a measurement, the spread faces lost no accuracy; faces chosen by
quality alone lost some.
"""

from __future__ import annotations

import numpy as np

from vidsearch.datatypes import AlignedFaces, KeptFace
from vidsearch.faces.jpeg import encode_jpeg


def best_per_time_span(faces: list[KeptFace], count: int) -> list[KeptFace]:
    """Return at most ``count`` faces in time order: the best of each equal time span.

    Of faces with equal quality the earlier one is chosen, so the order of arrival has no influence.
    """
    ordered = sorted(faces, key=lambda face: face.time_s)
    if len(ordered) <= count:
        return ordered
    edges = np.linspace(ordered[0].time_s, ordered[-1].time_s, count + 1)[1:-1]
    best: dict[int, KeptFace] = {}
    for face in ordered:
        span = int(np.searchsorted(edges, face.time_s, side="right"))
        current = best.get(span)
        if current is None or face.quality > current.quality:
            best[span] = face
    return [best[span] for span in sorted(best)]


def best_first(faces: list[KeptFace]) -> tuple[KeptFace, ...]:
    """Return the faces, best quality first, then in time order."""
    return tuple(sorted(faces, key=lambda face: (-face.quality, face.time_s)))


def encode_aligned(aligned: AlignedFaces, jpeg_quality: int) -> tuple[bytes, ...]:
    """Return aligned faces, (N, S, S, 3) uint8 RGB, as N JPEGs."""
    return tuple(encode_jpeg(face, jpeg_quality) for face in aligned)
