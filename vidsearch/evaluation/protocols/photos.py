"""Aligned faces from the photos of evaluation sets."""

from __future__ import annotations

import numpy as np

from vidsearch.datatypes import AlignedFaces, Image
from vidsearch.faces.detect.base import Detector
from vidsearch.faces.geometry.align import ARCFACE_112, AlignmentTemplate, align_faces


def central_face(image: Image, detector: Detector, template: AlignmentTemplate) -> AlignedFaces:
    """Return the face nearest the photo's centre, aligned.

    In these sets the named person is at the centre of the photo.

    Args:
        image: (H, W, 3) uint8 RGB.
        detector: Face detector.
        template: Alignment template of side S.

    Returns:
        (1, S, S, 3) uint8 RGB, or (0, S, S, 3) without a face.
    """
    detections = detector.detect(image)
    boxes = detections.boxes_xyxy
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    distances = np.linalg.norm(centres - np.array(image.shape[1::-1]) / 2, axis=1)
    nearest = np.argsort(distances, kind="stable")[:1]
    return align_faces(image, detections.landmarks[nearest], template)


def from_arcface(image: Image, template: AlignmentTemplate) -> AlignedFaces:
    """Return a face aligned to ArcFace's template, warped to another template.

    Args:
        image: (H, W, 3) uint8 RGB, aligned to the 112 x 112 template at any scale.
        template: Alignment template of side S.

    Returns:
        (1, S, S, 3) uint8 RGB.
    """
    side = ARCFACE_112.size
    if template == ARCFACE_112 and image.shape[:2] == (side, side):
        return image[None]
    scale = np.array(image.shape[1::-1], np.float32) / side
    return align_faces(image, (ARCFACE_112.array * scale)[None].astype(np.float32), template)
