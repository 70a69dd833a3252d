"""Five-point alignment: the similarity that maps a face to an embedder's template."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidsearch.datatypes import AlignedFaces, Image, Landmarks, check_array
from vidsearch.errors import ConfigError, ShapeError

# Up to this ratio of face to template, the warp averages every pixel. For larger faces it samples
# more sparsely, which bounds the cost.
MAX_OVERSAMPLING = 8


@dataclass(frozen=True, slots=True)
class AlignmentTemplate:
    """Positions of the five landmarks in an aligned face.

    Attributes:
        name: Name used in packs.
        size: Side of the square aligned face in pixels.
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
        """Points as (5, 2) float32."""
        return np.array(self.points, np.float32)


# Source: the reference ArcFace implementation (InsightFace).
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
# are the medians of CenterFace's landmarks in 60 such photos (standard deviation 1.5-2.9 px).
DLIB_150 = AlignmentTemplate(
    name="dlib_150",
    size=150,
    points=((46.7, 47.7), (102.7, 46.1), (74.5, 78.3), (49.8, 102.1), (98.7, 99.8)),
)

MARGIN = 0.2
"""Margin of a stored face around the template, as a share of the template's side.

Templates differ in their section of the face. The margin holds the parts that another template
needs.
"""

TEMPLATES = {template.name: template for template in (ARCFACE_112, DLIB_150)}


def similarity_transform(landmarks: Landmarks, template: AlignmentTemplate) -> NDArray[np.float64]:
    """Return the similarity that best maps five landmarks to the template.

    A similarity is a rotation, one scale and a shift, fitted here by least squares. Mirrored
    landmarks give no reflection. Points on one line are valid; five equal points are invalid.

    Args:
        landmarks: (5, 2) float32, pixels.
        template: Target positions.

    Returns:
        (2, 3) float64: ``[x', y'] = M @ [x, y, 1]``.

    Raises:
        ShapeError: The landmarks are not (5, 2), not finite, or all five coincide.

    Source:
        Umeyama (1991), eq. 40-42. In the plane it has a closed form: with centred points as
        complex numbers, the optimum is ``sum(conj(p) q) / sum(|p|^2)``.

    Example:
        >>> m = similarity_transform(DLIB_150.array * 2 + 5, DLIB_150)
        >>> m.round(3).tolist()
        [[0.5, 0.0, -2.5], [-0.0, 0.5, -2.5]]
    """
    check_array("landmarks", landmarks, (5, 2), np.float32)
    matrix: NDArray[np.float64] = _solve(landmarks[None], template)[0]
    return matrix


def align_faces(image: Image, landmarks: Landmarks, template: AlignmentTemplate) -> AlignedFaces:
    """Return every face of an image warped to the template.

    A face larger than the template is averaged, not point-sampled, to avoid aliasing. Pixels
    outside the image are black.

    Args:
        image: (H, W, 3) uint8 RGB.
        landmarks: (N, 5, 2) float32, pixels of ``image``.
        template: Template of the embedder.

    Returns:
        (N, S, S, 3) uint8 RGB, S the size of the template.

    Raises:
        ShapeError: A wrong shape or dtype, or coinciding landmarks (see ``similarity_transform``).
    """
    check_array("image", image, (None, None, 3), np.uint8)
    check_array("landmarks", landmarks, (None, 5, 2), np.float32)
    aligned = np.zeros((len(landmarks), template.size, template.size, 3), np.uint8)
    if image.size:
        for row, matrix in enumerate(_solve(landmarks, template)):
            aligned[row] = _warp(image, matrix, template.size)
    return aligned


def with_margin(template: AlignmentTemplate) -> AlignmentTemplate:
    """Return the template of stored faces: the same face with a margin of ``MARGIN``.

    Example:
        >>> with_margin(DLIB_150).size
        210
    """
    margin_px = _margin_px(template)
    return AlignmentTemplate(
        f"{template.name}_with_margin",
        template.size + 2 * margin_px,
        tuple((x + margin_px, y + margin_px) for x, y in template.points),
    )


def without_margin(aligned: AlignedFaces, template: AlignmentTemplate) -> AlignedFaces:
    """Return the part of stored faces inside the template.

    Args:
        aligned: (N, R, R, 3) uint8 RGB, R the size of ``with_margin(template)``.
        template: Template of the embedder.

    Returns:
        (N, S, S, 3) uint8 RGB, equal to the result of ``align_faces`` within one grey level.

    Raises:
        ShapeError: The faces have another size.
    """
    side = with_margin(template).size
    check_array("aligned", aligned, (None, side, side, 3), np.uint8)
    margin_px = _margin_px(template)
    inner = slice(margin_px, margin_px + template.size)
    return np.ascontiguousarray(aligned[:, inner, inner])


def _margin_px(template: AlignmentTemplate) -> int:
    return round(MARGIN * template.size)


def _solve(landmarks: Landmarks, template: AlignmentTemplate) -> NDArray[np.float64]:
    """Return the similarities, (N, 2, 3), of landmarks, (N, 5, 2), in closed form."""
    x, y = landmarks[..., 0].astype(np.float64), landmarks[..., 1].astype(np.float64)
    usable = np.asarray(np.isfinite(landmarks).all(axis=(1, 2)))
    found = np.where(usable[:, None], x, 0) + 1j * np.where(usable[:, None], y, 0)
    target = np.array([complex(u, v) for u, v in template.points])
    found_mean = found.mean(axis=1, keepdims=True)
    spread = (np.abs(found - found_mean) ** 2).sum(axis=1)
    unusable = spread <= 1e-6
    if unusable.any():
        row = int(np.flatnonzero(unusable)[0])
        raise ShapeError(
            f"landmarks of face {row} must be five finite points that do not all coincide; "
            f"got {landmarks[row].tolist()}; drop this face"
        )
    turn = (np.conj(found - found_mean) * (target - target.mean())).sum(axis=1) / spread
    shift = target.mean() - turn * found_mean[:, 0]
    rows = np.stack([turn.real, -turn.imag, shift.real, turn.imag, turn.real, shift.imag], axis=1)
    return rows.reshape(-1, 2, 3)


def _warp(image: Image, matrix: NDArray[np.float64], size: int) -> Image:
    import cv2

    shrink = 1 / max(float(np.hypot(matrix[0, 0], matrix[1, 0])), 1e-9)
    oversampling = min(max(round(shrink), 1), MAX_OVERSAMPLING)
    # With n-fold oversampling, pixel u of the small image covers pixels n*u to n*u + n-1.
    dense = matrix * oversampling
    dense[:, 2] += (oversampling - 1) / 2
    side = size * oversampling
    warped = cv2.warpAffine(image, dense, (side, side), flags=cv2.INTER_LINEAR)
    if oversampling > 1:
        warped = cv2.resize(warped, (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(warped, np.uint8)
