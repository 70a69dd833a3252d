"""What every face embedder promises; ``tests/contract/test_embedders.py`` holds them to it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from vidsearch.datatypes import AlignedFaces, Matrix, check_array
from vidsearch.errors import ConfigError
from vidsearch.faces.geometry.align import AlignmentTemplate

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


class BatchEmbedder(ABC):
    """What every embedder of ours shares: batches of bounded size, and the mirrored view.

    Args:
        config: What the network expects and gives.
        batch: Faces at once.
    """

    def __init__(self, config: EmbedderConfig, batch: int = BATCH) -> None:
        self.config = config
        self._faces_at_once = batch

    @property
    def model_id(self) -> str:
        return self.config.model_id

    @property
    def dim(self) -> int:
        return self.config.dim

    @property
    def template(self) -> AlignmentTemplate:
        return self.config.template

    def embed(self, aligned: AlignedFaces) -> Matrix:
        """Return (N, dim) float32 raw embeddings; see ``Embedder.embed``."""
        side = self.template.size
        check_array("aligned", aligned, (None, side, side, 3), np.uint8)
        embeddings = np.empty((len(aligned), self.dim), np.float32)
        for start in range(0, len(aligned), self._faces_at_once):
            chunk = slice(start, start + self._faces_at_once)
            faces = aligned[chunk]
            if self.config.mirror:
                both = self._run(np.concatenate([faces, faces[:, :, ::-1]]))
                embeddings[chunk] = (both[: len(faces)] + both[len(faces) :]) * np.float32(0.5)
            else:
                embeddings[chunk] = self._run(faces)
        return embeddings

    @abstractmethod
    def _run(self, faces: AlignedFaces) -> Matrix:
        """Return (M, dim) float32 of (M, S, S, 3) uint8 RGB faces, each for itself."""
