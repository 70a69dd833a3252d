"""From photos to a query: the face that is meant in each, and one template for the person."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from PIL import Image as Pillow

from vidsearch.datatypes import Detections, Image, Template, Vector, check_array
from vidsearch.errors import ConfigError, NoFaceError, ShapeError
from vidsearch.faces.detect.base import Detector
from vidsearch.faces.embed.base import Embedder
from vidsearch.faces.geometry.align import align_faces
from vidsearch.faces.quality import face_quality, too_poor
from vidsearch.faces.template import normalise, pool
from vidsearch.photo.faces import find_faces
from vidsearch.photo.open import Photo, PhotoSource, open_photo
from vidsearch.results.result import QueryPhoto
from vidsearch.results.words import counted
from vidsearch.text.printable import printable

LOW_QUALITY = 0.5
"""Quality below which a user is warned, even where size and sharpness would do. Of 199 LFW photos
the poorest reaches 0.65."""

AGREEMENT = 0.5
"""Confidence from which two photos of a query count as showing one person."""


class Confidence(Protocol):
    """The part of a pack's calibration that a query needs."""

    def confidence(self, similarity: float) -> float: ...


class QueryPack(Protocol):
    """The part of a loaded model pack that a query needs."""

    @property
    def model_id(self) -> str: ...
    @property
    def detector(self) -> Detector: ...
    @property
    def embedder(self) -> Embedder: ...


@dataclass(frozen=True, slots=True, eq=False)
class QueryFace:
    """The face in one photo that is searched for.

    Attributes:
        photo: Path or name of the photo.
        box_xyxy: (4,) float32, pixels of the upright photo.
        quality: [0, 1], see ``vidsearch.faces.quality``.
        embedding: (D,) float32, raw.
        aligned: (S, S, 3) uint8 RGB, in the embedder's template.
        faces_in_photo: How many faces were seen.
        face: Which of them this is, numbered by size: the largest is 1.
        model_id: The space of ``embedding``.
        warnings: What makes a search with it less reliable, one sentence each.
    """

    photo: str
    box_xyxy: Vector
    quality: float
    embedding: Vector = field(repr=False)
    aligned: Image = field(repr=False)
    faces_in_photo: int
    face: int
    model_id: str
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_array("box_xyxy", self.box_xyxy, (4,), np.float32)
        check_array("embedding", self.embedding, (None,), np.float32)
        check_array("aligned", self.aligned, (None, None, 3), np.uint8)

    def as_result(self) -> QueryPhoto:
        """Return what a search result says about this photo, the face as a JPEG included."""
        jpeg = io.BytesIO()
        Pillow.fromarray(self.aligned).save(jpeg, "JPEG", quality=88)
        return QueryPhoto(
            photo=self.photo,
            box_xyxy=self.box_xyxy,
            quality=self.quality,
            faces_in_photo=self.faces_in_photo,
            warnings=self.warnings,
            face_jpeg=jpeg.getvalue(),
        )


def query_face(
    source: PhotoSource, pack: QueryPack, face: int | None = None, name: str | None = None
) -> QueryFace:
    """Read a photo and return the face in it that is searched for.

    As ``open_photo`` and ``find_query_face``, with the box in pixels of the file even where the
    photo was shrunk while reading, and with the notes of both.

    Raises:
        PhotoError: The photo cannot be read.
        NoFaceError: There is no face in it.
        ConfigError: There is no face of that number.
    """
    photo = open_photo(source, name)
    found = find_query_face(photo.image, photo.name, pack, face)
    return dataclasses.replace(
        found,
        box_xyxy=found.box_xyxy * np.float32(photo.scale),
        warnings=(*photo.notes, *found.warnings),
    )


@dataclass(frozen=True, slots=True, eq=False)
class PhotoFaces:
    """A photo, and every face in it that could be searched for.

    Attributes:
        photo: As it was read.
        faces: Largest first; boxes in pixels of ``photo.image``.
    """

    photo: Photo
    faces: tuple[QueryFace, ...]


MOST_FACES = 24
"""Faces of one photo that are described: the smaller ones of a crowd are no use as a query."""


def photo_faces(source: PhotoSource, pack: QueryPack, name: str | None = None) -> PhotoFaces:
    """Read a photo and describe its faces, for somebody to choose from; none is a legal answer.

    Raises:
        PhotoError: The photo cannot be read.
    """
    photo = open_photo(source, name)
    found = find_faces(photo.image, pack.detector)
    notes = [*photo.notes, *([found.note] if found.note else [])]
    count = len(found.detections)
    return PhotoFaces(
        photo,
        tuple(
            _describe(
                photo.image,
                photo.name,
                pack,
                found.detections.select(np.array([row], np.intp)),
                (count, row + 1, notes),
            )
            for row in range(min(count, MOST_FACES))
        ),
    )


def find_query_face(image: Image, name: str, pack: QueryPack, face: int | None = None) -> QueryFace:
    """Return the face in a photo that is searched for: the largest, unless told otherwise.

    Args:
        image: (H, W, 3) uint8 RGB, upright.
        name: Of the photo, for errors and results.
        pack: Whose detector and embedder are used.
        face: Number of the face, by size: 1 is the largest.

    Raises:
        NoFaceError: No face was found, however the photo was looked at.
        ConfigError: ``face`` is not a number of a face in the photo.
    """
    shown = f"photo '{printable(name)}'"
    if face is not None and face < 1:
        raise ConfigError(f"--face counts from 1, the largest face; got {face}")
    found = find_faces(image, pack.detector)
    count = len(found.detections)
    if count == 0:
        raise NoFaceError(
            f"no face found in {shown}; use a photo that shows the face from the front, "
            "large and in good light"
        )
    if face is not None and face > count:
        raise ConfigError(
            f"{shown} has no face {face}: {counted(count, 'face')} found; pass --face 1"
            + (f" to {count}, numbered by size, the largest first" if count > 1 else "")
        )
    number = 1 if face is None else face
    chosen = found.detections.select(np.array([number - 1], np.intp))
    notes = [found.note] if found.note else []
    if face is None and count > 1:
        others = "2 picks the other" if count == 2 else f"2 to {count} picks another, by size"
        notes.append(f"{count} faces in the photo, the largest was used; --face {others}")
    return _describe(image, name, pack, chosen, (count, number, notes))


def _describe(
    image: Image,
    name: str,
    pack: QueryPack,
    chosen: Detections,
    counts: tuple[int, int, list[str]],
) -> QueryFace:
    count, number, notes = counts
    aligned = align_faces(image, chosen.landmarks, pack.embedder.template)
    quality = float(face_quality(aligned, chosen.landmarks, chosen.boxes_xyxy, chosen.scores)[0])
    embedding = pack.embedder.embed(aligned)[0]
    if not np.isfinite(embedding).all():
        raise ShapeError(f"model {pack.model_id} gave an embedding that is not finite for {name!r}")
    if too_poor(aligned, chosen.landmarks, chosen.boxes_xyxy)[0]:
        notes = [*notes, _unreliable("too small or too blurred", quality)]
    elif quality < LOW_QUALITY:
        notes = [*notes, _unreliable("turned away, badly lit or unclear", quality)]
    return QueryFace(
        photo=name,
        box_xyxy=chosen.boxes_xyxy[0],
        quality=quality,
        embedding=embedding,
        aligned=aligned[0],
        faces_in_photo=count,
        face=number,
        model_id=pack.model_id,
        warnings=tuple(notes),
    )


def _unreliable(fault: str, quality: float) -> str:
    return (
        f"the face is {fault} (quality {quality:.2f}): expect an unreliable answer; add or use a "
        "better photo"
    )


def pool_query(faces: Sequence[QueryFace], model_id: str) -> Template:
    """Return one template from the photos of one person: the centre of their raw embeddings.

    Raises:
        ConfigError: No face, or a face of another model.
        ShapeError: Embeddings of different length, or not finite.
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


def disagreement(faces: Sequence[QueryFace], calibration: Confidence) -> str | None:
    """Return a warning if the photos of a query do not seem to show one person, else None.

    Two photos agree from a confidence of ``AGREEMENT``. Photos that agree through a third (a
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
    named = " | ".join(
        ", ".join(printable(faces[row].photo) for row in sorted(group)) for group in groups
    )
    return f"these photos may show different people: {named}; search for each person separately"
