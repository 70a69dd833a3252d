"""SCRFD, the detector of the InsightFace packs, run by the ``insightface`` package.

Source: Guo, Deng, Lattas, Zafeiriou, "Sample and computation redistribution for efficient face
detection" (2021).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vidsearch.datatypes import Detections, Image, check_array
from vidsearch.device import CPU, Device
from vidsearch.errors import ConfigError, PackFormatError
from vidsearch.faces.detect.base import WEAK_SCORE
from vidsearch.faces.geometry import boxes
from vidsearch.faces.insightface_model import open_insightface
from vidsearch.faces.normalisation import Normalisation

MULTIPLE = 32  # the coarsest of the network's grids
# Source: insightface's SCRFD; the same for every published detector.
SCRFD_SCALE = Normalisation(mean=(127.5, 127.5, 127.5), std=(128.0, 128.0, 128.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class ScrfdConfig:
    """Settings of the detector.

    Attributes:
        side: Side of the square into which images are fitted, pixels; a model with a fixed input
            size keeps its own.
        threshold: Lowest score of a detection.
        nms_iou: Largest intersection over union of two detections.
    """

    side: int = 640
    threshold: float = 0.5
    nms_iou: float = 0.4

    def __post_init__(self) -> None:
        if not MULTIPLE <= self.side <= 8192 or self.side % MULTIPLE:
            raise ConfigError(
                f"side must be a multiple of {MULTIPLE} from {MULTIPLE} to 8192 pixels; "
                f"got {self.side}"
            )
        if not 0 < self.threshold < 1:
            raise ConfigError(f"threshold must be between 0 and 1; got {self.threshold}")
        if not 0 <= self.nms_iou <= 1:
            raise ConfigError(f"nms_iou must be in [0, 1]; got {self.nms_iou}")


class ScrfdDetector:
    """SCRFD model with landmarks; see ``detect.base.Detector``."""

    def __init__(
        self, onnx_path: Path, config: ScrfdConfig | None = None, device: Device = CPU
    ) -> None:
        """Load a detector file published by InsightFace.

        Raises:
            ModelError: The file is missing, or is not an SCRFD with landmarks.
            DeviceError: The device is not usable.
        """
        self.config = config if config is not None else ScrfdConfig()
        self._model = open_insightface(onnx_path, "detection", SCRFD_SCALE, device)
        if not self._model.use_kps:
            raise PackFormatError(
                f"{onnx_path}: an SCRFD with landmarks has 9 or 15 outputs; "
                f"found {len(self._model.output_names)}; faces cannot be aligned without landmarks"
            )
        side = self.config.side
        self._model.prepare(
            ctx_id=0,
            input_size=(side, side),
            det_thresh=min(self.config.threshold, WEAK_SCORE),
            nms_thresh=self.config.nms_iou,
        )

    def detect(self, image: Image) -> Detections:
        """Return the faces of an image, (H, W, 3) uint8 RGB; see ``detect.base.Detector``."""
        return self.detect_with_weak(image)[0]

    def detect_with_weak(self, image: Image) -> tuple[Detections, Detections]:
        """Return the faces of an image, (H, W, 3) uint8 RGB, and the weak detections."""
        found = self._detect(image)
        strong = found.scores >= self.config.threshold
        return found.select(strong), found.select(~strong)

    def _detect(self, image: Image) -> Detections:
        check_array("image", image, (None, None, 3), np.uint8)
        height, width = image.shape[:2]
        # A strip that would be reduced to less than one pixel holds no face.
        if min(height, width) == 0 or max(height, width) > min(self._model.input_size) * min(
            height, width
        ):
            return Detections.empty()
        found, points = self._model.detect(
            np.ascontiguousarray(image[..., ::-1])
        )  # insightface takes BGR
        finite = np.isfinite(found).all(axis=1) & np.isfinite(points).all(axis=(1, 2))
        found, landmarks = found[finite], points[finite].astype(np.float32)
        boxes_xyxy = boxes.clip(found[:, :4].astype(np.float32), (width, height))
        extent = np.ptp(landmarks, axis=1).max(axis=1) if len(landmarks) else found[:, 4]
        valid = (boxes.areas(boxes_xyxy) >= 1) & (extent >= 1)
        scores = np.clip(found[:, 4], 0, 1).astype(np.float32)
        return Detections(boxes_xyxy[valid], scores[valid], landmarks[valid])
