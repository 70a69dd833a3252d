"""Photos to templates with a pack, as a search does it: detect, align, embed, L2-normalise.

Of several faces in a photo the one nearest its centre is taken. Shared by the benchmarks that
compare photos.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from vidsearch.datatypes import AlignedFaces, Matrix
from vidsearch.device import resolve_device
from vidsearch.geometry.align import align_faces
from vidsearch.models.registry import LoadedPack, load_pack

CHUNK = 32
"""Photos that a process takes at a time; their faces are embedded together."""

NO_FACE_SIMILARITY = -1.0
"""Score of a pair with a photo that is missing or shows no face: it is never accepted."""


@dataclass(frozen=True, slots=True, eq=False)
class PhotoTemplates:
    """One row per photo.

    Attributes:
        vectors: (N, D) float32, unit length; zeros where there is no face.
        found: (N,) whether a face was found.
        missing: (N,) whether the file is not there at all.
    """

    vectors: Matrix
    found: NDArray[np.bool_]
    missing: NDArray[np.bool_]

    def similarities(self, first: Sequence[int], second: Sequence[int]) -> NDArray[np.float64]:
        """Return the cosine of each pair of rows; ``NO_FACE_SIMILARITY`` where one has no face."""
        left, right = np.asarray(first, np.intp), np.asarray(second, np.intp)
        vectors = self.vectors.astype(np.float64)
        cosines = np.einsum("nd,nd->n", vectors[left], vectors[right])
        return np.where(self.found[left] & self.found[right], cosines, NO_FACE_SIMILARITY)


def photo_templates(
    photos: Sequence[Path], *, model: str, device: str = "cpu", processes: int = 1
) -> PhotoTemplates:
    """Return the template of the central face of every photo."""
    there = [photo for photo in photos if photo.is_file()]
    chunks = [there[start : start + CHUNK] for start in range(0, len(there), CHUNK)]
    arguments = [(chunk, model, device) for chunk in chunks]
    if processes == 1:
        answers = [_work(argument) for argument in arguments]
    else:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(processes, mp_context=context) as pool:
            answers = list(pool.map(_work, arguments))
    by_photo: dict[Path, NDArray[np.float32]] = {}
    for chunk, vectors in zip(chunks, answers, strict=True):
        by_photo.update(zip(chunk, vectors, strict=True))
    dim = next((len(vector) for vector in by_photo.values()), 1)
    rows = [by_photo.get(photo, np.zeros(dim, np.float32)) for photo in photos]
    vectors = np.stack(rows)
    return PhotoTemplates(
        vectors=vectors,
        found=np.any(vectors != 0, axis=1),
        missing=np.array([photo not in by_photo for photo in photos]),
    )


@cache
def _loaded(model: str, device: str) -> LoadedPack:
    return load_pack(model, resolve_device(device))


def _work(argument: tuple[Sequence[Path], str, str]) -> Matrix:
    """Return (N, D): the chunk's templates, zeros for a photo without a face."""
    photos, model, device = argument
    pack = _loaded(model, device)
    faces = [_central_face(photo, pack) for photo in photos]
    rows = [row for row, face in enumerate(faces) if len(face)]
    templates = np.zeros((len(photos), pack.embedder.dim), np.float32)
    if rows:
        raw = pack.embedder.embed(np.concatenate([faces[row] for row in rows]))
        templates[rows] = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    return templates


def _central_face(photo: Path, pack: LoadedPack) -> AlignedFaces:
    """Return the face nearest the photo's centre as (1, S, S, 3), or (0, S, S, 3)."""
    with Pillow.open(photo) as picture:
        image = np.asarray(picture.convert("RGB"))
    detections = pack.detector.detect(image)
    boxes = detections.boxes_xyxy
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    distances = np.linalg.norm(centres - np.array(image.shape[1::-1]) / 2, axis=1)
    nearest = np.argsort(distances, kind="stable")[:1]
    return align_faces(image, detections.landmarks[nearest], pack.embedder.template)
