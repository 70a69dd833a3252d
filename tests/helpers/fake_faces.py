"""Fake model pack: green patches are faces, and the embedding is the mean colour."""

from __future__ import annotations

import dataclasses

import numpy as np

from vidsearch.datatypes import AlignedFaces, Detections, Image, Matrix
from vidsearch.faces.geometry.align import ARCFACE_112

MODEL = "fake-0"


class GreenDetector:
    """Every connected green patch is a face."""

    def detect(self, image: Image) -> Detections:
        import cv2

        mask = (image[..., 1] > 200).astype(np.uint8)
        count, _, stats, _ = cv2.connectedComponentsWithStats(mask)
        if count == 1:
            return Detections.empty()
        left, top, width, height, _ = stats[1:].T.astype(np.float32)
        boxes = np.stack([left, top, left + width, top + height], axis=1)
        size = np.stack([width, height], axis=1)[:, None]
        landmarks = ARCFACE_112.array / 112 * size + boxes[:, None, :2]
        return Detections(boxes, np.full(len(boxes), 0.9, np.float32), landmarks.astype(np.float32))


class MeanEmbedder:
    """The embedding is the aligned face's mean colour."""

    model_id = MODEL
    dim = 3
    template = ARCFACE_112

    def embed(self, aligned: AlignedFaces) -> Matrix:
        return np.asarray(aligned.mean(axis=(1, 2)), np.float32)


class NotANumber(MeanEmbedder):
    """The embedding is not a number."""

    def embed(self, aligned: AlignedFaces) -> Matrix:
        return np.full((len(aligned), 3), np.nan, np.float32)


@dataclasses.dataclass(frozen=True)
class FakePack:
    """Loaded pack of the fake models."""

    embedder: MeanEmbedder = dataclasses.field(default_factory=MeanEmbedder)
    detector: GreenDetector = dataclasses.field(default_factory=GreenDetector)
    model_id: str = MODEL


def scene(width: int, height: int, *patches: tuple[int, int, int, int]) -> Image:
    """Draw green patches, each as left, top, side, and the red that tells them apart."""
    image = np.zeros((height, width, 3), np.uint8)
    for left, top, side, red in patches:
        image[top : top + side, left : left + side] = (red, 255, 0)
    return image


GROUP = scene(600, 200, (10, 10, 60, 10), (100, 10, 150, 20), (300, 10, 100, 30))
