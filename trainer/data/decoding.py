"""Decoding of one face, with a one-line error for a broken file."""

from __future__ import annotations

import numpy as np

from trainer.data.base import BrokenFaceError
from vidsearch.datatypes import Image


def decode_face(encoded: bytes, name: str, size: int) -> Image:
    """Return a decoded face, (size, size, 3) uint8 RGB.

    Args:
        encoded: JPEG, PNG or any other format that OpenCV reads; greyscale becomes RGB.
        name: Name of the face in error messages.
        size: Required side, pixels.

    Raises:
        BrokenFaceError: The bytes are not an image, or the image has another size.
    """
    import cv2

    decoded = None
    if encoded:
        try:
            decoded = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
        except cv2.error:
            decoded = None
    if decoded is None:
        raise BrokenFaceError(f"{name}: not an image that can be decoded ({len(encoded)} bytes)")
    if decoded.shape != (size, size, 3):
        height, width = decoded.shape[:2]
        raise BrokenFaceError(f"{name}: {width} x {height} pixels; expected {size} x {size}")
    return np.ascontiguousarray(decoded[..., ::-1])
