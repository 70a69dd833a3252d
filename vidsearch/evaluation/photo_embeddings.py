"""Raw embeddings of photos: detect the face, align it, embed it and its mirror image, and sum.

Of several faces in a photo, the face nearest to its centre is used, as in the making of these data
sets. Photos are distributed over processes, each with its own models.
"""

from __future__ import annotations

import functools
import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
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
from vidsearch.photo.open import photo_frames

Photo: TypeAlias = Path | bytes

CHUNK = 32
"""Photos of one task; their faces are embedded in one batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingOptions:
    """Pack, device and processes that embed photos.

    Attributes:
        model: Name or folder of the pack.
        device: Device, as for ``--device``.
        processes: Number of processes.
        aligned: True if photos are faces aligned to the 112 x 112 template of ArcFace. Nothing is
            detected then; for a pack with another template the faces are warped.
        show_progress: Display a progress bar on a terminal.

    Raises:
        ConfigError: ``processes`` is below 1.
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
    """Embeddings of N photos.

    Attributes:
        raw: (N, D) float32 sum of the embeddings of the face and its mirror image; zeros without a
            face.
        found: (N,) True if a face was found.
        missing: (N,) True if the file does not exist.
        unreadable: (N,) True if the file exists and cannot be read as an image.
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
        options: Pack, device and processes.
        landmarks: (N, 5, 2) pixels of the faces; None: faces are detected.
    """
    missing = np.array([isinstance(photo, Path) and not _exists(photo) for photo in photos], bool)
    existing: list[_Job] = [
        (photo, None if landmarks is None else landmarks[row])
        for row, photo in enumerate(photos)
        if not missing[row]
    ]
    chunks = [existing[start : start + CHUNK] for start in range(0, len(existing), CHUNK)]
    raw_parts, unreadable_parts = [], []
    for raw, unreadable_part in _embedded_chunks(chunks, options):
        raw_parts.append(raw)
        unreadable_parts.append(unreadable_part)
    dim = raw_parts[0].shape[1] if raw_parts else 1
    embeddings = np.zeros((len(photos), dim), np.float32)
    unreadable = np.zeros(len(photos), bool)
    if raw_parts:
        embeddings[~missing] = np.concatenate(raw_parts)
        unreadable[~missing] = np.concatenate(unreadable_parts)
    return PhotoEmbeddings(embeddings, np.any(embeddings != 0, axis=1), missing, unreadable)


def _exists(photo: Path) -> bool:
    try:
        return photo.is_file()
    except OSError:  # an impossible file name, or a folder without access
        return False


_ChunkEmbeddings: TypeAlias = tuple[Matrix, NDArray[np.bool_]]
_Job: TypeAlias = tuple[Photo, Landmarks | None]


def _embedded_chunks(
    chunks: Sequence[Sequence[_Job]], options: EmbeddingOptions
) -> Iterator[_ChunkEmbeddings]:
    from tqdm import tqdm

    embed = functools.partial(_embed_chunk, options=options)
    # disable=None: the bar is displayed on a terminal only.
    disable = None if options.show_progress else True
    bar = functools.partial(
        tqdm, total=len(chunks), desc="photos", unit=f"x{CHUNK}", disable=disable
    )
    if options.processes == 1 or len(chunks) < 2:
        yield from bar(map(embed, chunks))
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(options.processes, len(chunks)), mp_context=context) as pool:
        yield from bar(pool.map(embed, chunks))


@cache
def _cached_pack(model: str, device: str) -> LoadedPack:
    import cv2

    cv2.setNumThreads(1)
    return load_pack(model, resolve_device(device), announce=False)


def _embed_chunk(jobs: Sequence[_Job], options: EmbeddingOptions) -> _ChunkEmbeddings:
    """Return the (N, D) raw embeddings of a chunk, and (N,) True for unreadable photos."""
    pack = _cached_pack(options.model, options.device)
    unreadable = np.zeros(len(jobs), bool)
    faces: list[AlignedFaces] = []
    size = pack.embedder.template.size
    for row, (photo, landmarks) in enumerate(jobs):
        face = np.empty((0, size, size, 3), np.uint8)
        try:
            with closing(photo_frames(photo if isinstance(photo, bytes) else str(photo))) as frames:
                for frame in frames:  # further frames only if the first shows no face
                    face = _aligned_faces(frame, landmarks, pack, options)
                    if len(face):
                        break
        except PhotoError:
            unreadable[row] = True
        faces.append(face)
    raw = np.zeros((len(jobs), pack.embedder.dim), np.float32)
    rows = [row for row, face in enumerate(faces) if len(face)]
    if rows:
        raw[rows] = mirror_sum(np.concatenate([faces[row] for row in rows]), pack)
    return raw, unreadable


def _aligned_faces(
    opened: OpenedPhoto, landmarks: Landmarks | None, pack: LoadedPack, options: EmbeddingOptions
) -> AlignedFaces:
    image, template = opened.image, pack.embedder.template
    if landmarks is not None:
        in_image = (landmarks[None] / np.float32(opened.scale)).astype(np.float32)
        return align_faces(image, in_image, template)
    if options.aligned:
        return from_arcface(image, template)
    return central_face(image, pack.detector, template)


def mirror_sum(aligned: AlignedFaces, pack: LoadedPack) -> Matrix:
    """Return the raw embedding of each face plus that of its mirror image.

    A pack with ``mirror`` averages both embeddings; its result differs by a constant factor.

    Args:
        aligned: (N, S, S, 3) uint8 RGB.
        pack: The pack.

    Returns:
        (N, D) float32.
    """
    raw = pack.embedder.embed(aligned)
    if pack.pack.embedder.mirror:
        return raw
    return raw + pack.embedder.embed(np.ascontiguousarray(aligned[:, :, ::-1]))


def pooled_items(
    embedded: PhotoEmbeddings, owners: NDArray[np.intp], items: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the template of each item: the centre of its photos' raw embeddings.

    Args:
        embedded: Embeddings of N photos.
        owners: (N,) item of each photo.
        items: Number of items, I.

    Returns:
        (I, D) unit-length templates, and (I,) True for items with a face.

    Raises:
        ConfigError: The model returned an embedding that is not finite.

    Source:
        ArcFace, section 3.1: the feature centre of all images of a template.
    """
    raw: Matrix = embedded.raw
    if not np.isfinite(raw).all():
        raise ConfigError("the model returned embeddings that are not finite; use another pack")
    sums = np.zeros((items, raw.shape[1]))
    np.add.at(sums, owners[embedded.found], raw[embedded.found])
    norms = np.linalg.norm(sums, axis=1)
    found = norms > 0
    return sums / np.where(found, norms, 1)[:, None], found
