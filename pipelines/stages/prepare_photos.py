"""Raw photos of known people -> candidates for a training set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from vidsearch.datatypes import Image
from vidsearch.errors import PhotoError
from vidsearch.faces.geometry.align import AlignmentTemplate, align_faces
from vidsearch.faces.jpeg import encode_jpeg
from vidsearch.faces.template import normalise
from vidsearch.models.registry import LoadedPack
from vidsearch.photo.faces import choose_central, choose_largest, embed_face
from vidsearch.photo.first_face import photo_with_faces
from vidsearch.photo.open import Photo
from vidsearch.photo.people_folders import PersonPhoto
from vidsearch.photo.read_part import WHOLE, holds_face
from vidsearch.results.sentences import warning_sentence
from vidsearch.trainingset.candidates import Candidate
from vidsearch.trainingset.duplicates import difference_hash

JPEG_QUALITY = 95

Which = Literal["largest", "central"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoOptions:
    """Selection and alignment of the face in a photo.

    Attributes:
        template: Alignment of the face.
        which: Face to take of several: the largest, or the nearest to the centre of the photo.
        keep_poor: Keep faces too small or blurred to match.
    """

    template: AlignmentTemplate
    which: Which = "largest"
    keep_poor: bool = False


def run(
    photos: Sequence[PersonPhoto], models: LoadedPack, options: PhotoOptions
) -> tuple[Candidate, ...]:
    """Return a candidate for every photo, in order; ``dropped`` states why a photo has no face."""
    return tuple(_candidate(photo, models, options) for photo in photos)


def _candidate(photo: PersonPhoto, models: LoadedPack, options: PhotoOptions) -> Candidate:
    try:
        opened, found = photo_with_faces(photo.path, models.detector)
    except PhotoError as error:
        return Candidate(photo.person, photo.path, dropped=f"unreadable: {error}", failed=True)
    image, detections = opened.image, found.detections
    if not len(detections):
        return _without_face(photo, opened)
    choose = choose_largest if options.which == "largest" else choose_central
    embedded = embed_face(image, detections, choose(detections, image), models, photo.path)
    # The network of the pack sees another section of the face than the training set may hold.
    sections = (options.template, models.embedder.template)
    if not all(holds_face(opened.part, embedded.detection, section) for section in sections):
        dropped = f"the face is not whole: {'; '.join(_warnings(opened))}"
        return Candidate(photo.person, photo.path, dropped=dropped, failed=True)
    if not options.keep_poor and embedded.poor:
        return Candidate(photo.person, photo.path, dropped="too small or blurred")
    face = align_faces(image, embedded.detection.landmarks, options.template)[0]
    embedding = normalise(embedded.embedding[None])[0]
    return Candidate(
        photo.person,
        photo.path,
        jpeg(face),
        difference_hash(face),
        embedding,
        warnings=_warnings(opened),
    )


def _without_face(photo: PersonPhoto, opened: Photo) -> Candidate:
    """Return a dropped candidate; a face may lie in the missing part of a damaged photo."""
    if opened.part == WHOLE:
        return Candidate(photo.person, photo.path, dropped="no face")
    dropped = f"no face in the part that was read: {'; '.join(_warnings(opened))}"
    return Candidate(photo.person, photo.path, dropped=dropped, failed=True)


def _warnings(opened: Photo) -> tuple[str, ...]:
    return tuple(map(warning_sentence, opened.warnings))


def jpeg(face: Image) -> bytes:
    """Return an aligned face, (S, S, 3) uint8 RGB, as JPEG with full colour resolution."""
    return encode_jpeg(face, JPEG_QUALITY, full_chroma=True)
