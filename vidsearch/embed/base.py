"""What every face embedder promises; ``tests/contract/test_embedders.py`` holds them to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from vidsearch.datatypes import AlignedFaces, Matrix, check_array
from vidsearch.errors import ConfigError
from vidsearch.geometry.align import AlignmentTemplate

# Faces in one call of a network. More is no faster on one core, and memory grows with it.
BATCH = 16


class Embedder(Protocol):
    """Turns aligned faces into vectors of one model's space.

    One embedder serves one thread: a worker builds its own.

    Attributes:
        model_id: Names the space; vectors of two models are never compared.
        dim: Length of an embedding.
        template: How faces must be aligned for it.
    """

    @property
    def model_id(self) -> str: ...

    @property
    def dim(self) -> int: ...

    @property
    def template(self) -> AlignmentTemplate: ...

    def embed(self, aligned: AlignedFaces) -> Matrix:
        """Return one raw embedding per aligned face (not L2-normalised).

        Args:
            aligned: (N, S, S, 3) uint8 RGB with S the template's size; N = 0 is legal.

        Returns:
            (N, dim) float32. A face's embedding does not depend on its neighbours in the batch.

        Raises:
            ShapeError: ``aligned`` is not (N, S, S, 3) uint8.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Normalisation:
    """How pixel values become a network's input: ``(value - mean) / std``, values 0..255.

    Attributes:
        mean: Per channel, in the network's own channel order.
        std: Per channel, in the network's own channel order.
        channels: Order in which the network expects them.
    """

    mean: tuple[float, float, float] = (127.5, 127.5, 127.5)
    std: tuple[float, float, float] = (127.5, 127.5, 127.5)
    channels: Literal["rgb", "bgr"] = "rgb"

    def __post_init__(self) -> None:
        if len(self.mean) != 3 or not np.isfinite(self.mean).all():
            raise ConfigError(f"normalisation mean must be three numbers; got {self.mean}")
        if len(self.std) != 3 or not (np.isfinite(self.std).all() and min(self.std) > 0):
            raise ConfigError(f"normalisation std must be three positive numbers; got {self.std}")
        if self.channels not in ("rgb", "bgr"):
            raise ConfigError(
                f"normalisation channels must be 'rgb' or 'bgr'; got {self.channels!r}"
            )

    def apply(self, aligned: AlignedFaces) -> Matrix:
        """Return (N, 3, S, S) float32, contiguous, from (N, S, S, 3) uint8 RGB."""
        ordered = aligned if self.channels == "rgb" else aligned[..., ::-1]
        planes = np.ascontiguousarray(ordered.transpose(0, 3, 1, 2), np.float32)
        mean = np.array(self.mean, np.float32)[:, None, None]
        std = np.array(self.std, np.float32)[:, None, None]
        planes -= mean
        planes /= std
        return planes


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedderConfig:
    """What a pack says about its embedder.

    Attributes:
        model_id: Names the vector space.
        dim: Length of an embedding.
        template: Five-point template of the aligned face.
        normalisation: From pixels to the network's input.
        mirror: Average the embeddings of the aligned face and of its mirror image.
    """

    model_id: str
    dim: int
    template: AlignmentTemplate
    normalisation: Normalisation
    mirror: bool = True

    def __post_init__(self) -> None:
        if not self.model_id:
            raise ConfigError("model_id must not be empty")
        if self.dim < 1:
            raise ConfigError(f"dim must be positive; got {self.dim}")


def check_aligned(aligned: AlignedFaces, template: AlignmentTemplate) -> None:
    """Raise unless these are faces of the template's size.

    Raises:
        ShapeError: ``aligned`` is not (N, S, S, 3) uint8.
    """
    check_array("aligned", aligned, (None, template.size, template.size, 3), np.uint8)


def with_mirror(planes: Matrix) -> Matrix:
    """Return (2N, 3, S, S): the faces, then the same faces mirrored left to right."""
    return np.concatenate([planes, planes[..., ::-1]])


def mean_of_views(embeddings: Matrix) -> Matrix:
    """Return (N, D) means from the (2N, D) embeddings of ``with_mirror``."""
    half = len(embeddings) // 2
    return np.asarray((embeddings[:half] + embeddings[half:]) * np.float32(0.5), np.float32)
