"""CenterFace in ONNX Runtime: boxes and five landmarks from one small network.

Source: Xu, Yan, Lin, Wu, Liu, "CenterFace: joint face detection and alignment using face as
point" (2020); decoding checked against the published weights.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vidsearch.datatypes import Detections, Image, check_array
from vidsearch.device import CPU, Device, open_onnx
from vidsearch.errors import ConfigError
from vidsearch.faces.detect.base import WEAK_SCORE
from vidsearch.faces.detect.centerface_weights import INPUT, OUTPUTS
from vidsearch.faces.geometry import boxes

STRIDE = 4  # one output cell covers 4 x 4 pixels of the network's input
MULTIPLE = 32  # the network halves its input five times


@dataclass(frozen=True, slots=True, kw_only=True)
class CenterFaceConfig:
    """Settings of the detector.

    Attributes:
        max_side: Longer side of the network's input, pixels; larger images are reduced, smaller
            ones are not enlarged.
        threshold: Lowest score of a detection.
        nms_iou: Largest intersection over union of two detections.
    """

    max_side: int = 640
    threshold: float = 0.5
    nms_iou: float = 0.3

    def __post_init__(self) -> None:
        if not MULTIPLE <= self.max_side <= 8192:
            raise ConfigError(f"max_side must be {MULTIPLE} to 8192 pixels; got {self.max_side}")
        if not 0 < self.threshold < 1:
            raise ConfigError(f"threshold must be between 0 and 1; got {self.threshold}")
        if not 0 <= self.nms_iou <= 1:
            raise ConfigError(f"nms_iou must be in [0, 1]; got {self.nms_iou}")


class CenterFaceDetector:
    """The detector of the ``open`` pack; see ``detect.base.Detector``."""

    def __init__(
        self, onnx_path: Path, config: CenterFaceConfig | None = None, device: Device = CPU
    ) -> None:
        """Load a file written by ``centerface_weights.convert``.

        Raises:
            ModelError: The file is missing or is not a model.
            DeviceError: The device is not usable.
        """
        self.config = config if config is not None else CenterFaceConfig()
        self._session = open_onnx(onnx_path, device)

    def detect(self, image: Image) -> Detections:
        """Return the faces of an image, (H, W, 3) uint8 RGB; see ``detect.base.Detector``."""
        return self._detect(image, self.config.threshold)

    def detect_with_weak(self, image: Image) -> tuple[Detections, Detections]:
        """Return the faces of an image, (H, W, 3) uint8 RGB, and the weak detections."""
        threshold = self.config.threshold
        found = self._detect(image, min(threshold, WEAK_SCORE))
        strong = found.scores > threshold
        return found.select(strong), found.select(~strong)

    def _detect(self, image: Image, threshold: float) -> Detections:
        check_array("image", image, (None, None, 3), np.uint8)
        height, width = image.shape[:2]
        if height == 0 or width == 0:
            return Detections.empty()
        planes, scale_xy = network_input(image, self.config.max_side)
        heat, size, offset, points = self._session.run(list(OUTPUTS), {INPUT: planes})
        found = decode_cells(heat[0, 0], size[0], offset[0], points[0], threshold)
        return to_image_pixels(found, scale_xy, (width, height), self.config.nms_iou)


def network_input(image: Image, max_side: int) -> tuple[NDArray[np.float32], tuple[float, float]]:
    """Return an image reduced and padded for the network.

    Args:
        image: (H, W, 3) uint8 RGB.
        max_side: See ``CenterFaceConfig``.

    Returns:
        (1, 3, h, w) float32, and the network's pixels per image pixel in x and y.
    """
    import cv2

    height, width = image.shape[:2]
    shrink = min(1.0, max_side / max(height, width))
    inner_w, inner_h = max(round(width * shrink), 1), max(round(height * shrink), 1)
    if shrink < 1:
        reduced = cv2.resize(image, (inner_w, inner_h), interpolation=cv2.INTER_AREA)
        image = np.asarray(reduced, np.uint8)
    padded_h, padded_w = (math.ceil(n / MULTIPLE) * MULTIPLE for n in (inner_h, inner_w))
    planes = np.zeros((1, 3, padded_h, padded_w), np.float32)
    planes[0, :, :inner_h, :inner_w] = image.transpose(2, 0, 1)
    return planes, (inner_w / width, inner_h / height)


def decode_cells(
    heat: NDArray[np.float32],
    size: NDArray[np.float32],
    offset: NDArray[np.float32],
    points: NDArray[np.float32],
    threshold: float,
) -> Detections:
    """Return the cells above the threshold, in pixels of the network's input, before suppression.

    Args:
        heat: (h, w).
        size: (2, h, w): log height, log width.
        offset: (2, h, w): y, x.
        points: (10, h, w): five (y, x), in units of the box from its top left corner.
        threshold: Lowest score.
    """
    rows, columns = np.nonzero(heat > threshold)
    # exp(12) is larger than any image: clipping keeps an outlier finite.
    box_h, box_w = STRIDE * np.exp(np.clip(size[:, rows, columns], -12, 12))
    offset_y, offset_x = offset[:, rows, columns]
    left = np.maximum((columns + offset_x + 0.5) * STRIDE - box_w / 2, 0)
    top = np.maximum((rows + offset_y + 0.5) * STRIDE - box_h / 2, 0)
    relative = points[:, rows, columns]
    landmarks = np.stack([relative[1::2] * box_w + left, relative[0::2] * box_h + top], axis=-1)
    return Detections(
        np.stack([left, top, left + box_w, top + box_h], axis=1).astype(np.float32),
        heat[rows, columns].astype(np.float32),
        np.ascontiguousarray(landmarks.transpose(1, 0, 2), np.float32),
    )


def to_image_pixels(
    found: Detections, scale_xy: tuple[float, float], size_wh: tuple[int, int], nms_iou: float
) -> Detections:
    """Return detections in image pixels, without duplicates and degenerate faces.

    Args:
        found: Detections in pixels of the network's input.
        scale_xy: The network's pixels per image pixel.
        size_wh: Width and height of the image.
        nms_iou: See ``CenterFaceConfig``.
    """
    found = found.select(boxes.nms(found.boxes_xyxy, found.scores, nms_iou))
    per_axis = np.array(scale_xy, np.float32)
    full = np.asarray(found.boxes_xyxy / np.tile(per_axis, 2), np.float32)
    boxes_xyxy = boxes.clip(full, size_wh)
    landmarks = found.landmarks / per_axis
    extent = np.ptp(landmarks, axis=1).max(axis=1) if len(landmarks) else found.scores
    valid = (boxes.areas(boxes_xyxy) >= 1) & np.isfinite(extent) & (extent >= 1)
    return Detections(boxes_xyxy[valid], np.minimum(found.scores[valid], 1), landmarks[valid])
