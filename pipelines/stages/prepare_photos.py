"""Raw photos of known people -> candidates for a training set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from vidsearch.datatypes import Detections, Image
from vidsearch.errors import PhotoError
from vidsearch.faces.geometry.align import AlignmentTemplate, align_faces
from vidsearch.faces.quality import too_poor
from vidsearch.faces.template import normalise
from vidsearch.models.registry import LoadedPack
from vidsearch.photo.faces import find_faces
from vidsearch.photo.open import open_photo
from vidsearch.trainingset.candidates import Candidate
from vidsearch.trainingset.duplicates import difference_hash

JPEG_QUALITY = 95

Which = Literal["largest", "central"]


@dataclass(frozen=True, slots=True)
class RawPhoto:
    """A photo and whose it is said to be."""

    identity: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoOptions:
    """How a face is taken from a photo.

    Attributes:
        template: How it is aligned.
        which: Of several faces, the largest, or the one nearest the photo's middle.
        keep_poor: Keep faces too small or blurred to match.
    """

    template: AlignmentTemplate
    which: Which = "largest"
    keep_poor: bool = False


def run(
    photos: Sequence[RawPhoto], models: LoadedPack, options: PhotoOptions
) -> tuple[Candidate, ...]:
    """Return a candidate for every photo, in order; a photo without a face says why."""
    return tuple(_candidate(photo, models, options) for photo in photos)


def _candidate(photo: RawPhoto, models: LoadedPack, options: PhotoOptions) -> Candidate:
    try:
        image = open_photo(photo.path).image
    except PhotoError as error:
        return Candidate(photo.identity, photo.path, dropped=f"unreadable: {error}")
    found = find_faces(image, models.detector).detections
    if not len(found):
        return Candidate(photo.identity, photo.path, dropped="no face")
    row = _chosen(found, image, options.which)
    chosen = found.select(np.array([row]))
    face = align_faces(image, chosen.landmarks, options.template)[0]
    own = align_faces(image, chosen.landmarks, models.embedder.template)
    if not options.keep_poor and too_poor(own, chosen.landmarks, chosen.boxes_xyxy)[0]:
        return Candidate(photo.identity, photo.path, dropped="too small or blurred")
    embedding = normalise(models.embedder.embed(own))[0]
    return Candidate(photo.identity, photo.path, jpeg(face), difference_hash(face), embedding)


def _chosen(found: Detections, image: Image, which: Which) -> int:
    if which == "largest":
        return 0  # they come largest first
    boxes = found.boxes_xyxy
    middle = np.array([image.shape[1], image.shape[0]], np.float32) / 2
    return int(np.argmin(np.linalg.norm((boxes[:, :2] + boxes[:, 2:]) / 2 - middle, axis=1)))


def jpeg(face: Image) -> bytes:
    """Return an aligned face as JPEG with full colour resolution."""
    import cv2

    settings = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY,
                cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]  # fmt: skip
    encoded: bytes = cv2.imencode(".jpg", face[..., ::-1], settings)[1].tobytes()
    return encoded
