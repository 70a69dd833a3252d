"""JPEG encoding of aligned faces."""

from __future__ import annotations

import numpy as np

from vidsearch.datatypes import Image


def encode_jpeg(image: Image, quality: int, *, full_chroma: bool = False) -> bytes:
    """Return an image as JPEG.

    Args:
        image: (H, W, 3) uint8 RGB.
        quality: 0 to 100.
        full_chroma: True to keep colour at full resolution (4:4:4); False: 4:2:0.
    """
    import cv2

    settings = [cv2.IMWRITE_JPEG_QUALITY, quality]
    if full_chroma:
        settings += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    bgr = np.ascontiguousarray(image[..., ::-1])
    encoded: bytes = cv2.imencode(".jpg", bgr, settings)[1].tobytes()
    return encoded
