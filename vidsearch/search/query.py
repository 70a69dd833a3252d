"""From photos to a query: the chosen face of each photo, and one template for the person."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from vidsearch.datatypes import Image, Matrix, Template, Vector, check_array
from vidsearch.errors import ConfigError, NoFaceError, PhotoError, ShapeError
from vidsearch.faces.jpeg import encode_jpeg
from vidsearch.faces.template import normalise, pool
from vidsearch.photo.detection import FoundFaces, find_faces
from vidsearch.photo.faces import FaceModels, embed_face
from vidsearch.photo.first_face import photo_with_faces
from vidsearch.photo.image_file import MAX_FRAMES
from vidsearch.photo.open import Photo
from vidsearch.photo.query_warning import UNRELIABLE, QueryWarning, WarningCode, damage
from vidsearch.photo.source import PhotoSource
from vidsearch.results.result import QueryPhoto
from vidsearch.results.words import counted
from vidsearch.text.printable import printable

LOW_QUALITY = 0.5
"""Quality below which a user is warned even if the face is large and sharp enough. The poorest of
199 LFW photos reaches 0.65."""

AGREEMENT = 0.5
"""Confidence from which two photos of a query count as showing one person."""

MOST_FACES = 24
"""Faces of one photo that are embedded. The smaller faces of a crowd are no use as a query."""

_JPEG_QUALITY = 88


class ConfidenceCurve(Protocol):
    """Part of a pack's calibration that a query needs."""

    def confidence(self, similarity: float) -> float:
        """Return the probability that two templates of this cosine show one person."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class QueryFace:
    """Face of one photo that is searched for.

    Attributes:
        photo: Path or name of the photo.
        box_xyxy: (4,) float32, pixels of the upright photo.
        quality: [0, 1], see ``vidsearch.faces.quality``.
        embedding: (D,) float32, raw.
        aligned: (S, S, 3) uint8 RGB, in the embedder's template.
        faces_in_photo: Number of faces in the photo.
        face: Number of this face, by size: the largest is 1.
        model_id: Model of ``embedding``.
        warnings: Reasons why a search with the face is less reliable.
    """

    photo: str
    box_xyxy: Vector
    quality: float
    embedding: Vector = field(repr=False)
    aligned: Image = field(repr=False)
    faces_in_photo: int
    face: int
    model_id: str
    warnings: tuple[QueryWarning, ...] = ()

    def __post_init__(self) -> None:
        check_array("box_xyxy", self.box_xyxy, (4,), np.float32)
        check_array("embedding", self.embedding, (None,), np.float32)
        check_array("aligned", self.aligned, (None, None, 3), np.uint8)

    @property
    def unreliable(self) -> bool:
        """True if the face is too poor for reliable hits."""
        return any(warning.code in UNRELIABLE for warning in self.warnings)

    def as_result(self) -> QueryPhoto:
        """Return the photo's entry in a search result, with the face as JPEG."""
        return QueryPhoto(
            photo=self.photo,
            box_xyxy=self.box_xyxy,
            quality=self.quality,
            faces_in_photo=self.faces_in_photo,
            warnings=self.warnings,
            face_jpeg=encode_jpeg(self.aligned, _JPEG_QUALITY),
        )


def query_face(
    source: PhotoSource, models: FaceModels, face: int | None = None, name: str | None = None
) -> QueryFace:
    """Read a photo and return the face that is searched for.

    The result equals that of ``photo_with_faces`` and ``find_query_face``, with the box in pixels
    of the file even if the photo was shrunk, and with the warnings of both.

    Raises:
        PhotoError: The photo cannot be read.
        NoFaceError: No face is found.
        ConfigError: The photo has no face of that number.
    """
    photo, faces = photo_with_faces(source, models.detector, name)
    found = _chosen_face(photo.image, photo.name, models, faces, face, _limits(photo))
    return dataclasses.replace(
        found,
        box_xyxy=found.box_xyxy * np.float32(photo.scale),
        warnings=(*photo.warnings, *found.warnings),
    )


def query_faces(
    photos: Sequence[str | os.PathLike[str]], models: FaceModels, face: int | None = None
) -> list[QueryFace]:
    """Return the faces of the photos of a query that can be used.

    The first face has a warning for each photo that is left out.

    Raises:
        PhotoError: No photo can be used; the error of the first.
        ConfigError: A photo has no face of that number.
    """
    faces: list[QueryFace] = []
    left_out: list[QueryWarning] = []
    first_error: PhotoError | None = None
    for photo in photos:
        try:
            faces.append(query_face(photo, models, face))
        except PhotoError as error:
            first_error = first_error if first_error is not None else error
            fields = {"photo": os.fspath(photo), "reason": str(error)}
            left_out.append(QueryWarning(WarningCode.PHOTO_LEFT_OUT, fields))
    if first_error is not None and not faces:
        raise first_error
    if left_out:
        faces[0] = dataclasses.replace(faces[0], warnings=(*faces[0].warnings, *left_out))
    return faces


@dataclass(frozen=True, slots=True, eq=False)
class PhotoFaces:
    """A photo, and its faces that can be searched for.

    Attributes:
        photo: The decoded photo.
        faces: Largest first; boxes in pixels of ``photo.image``.
    """

    photo: Photo
    faces: tuple[QueryFace, ...]


def photo_faces(source: PhotoSource, models: FaceModels, name: str | None = None) -> PhotoFaces:
    """Read a photo and embed its faces, for a user to choose from; there may be none.

    Raises:
        PhotoError: The photo cannot be read.
    """
    photo, found = photo_with_faces(source, models.detector, name)
    count = min(len(found.detections), MOST_FACES)
    warnings = (*photo.warnings, *found.warnings)
    return PhotoFaces(
        photo,
        tuple(
            _query_face(photo.image, photo.name, models, found, row, warnings)
            for row in range(count)
        ),
    )


def find_query_face(
    image: Image, name: str, models: FaceModels, face: int | None = None
) -> QueryFace:
    """Return the face of a photo that is searched for, by default the largest.

    Args:
        image: (H, W, 3) uint8 RGB, upright.
        name: Name of the photo in errors and results.
        models: Detector and embedder.
        face: Number of the face, by size: 1 is the largest.

    Raises:
        NoFaceError: No face was found in any pass of the detector.
        ConfigError: The photo has no face of that number.
    """
    return _chosen_face(image, name, models, find_faces(image, models.detector), face)


def _chosen_face(
    image: Image,
    name: str,
    models: FaceModels,
    found: FoundFaces,
    face: int | None,
    limits: str = "",
) -> QueryFace:
    """Return the face of that number; ``limits`` says what was not searched, for the error."""
    label = f"photo '{printable(name)}'"
    if face is not None and face < 1:
        raise ConfigError(f"--face counts from 1, the largest face; got {face}")
    count = len(found.detections)
    if count == 0:
        raise NoFaceError(
            f"no face found in {label}{limits}; use a photo that shows the face from the front, "
            "large and in good light"
        )
    if face is not None and face > count:
        raise ConfigError(
            f"{label} has no face {face}: {counted(count, 'face')} found; pass --face 1"
            + (f" to {count}, numbered by size, the largest first" if count > 1 else "")
        )
    warnings = found.warnings
    if face is None and count > 1:
        warnings += (QueryWarning(WarningCode.SEVERAL_FACES, {"faces": count}),)
    return _query_face(image, name, models, found, 0 if face is None else face - 1, warnings)


def _limits(photo: Photo) -> str:
    """Return the searched part of a photo in brackets; empty if all of it was searched."""
    parts = []
    for warning in photo.warnings:
        if warning.code is WarningCode.PHOTO_DAMAGED:
            parts.append(damage(warning.fields))
        elif warning.code is WarningCode.FRAMES_IGNORED:
            frames = warning.fields["frames"]
            parts.append(f"{min(frames, MAX_FRAMES)} of its {frames} frames were looked at")
        elif warning.code is WarningCode.PAGES_IGNORED:
            pages = warning.fields["pages"]
            parts.append(f"{min(pages, MAX_FRAMES)} of its {pages} pages were looked at")
    return f" ({'; '.join(parts)})" if parts else ""


def _query_face(
    image: Image,
    name: str,
    models: FaceModels,
    found: FoundFaces,
    row: int,
    warnings: tuple[QueryWarning, ...],
) -> QueryFace:
    """Return a found face as a query, with a warning if its quality is low."""
    embedded = embed_face(image, found.detections, row, models, name)
    if embedded.poor:
        warnings += (QueryWarning(WarningCode.POOR_FACE, {"quality": embedded.quality}),)
    elif embedded.quality < LOW_QUALITY:
        warnings += (QueryWarning(WarningCode.UNCLEAR_FACE, {"quality": embedded.quality}),)
    return QueryFace(
        photo=name,
        box_xyxy=embedded.detection.boxes_xyxy[0],
        quality=embedded.quality,
        embedding=embedded.embedding,
        aligned=embedded.aligned,
        faces_in_photo=len(found.detections),
        face=row + 1,
        model_id=models.model_id,
        warnings=warnings,
    )


def pool_query(faces: Sequence[QueryFace], model_id: str) -> Template:
    """Return one template from the photos of one person: the centre of their raw embeddings.

    Raises:
        ConfigError: There is no face, or a face of another model.
        ShapeError: Embeddings have different lengths, or are not finite.
    """
    if not faces:
        raise ConfigError("a query needs at least one photo; got none")
    for face in faces:
        if face.model_id != model_id:
            raise ConfigError(
                f"photo '{printable(face.photo)}' was embedded by {face.model_id}, not by the "
                f"query's {model_id}; embed it again with that model"
            )
    lengths = sorted({len(face.embedding) for face in faces})
    if len(lengths) > 1:
        raise ShapeError(f"embeddings of one query must have one length; got {lengths}")
    return pool(np.stack([face.embedding for face in faces]), model_id)


def disagreement(faces: Sequence[QueryFace], calibration: ConfidenceCurve) -> QueryWarning | None:
    """Return a warning if the photos of a query seem to show different people, else None.

    Two photos agree from a confidence of ``AGREEMENT``. Photos that agree through a third photo (a
    profile and a front view through a half profile) count as one person.
    """
    if len(faces) < 2:
        return None
    unit = normalise(np.stack([face.embedding for face in faces]))
    similarities = unit @ unit.T
    groups: list[set[int]] = []
    for row in range(len(faces)):
        linked = {row}
        apart = []
        for group in groups:
            agrees = any(
                calibration.confidence(float(similarities[row, other])) >= AGREEMENT
                for other in group
            )
            if agrees:
                linked |= group
            else:
                apart.append(group)
        groups = [*apart, linked]
    if len(groups) == 1:
        return None
    groups.sort(key=lambda group: (-len(group), min(group)))
    names = tuple(tuple(faces[row].photo for row in sorted(group)) for group in groups)
    return QueryWarning(WarningCode.DIFFERENT_PEOPLE, {"groups": names})


def unit_embeddings(faces: Sequence[QueryFace], dim: int) -> Matrix:
    """Return (N, D) unit vectors, so that photos and templates of tracks weigh the same.

    Args:
        faces: Faces of photos.
        dim: Length of a vector, for no faces.
    """
    if not faces:
        return np.zeros((0, dim), np.float32)
    return normalise(np.stack([face.embedding for face in faces]))
