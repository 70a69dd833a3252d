"""Single frames of videos, images with face boxes, and JPEG encoding."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from PIL import Image as Pillow

from vidsearch.datatypes import Image, Vector
from vidsearch.errors import VideoDecodeError
from vidsearch.read_options import DEFAULT_READ, ReadOptions
from vidsearch.text.printable import printable
from vidsearch.video.pyav.reader import TIME_TOLERANCE_S, PyAVReader
from vidsearch.video.types import DecodedFrame

# Seconds after the last frame for which the last frame is shown: its duration may be unknown.
_AFTER_END_S = 0.1


def still(uri: str, time_s: float, read: ReadOptions = DEFAULT_READ) -> Image:
    """Return the frame of a video that is displayed at a time.

    Args:
        uri: Path, or a URI known to fsspec.
        time_s: Seconds from the container's start.
        read: Options with which the video was indexed.

    Returns:
        (H, W, 3) uint8 RGB, upright.

    Raises:
        VideoError: The video is missing or cannot be read at this time.
    """
    image = _image_at(uri, time_s, read)
    if image is None and read.seekable is None:
        # The times of the index are perhaps not those of the file.
        image = _image_at(uri, time_s, replace(read, seekable=False))
    if image is None:
        raise VideoDecodeError(f"'{printable(uri)}' has no frame at {time_s:.1f} s")
    return image


def _image_at(uri: str, time_s: float, read: ReadOptions) -> Image | None:
    with PyAVReader(uri, options=read) as reader:
        last: DecodedFrame | None = None
        for frame in reader.decode_around(time_s):
            if last is not None and frame.time_s > time_s + TIME_TOLERANCE_S:
                return last.rgb()
            last = frame
        return last.rgb() if last is not None and time_s < last.end_s + _AFTER_END_S else None


def draw_boxes(image: Image, boxes_xyxy: Sequence[Vector], chosen: int = 0) -> Image:
    """Return a copy of an image with every box drawn.

    Args:
        image: (H, W, 3) uint8 RGB.
        boxes_xyxy: (4,) float32 each, pixels of ``image``.
        chosen: Index of the box drawn in the accent colour.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    import cv2

    drawn = np.ascontiguousarray(image.copy())
    width = max(2, round(max(image.shape[:2]) / 240))
    for index, box in enumerate(boxes_xyxy):
        colour = (79, 200, 225) if index == chosen else (255, 255, 255)
        left, top, right, bottom = (round(float(side)) for side in box)
        cv2.rectangle(drawn, (left, top), (right, bottom), (10, 20, 28), width + 2)
        cv2.rectangle(drawn, (left, top), (right, bottom), colour, width)
    return drawn


def jpeg(image: Image, longest: int = 960) -> bytes:
    """Return an image as a JPEG.

    Args:
        image: (H, W, 3) uint8 RGB.
        longest: Largest length of the longer side, pixels; a smaller image keeps its size.
    """
    resized = Pillow.fromarray(image)
    resized.thumbnail((longest, longest))
    target = io.BytesIO()
    resized.save(target, "JPEG", quality=85)
    return target.getvalue()
