"""Photos to raw embeddings with a pack: find the face, align, embed with its mirror image, sum.

Of several faces in a photo the one nearest its centre is taken, which is how these data sets were
made. Work is spread over processes, each with its own models.
"""

from __future__ import annotations

import functools
import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from vidsearch.datatypes import AlignedFaces, Landmarks, Matrix
from vidsearch.device import resolve_device
from vidsearch.errors import ConfigError, PhotoError
from vidsearch.evaluation.protocols.photos import central_face, from_arcface
from vidsearch.faces.geometry.align import align_faces
from vidsearch.models.registry import LoadedPack, load_pack
from vidsearch.photo.open import Photo as OpenedPhoto
from vidsearch.photo.open import open_photo

Photo: TypeAlias = Path | bytes

CHUNK = 32
"""Photos that a process takes at a time; their faces are embedded together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingOptions:
    """How photos become embeddings.

    Attributes:
        model: Pack.
        device: As ``--device``.
        processes: How many work at once.
        aligned: Photos are faces aligned to the 112 x 112 template of ArcFace: nothing is detected.
            A pack with another template gets them warped from the one to the other.
        show_progress: Draw a line on a terminal.
    """

    model: str = "open"
    device: str = "cpu"
    processes: int = 1
    aligned: bool = False
    show_progress: bool = False

    def __post_init__(self) -> None:
        if self.processes < 1:
            raise ConfigError(f"--processes must be at least 1; got {self.processes}")


@dataclass(frozen=True, slots=True, eq=False)
class PhotoEmbeddings:
    """One row per photo.

    Attributes:
        raw: (N, D) float32, the embedding and its mirror image's summed; zeros without a face.
        found: (N,) whether there is one.
        missing: (N,) whether the file is not there at all.
        unreadable: (N,) whether it is there and cannot be read as a picture.
    """

    raw: Matrix
    found: NDArray[np.bool_]
    missing: NDArray[np.bool_]
    unreadable: NDArray[np.bool_]


def embed_photos(
    photos: Sequence[Photo], options: EmbeddingOptions, landmarks: Landmarks | None = None
) -> PhotoEmbeddings:
    """Return the embedding of the central face of every photo, or of the face at the landmarks.

    Args:
        photos: N photos.
        options: How they become embeddings.
        landmarks: (N, 5, 2) pixels: where the face is, so that none is looked for.
    """
    missing = np.array([isinstance(photo, Path) and not _there(photo) for photo in photos], bool)
    there: list[_Job] = [
        (photo, None if landmarks is None else landmarks[row])
        for row, photo in enumerate(photos)
        if not missing[row]
    ]
    chunks = [there[start : start + CHUNK] for start in range(0, len(there), CHUNK)]
    raw_parts, broken_parts = [], []
    for raw, broken in _progress(_answers(chunks, options), len(chunks), options):
        raw_parts.append(raw)
        broken_parts.append(broken)
    dim = raw_parts[0].shape[1] if raw_parts else 1
    everything = np.zeros((len(photos), dim), np.float32)
    unreadable = np.zeros(len(photos), bool)
    if raw_parts:
        everything[~missing] = np.concatenate(raw_parts)
        unreadable[~missing] = np.concatenate(broken_parts)
    return PhotoEmbeddings(everything, np.any(everything != 0, axis=1), missing, unreadable)


def _there(photo: Path) -> bool:
    try:
        return photo.is_file()
    except OSError:  # a name that no file can have, a folder that may not be entered
        return False


_Answer: TypeAlias = tuple[Matrix, NDArray[np.bool_]]
_Job: TypeAlias = tuple[Photo, Landmarks | None]


def _answers(chunks: Sequence[Sequence[_Job]], options: EmbeddingOptions) -> Iterator[_Answer]:
    work = functools.partial(_work, options=options)
    if options.processes == 1 or len(chunks) < 2:
        yield from map(work, chunks)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(options.processes, len(chunks)), mp_context=context) as pool:
        yield from pool.map(work, chunks)


def _progress(
    answers: Iterator[_Answer], chunks: int, options: EmbeddingOptions
) -> Iterator[_Answer]:
    from tqdm import tqdm

    # disable=None: a terminal gets a line with the time left, anything else nothing.
    hide = None if options.show_progress else True
    yield from tqdm(answers, total=chunks, desc="photos", unit=f"x{CHUNK}", disable=hide)


@cache
def _loaded(model: str, device: str) -> LoadedPack:
    import cv2

    cv2.setNumThreads(1)
    return load_pack(model, resolve_device(device), announce=False)


def _work(jobs: Sequence[_Job], options: EmbeddingOptions) -> _Answer:
    """Return the chunk's raw embeddings, zeros for a photo without a face, and what is broken."""
    pack = _loaded(options.model, options.device)
    unreadable = np.zeros(len(jobs), bool)
    faces: list[AlignedFaces] = []
    size = pack.embedder.template.size
    for row, (photo, landmarks) in enumerate(jobs):
        try:
            opened = open_photo(photo if isinstance(photo, bytes) else str(photo))
        except PhotoError:
            unreadable[row] = True
            faces.append(np.empty((0, size, size, 3), np.uint8))
            continue
        faces.append(_face(opened, landmarks, pack, options))
    raw = np.zeros((len(jobs), pack.embedder.dim), np.float32)
    rows = [row for row, face in enumerate(faces) if len(face)]
    if rows:
        raw[rows] = mirror_sum(np.concatenate([faces[row] for row in rows]), pack)
    return raw, unreadable


def _face(
    opened: OpenedPhoto, landmarks: Landmarks | None, pack: LoadedPack, options: EmbeddingOptions
) -> AlignedFaces:
    image, template = opened.image, pack.embedder.template
    if landmarks is not None:
        here = (landmarks[None] / np.float32(opened.scale)).astype(np.float32)
        return align_faces(image, here, template)
    if options.aligned:
        return from_arcface(image, template)
    return central_face(image, pack.detector, template)


def mirror_sum(aligned: AlignedFaces, pack: LoadedPack) -> Matrix:
    """Return raw embedding plus that of the mirrored face, up to one factor for all.

    A pack that averages the two views by itself has done it already.
    """
    raw = pack.embedder.embed(aligned)
    if pack.pack.embedder.mirror:
        return raw
    return raw + pack.embedder.embed(np.ascontiguousarray(aligned[:, :, ::-1]))


def pooled_items(
    embedded: PhotoEmbeddings, owners: NDArray[np.intp], items: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return each item's template, the centre of its pictures' raw embeddings, and if it has one.

    Raises:
        ConfigError: The model gave an embedding that is not finite.
    """
    raw: Matrix = embedded.raw
    if not np.isfinite(raw).all():
        raise ConfigError("the model gave embeddings that are not finite; use another pack")
    sums = np.zeros((items, raw.shape[1]))
    np.add.at(sums, owners[embedded.found], raw[embedded.found])
    norms = np.linalg.norm(sums, axis=1)
    found = norms > 0
    return sums / np.where(found, norms, 1)[:, None], found
