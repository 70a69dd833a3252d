"""Five-point alignment: the similarity that carries a face to an embedder's template."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidsearch.datatypes import AlignedFaces, Image, Landmarks, check_array
from vidsearch.errors import ConfigError, ShapeError

# A face this many times larger than the template is filtered exactly; beyond it, the samples of
# the warp are spread wider, which keeps the cost of one enormous face bounded.
MAX_OVERSAMPLING = 8


@dataclass(frozen=True, slots=True)
class AlignmentTemplate:
    """Where the five landmarks of an aligned face lie.

    Attributes:
        name: How packs refer to it.
        size: Side of the square aligned face, pixels.
        points: Five (x, y): left eye, right eye, nose, left mouth, right mouth, as seen in the
            image; pixels, the centre of the first pixel is (0, 0).
    """

    name: str
    size: int
    points: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        if self.size < 8:
            raise ConfigError(f"template {self.name!r}: size must be at least 8; got {self.size}")
        flat = [c for point in self.points for c in point]
        if len(self.points) != 5 or len(flat) != 10 or not all(map(math.isfinite, flat)):
            raise ConfigError(
                f"template {self.name!r}: points must be five (x, y); got {self.points}"
            )

    @property
    def array(self) -> Landmarks:
        """(5, 2) float32."""
        return np.array(self.points, np.float32)


# Source: the alignment of the reference ArcFace implementation (InsightFace), used by every model
# trained in its manner.
ARCFACE_112 = AlignmentTemplate(
    name="arcface_112",
    size=112,
    points=(
        (38.2946, 51.6963),
        (73.5318, 51.5014),
        (56.0252, 71.7366),
        (41.5493, 92.3655),
        (70.7299, 92.2041),
    ),
)

# Source: measured. The dlib network was trained on faces aligned by dlib's own predictor; these
# are the medians of CenterFace's landmarks in 60 photos aligned so (standard deviation 1.5-2.9 px).
DLIB_150 = AlignmentTemplate(
    name="dlib_150",
    size=150,
    points=((46.7, 47.7), (102.7, 46.1), (74.5, 78.3), (49.8, 102.1), (98.7, 99.8)),
)

RIM = 0.2
"""Part of the side that a stored face has around the template: what other templates show of it."""

TEMPLATES = {template.name: template for template in (ARCFACE_112, DLIB_150)}


def similarity_transform(landmarks: Landmarks, template: AlignmentTemplate) -> NDArray[np.float64]:
    """Return the similarity that best carries five landmarks onto the template.

    Rotation, one scale and a shift, least squares; never a reflection, even where the landmarks
    are mirrored. Points on one line are fine, a single repeated point is not.

    Args:
        landmarks: (5, 2) float32, pixels.
        template: Where they should go.

    Returns:
        (2, 3) float64: ``[x', y'] = M @ [x, y, 1]``.

    Raises:
        ShapeError: Not (5, 2), not finite, or all five points coincide.

    Source:
        Umeyama (1991), eq. 40-42. In the plane it closes: with centred points as complex
        numbers, the optimum is ``sum(conj(p) q) / sum(|p|^2)``.

    Example:
        >>> m = similarity_transform(DLIB_150.array * 2 + 5, DLIB_150)
        >>> m.round(3).tolist()
        [[0.5, 0.0, -2.5], [-0.0, 0.5, -2.5]]
    """
    check_array("landmarks", landmarks, (5, 2), np.float32)
    matrix: NDArray[np.float64] = _solve(landmarks[None], template)[0]
    return matrix


def align_faces(image: Image, landmarks: Landmarks, template: AlignmentTemplate) -> AlignedFaces:
    """Return every face of a picture warped to the template.

    A face larger than the template is averaged down, not point-sampled, so that it does not alias.
    What lies outside the picture is black.

    Args:
        image: (H, W, 3) uint8 RGB.
        landmarks: (N, 5, 2) float32, pixels of ``image``.
        template: The embedder's.

    Returns:
        (N, S, S, 3) uint8 RGB.

    Raises:
        ShapeError: A wrong shape or dtype, or landmarks without extent (see
            ``similarity_transform``).
    """
    check_array("image", image, (None, None, 3), np.uint8)
    check_array("landmarks", landmarks, (None, 5, 2), np.float32)
    aligned = np.zeros((len(landmarks), template.size, template.size, 3), np.uint8)
    if image.size:
        for row, matrix in enumerate(_solve(landmarks, template)):
            aligned[row] = _warp(image, matrix, template.size)
    return aligned


def with_rim(template: AlignmentTemplate) -> AlignmentTemplate:
    """Return the template of the picture that a catalog keeps: the same face with a rim.

    Templates differ in how much they show around the landmarks; with a rim of ``RIM`` a face that
    was stored for one has all that another looks at.

    Example:
        >>> with_rim(DLIB_150).size
        210
    """
    rim = _rim(template)
    return AlignmentTemplate(
        f"{template.name}_with_rim",
        template.size + 2 * rim,
        tuple((x + rim, y + rim) for x, y in template.points),
    )


def without_rim(aligned: AlignedFaces, template: AlignmentTemplate) -> AlignedFaces:
    """Return what the template shows of faces that were aligned to ``with_rim(template)``.

    Args:
        aligned: (N, R, R, 3) uint8 RGB, R the size of ``with_rim(template)``.
        template: The embedder's.

    Returns:
        (N, S, S, 3) uint8 RGB, as ``align_faces`` gives them, but for a grey level of rounding.

    Raises:
        ShapeError: Another size.
    """
    side = with_rim(template).size
    check_array("aligned", aligned, (None, side, side, 3), np.uint8)
    inner = slice(_rim(template), _rim(template) + template.size)
    return np.ascontiguousarray(aligned[:, inner, inner])


def _rim(template: AlignmentTemplate) -> int:
    return round(RIM * template.size)


def _solve(landmarks: Landmarks, template: AlignmentTemplate) -> NDArray[np.float64]:
    """(N, 5, 2) -> (N, 2, 3): the closed form, for all faces at once."""
    x, y = landmarks[..., 0].astype(np.float64), landmarks[..., 1].astype(np.float64)
    usable = np.asarray(np.isfinite(landmarks).all(axis=(1, 2)))
    found = np.where(usable[:, None], x, 0) + 1j * np.where(usable[:, None], y, 0)
    wanted = np.array([complex(u, v) for u, v in template.points])
    found_mean = found.mean(axis=1, keepdims=True)
    spread = (np.abs(found - found_mean) ** 2).sum(axis=1)
    unusable = spread <= 1e-6
    if unusable.any():
        row = int(np.flatnonzero(unusable)[0])
        raise ShapeError(
            f"landmarks of face {row} must be five finite points that do not all coincide; "
            f"got {landmarks[row].tolist()}; drop this face"
        )
    turn = (np.conj(found - found_mean) * (wanted - wanted.mean())).sum(axis=1) / spread
    shift = wanted.mean() - turn * found_mean[:, 0]
    rows = np.stack([turn.real, -turn.imag, shift.real, turn.imag, turn.real, shift.imag], axis=1)
    return rows.reshape(-1, 2, 3)


def _warp(image: Image, matrix: NDArray[np.float64], size: int) -> Image:
    import cv2

    shrink = 1 / max(float(np.hypot(matrix[0, 0], matrix[1, 0])), 1e-9)
    times = min(max(round(shrink), 1), MAX_OVERSAMPLING)
    # Pixel u of the small picture covers pixels times*u ... times*u + times-1 of the large one.
    dense = matrix * times
    dense[:, 2] += (times - 1) / 2
    side = size * times
    warped = cv2.warpAffine(image, dense, (side, side), flags=cv2.INTER_LINEAR)
    if times > 1:
        warped = cv2.resize(warped, (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(warped, np.uint8)
