"""Photo -> face -> embedding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from vidsearch.datatypes import Detections, Image, Vector
from vidsearch.errors import ShapeError
from vidsearch.faces.detect.base import Detector
from vidsearch.faces.embed.base import Embedder
from vidsearch.faces.geometry.align import align_faces
from vidsearch.faces.quality import face_quality, too_poor
from vidsearch.photo.detection import find_faces
from vidsearch.text.printable import quoted

ChooseFace = Callable[[Detections, Image], int]
"""Returns the row of one face of a photo; the detections are sorted largest first."""


class FaceModels(Protocol):
    """Part of a loaded model pack that embeds a face of a photo."""

    @property
    def model_id(self) -> str:
        """Identifier of the embedding space."""
        ...

    @property
    def detector(self) -> Detector:
        """Face detector."""
        ...

    @property
    def embedder(self) -> Embedder:
        """Embedder of aligned faces."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddedFace:
    """One detected face of a photo and its embedding.

    Attributes:
        detection: The face alone (N = 1), in pixels of the photo.
        aligned: (S, S, 3) uint8 RGB, in the embedder's template.
        embedding: (D,) float32, raw.
        quality: [0, 1], see ``vidsearch.faces.quality``.
        poor: True if the face is too small or too blurred to match.
    """

    detection: Detections
    aligned: Image = field(repr=False)
    embedding: Vector = field(repr=False)
    quality: float
    poor: bool


def choose_largest(_found: Detections, _image: Image) -> int:
    """Return row 0, the largest face.

    Args:
        _found: N faces, largest first.
        _image: (H, W, 3) uint8 RGB.
    """
    return 0


def choose_central(found: Detections, image: Image) -> int:
    """Return the row of the face nearest the photo's centre.

    Args:
        found: N faces, N at least 1.
        image: (H, W, 3) uint8 RGB, the photo.
    """
    boxes = found.boxes_xyxy
    centre = np.array([image.shape[1], image.shape[0]], np.float32) / 2
    return int(np.argmin(np.linalg.norm((boxes[:, :2] + boxes[:, 2:]) / 2 - centre, axis=1)))


def embed_photo(
    image: Image, models: FaceModels, choose: ChooseFace = choose_largest
) -> EmbeddedFace | None:
    """Return one face of a photo with its embedding; None if no face is found.

    Args:
        image: (H, W, 3) uint8 RGB, upright.
        models: Detector and embedder.
        choose: Chooses one of several faces.

    Raises:
        ShapeError: ``image`` is not (H, W, 3) uint8, or the embedding is not finite.
    """
    found = find_faces(image, models.detector).detections
    return embed_face(image, found, choose(found, image), models) if len(found) else None


def embed_face(
    image: Image, found: Detections, row: int, models: FaceModels, name: str = "photo"
) -> EmbeddedFace:
    """Return one detected face of a photo with its embedding.

    Args:
        image: (H, W, 3) uint8 RGB, upright.
        found: N faces of the photo.
        row: Row of the face to embed.
        models: The embedder is used.
        name: Name of the photo in errors.

    Raises:
        ShapeError: The embedding is not finite.
    """
    face = found.select(np.array([row], np.intp))
    aligned = align_faces(image, face.landmarks, models.embedder.template)
    embedding = models.embedder.embed(aligned)[0]
    if not np.isfinite(embedding).all():
        raise ShapeError(
            f"model {models.model_id} returned an embedding that is not finite for {quoted(name)}"
        )
    return EmbeddedFace(
        detection=face,
        aligned=aligned[0],
        embedding=embedding,
        quality=float(face_quality(aligned, face.landmarks, face.boxes_xyxy, face.scores)[0]),
        poor=bool(too_poor(aligned, face.landmarks, face.boxes_xyxy)[0]),
    )
