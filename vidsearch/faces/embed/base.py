"""Interface and base class of face embedders, tested by ``tests/contract/test_embedders.py``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from vidsearch.datatypes import AlignedFaces, Matrix, check_array
from vidsearch.errors import ConfigError
from vidsearch.faces.geometry.align import AlignmentTemplate
from vidsearch.faces.normalisation import Normalisation

# Faces per call of a network. Larger batches are not faster on one core and need more memory.
BATCH = 16


class Embedder(Protocol):
    """Computes vectors of one model's space from aligned faces.

    An embedder is used by one thread only; each worker builds its own embedder.
    """

    @property
    def model_id(self) -> str:
        """Name of the vector space; vectors of two models are never compared."""
        ...

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        ...

    @property
    def template(self) -> AlignmentTemplate:
        """Template to which faces must be aligned."""
        ...

    def embed(self, aligned: AlignedFaces) -> Matrix:
        """Return one raw embedding per aligned face (not L2-normalised).

        Args:
            aligned: (N, S, S, 3) uint8 RGB, S the template's size; N = 0 is legal.

        Returns:
            (N, dim) float32. An embedding does not depend on the other faces in the batch.

        Raises:
            ShapeError: ``aligned`` is not (N, S, S, 3) uint8.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedderConfig:
    """Description of an embedder, from its pack.

    Attributes:
        model_id: Name of the vector space.
        dim: Length of an embedding.
        template: Five-point template of the aligned face.
        normalisation: Conversion of pixels to the network's input.
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
    """Base class of embedders: batches of bounded size, and averaging with the mirrored face.

    Args:
        config: Input and output of the network.
        batch_size: Faces per call of the network.
    """

    def __init__(self, config: EmbedderConfig, batch_size: int = BATCH) -> None:
        self.config = config
        self._batch_size = batch_size

    @property
    def model_id(self) -> str:
        """Name of the vector space."""
        return self.config.model_id

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        return self.config.dim

    @property
    def template(self) -> AlignmentTemplate:
        """Template to which faces must be aligned."""
        return self.config.template

    def embed(self, aligned: AlignedFaces) -> Matrix:
        """Return raw embeddings, (N, dim) float32; see ``Embedder.embed``."""
        side = self.template.size
        check_array("aligned", aligned, (None, side, side, 3), np.uint8)
        embeddings = np.empty((len(aligned), self.dim), np.float32)
        for start in range(0, len(aligned), self._batch_size):
            rows = slice(start, start + self._batch_size)
            faces = aligned[rows]
            if self.config.mirror:
                embedded = self._run(np.concatenate([faces, faces[:, :, ::-1]]))
                embeddings[rows] = (embedded[: len(faces)] + embedded[len(faces) :]) * np.float32(
                    0.5
                )
            else:
                embeddings[rows] = self._run(faces)
        return embeddings

    @abstractmethod
    def _run(self, faces: AlignedFaces) -> Matrix:
        """Return embeddings, (M, dim) float32, of faces, (M, S, S, 3) uint8 RGB."""
