"""Faces of a photo file: of its first frame, or of the first later frame that shows a face."""

from __future__ import annotations

import heapq
from contextlib import closing
from typing import Final

from vidsearch.datatypes import Detections
from vidsearch.faces.detect.base import Detector
from vidsearch.photo.detection import FoundFaces, find_faces
from vidsearch.photo.open import Photo, photo_frames
from vidsearch.photo.source import PhotoSource

_FLAT: Final = 2.0
"""Contrast up to which a frame shows nothing, such as a black one."""

_THOROUGH_FRAMES: Final = 3
"""Later frames that are searched in every pass if one pass over all frames finds no face."""


def photo_with_faces(
    source: PhotoSource, detector: Detector, name: str | None = None
) -> tuple[Photo, FoundFaces]:
    """Return a decoded photo with its faces; without any face, its first frame.

    The first frame of an animation, or page of a file, is searched like a photo. If it shows no
    face, one detector pass looks at each further frame of ``photo_frames``, and the first frame
    with a face is used. Without one, the frames of the highest contrast are searched like photos. A
    warning of the returned photo names the frame.

    Args:
        source: Path, or content of the file.
        detector: Any detector.
        name: Name of the photo in errors and results.

    Raises:
        PhotoError: The photo cannot be read.
    """
    with closing(photo_frames(source, name)) as frames:
        first = next(frames)
        without_face = FoundFaces(Detections.empty())
        if _contrast(first) > _FLAT:
            without_face = find_faces(first.image, detector)
        if len(without_face.detections):
            return first, without_face
        clearest: list[tuple[float, int, Photo]] = []
        for number, photo in enumerate(frames):
            if len(detector.detect(photo.image)):
                return photo, find_faces(photo.image, detector)
            if _contrast(photo) > _FLAT:
                heapq.heappush(clearest, (_contrast(photo), number, photo))
            if len(clearest) > _THOROUGH_FRAMES:
                heapq.heappop(clearest)
    for _, _, photo in sorted(clearest, key=lambda entry: entry[1]):
        found = find_faces(photo.image, detector)
        if len(found.detections):
            return photo, found
    return first, without_face


def _contrast(photo: Photo) -> float:
    """Return the standard deviation of the pixels."""
    return float(photo.image[::8, ::8].std())
