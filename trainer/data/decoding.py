"""One encoded face -> pixels, or one line that says what is wrong with it."""

from __future__ import annotations

import numpy as np

from trainer.data.base import BrokenFaceError
from vidsearch.datatypes import Image


def decode_face(encoded: bytes, name: str, size: int) -> Image:
    """Return (size, size, 3) uint8 RGB of an encoded image.

    Args:
        encoded: JPEG, PNG or any other format that OpenCV reads; greyscale becomes RGB.
        name: What the error calls it.
        size: Side that it must have.

    Raises:
        BrokenFaceError: Not an image, or of another size.
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
        high, wide = decoded.shape[:2]
        raise BrokenFaceError(f"{name}: {wide} x {high} pixels where {size} x {size} are expected")
    return np.ascontiguousarray(decoded[..., ::-1])
