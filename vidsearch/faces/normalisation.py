"""Normalisation of pixel values for a network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from vidsearch.datatypes import AlignedFaces, Matrix
from vidsearch.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Normalisation:
    """Conversion of pixel values (0 to 255) to the input of a network: ``(value - mean) / std``.

    Attributes:
        mean: Mean per channel, in the channel order of the network.
        std: Standard deviation per channel, in the channel order of the network.
        channels: Channel order of the network.
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
