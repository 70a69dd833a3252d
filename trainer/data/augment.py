"""Augmentation of aligned faces: mirroring, as in the paper, and further random changes."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from vidsearch.datatypes import Image
from vidsearch.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """Random changes of an aligned face. All fields but ``shift_px`` are probabilities in [0, 1].

    Attributes:
        mirror: Mirror left and right; 0.5 in the paper.
        shift_px: Largest shift in x and in y, pixels, uniform; border pixels are repeated.
        colour: Scale brightness, contrast and saturation, each by 0.6 to 1.4.
        grey: Convert to grey.
        blur: Gaussian blur, sigma 0.5 to 2 pixels.
        jpeg: JPEG compression of quality 20 to 90.
        downscale: Reduce to 25 to 75 % of the side and enlarge again, like a distant face.
        erase: Fill a rectangle of 2 to 20 % of the area with noise.
    """

    mirror: float = 0.5
    shift_px: int = 0
    colour: float = 0.0
    grey: float = 0.0
    blur: float = 0.0
    jpeg: float = 0.0
    downscale: float = 0.0
    erase: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "shift_px":
                if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 32:
                    raise ConfigError(f"shift_px must be a whole number, 0 to 32; got {value!r}")
            elif not 0 <= value <= 1:
                raise ConfigError(f"augmentation {field.name} must lie in [0, 1]; got {value!r}")

    def apply(self, face: Image, rng: np.random.Generator) -> Image:
        """Return the augmented face, (S, S, 3) uint8 RGB; the input stays unchanged.

        Random numbers are drawn for every change, enabled or not, so enabling one change does not
        alter the others.

        Args:
            face: (S, S, 3) uint8 RGB.
            rng: Generator of this face in this epoch.
        """
        chances = rng.random(7)
        amounts = rng.random(9)
        if chances[0] < self.mirror:
            face = face[:, ::-1]
        if self.shift_px:
            face = _shifted(face, self.shift_px, amounts[0], amounts[1])
        if chances[1] < self.colour:
            face = _recoloured(face, amounts[2:5])
        if chances[2] < self.grey:
            face = _recoloured(face, np.array([0.5, 0.5, -0.75]))
        if chances[3] < self.downscale:
            face = _downscaled(face, 0.25 + 0.5 * amounts[5])
        if chances[4] < self.blur:
            face = _blurred(face, 0.5 + 1.5 * amounts[6])
        if chances[5] < self.jpeg:
            face = _compressed(face, round(20 + 70 * amounts[7]))
        if chances[6] < self.erase:
            face = _erased(face, 0.02 + 0.18 * amounts[8], rng)
        return np.ascontiguousarray(face)


def _shifted(face: Image, max_shift_px: int, x: float, y: float) -> Image:
    side = len(face)
    left, top = (min(int(draw * (2 * max_shift_px + 1)), 2 * max_shift_px) for draw in (x, y))
    padded = np.pad(
        face, ((max_shift_px, max_shift_px), (max_shift_px, max_shift_px), (0, 0)), mode="edge"
    )
    return padded[top : top + side, left : left + side]


def _recoloured(face: Image, amounts: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Image:
    brightness, contrast, saturation = 0.6 + 0.8 * amounts
    value = face.astype(np.float32) * np.float32(brightness)
    value = (value - value.mean()) * np.float32(contrast) + value.mean()
    grey = value @ np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601 luma
    value = grey[..., None] + (value - grey[..., None]) * np.float32(saturation)
    return np.asarray(value.round().clip(0, 255), np.uint8)


def _downscaled(face: Image, share: float) -> Image:
    import cv2

    side = len(face)
    small = max(round(side * share), 4)
    reduced = cv2.resize(face, (small, small), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(reduced, (side, side), interpolation=cv2.INTER_LINEAR), np.uint8)


def _blurred(face: Image, sigma: float) -> Image:
    import cv2

    return np.asarray(cv2.GaussianBlur(np.ascontiguousarray(face), (0, 0), sigma), np.uint8)


def _compressed(face: Image, quality: int) -> Image:
    import cv2

    encoded = cv2.imencode(".jpg", face[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    decoded = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.asarray(decoded[..., ::-1], np.uint8)


def _erased(face: Image, area: float, rng: np.random.Generator) -> Image:
    side = len(face)
    ratio = np.exp(rng.uniform(-1, 1) * np.log(3.0))  # 1:3 to 3:1
    height = int(np.clip(round(side * np.sqrt(area * ratio)), 1, side))
    width = int(np.clip(round(side * np.sqrt(area / ratio)), 1, side))
    top, left = rng.integers(0, side - height + 1), rng.integers(0, side - width + 1)
    changed = face.copy()
    noise = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    changed[top : top + height, left : left + width] = noise
    return changed
