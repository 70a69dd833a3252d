"""Reading of photos whose end is missing or damaged: the pixels that are whole are used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import Image as Pillow
from PIL import ImageFile

_RIFF_HEADER = 8
_MOST_BOXES = 100
_COLUMNS, _ROWS = 64, 2048


@contextmanager
def damage_tolerated() -> Iterator[None]:
    """Let Pillow fill missing pixels with one colour instead of raising an error.

    The setting belongs to the whole process, so the caller holds a lock.
    """
    before = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before


def completed(content: bytes) -> bytes:
    """Return the content of a WebP, AVIF or HEIC file with zero bytes in place of its missing end.

    These containers state their length, and their decoders refuse a shorter file although they
    decode most of its pixels. Content of other kinds, and content of which less than half is there,
    is returned unchanged.
    """
    stated = _stated_bytes(content)
    if len(content) < stated <= 2 * len(content):
        return content + bytes(stated - len(content))
    return content


def _stated_bytes(content: bytes) -> int:
    if content.startswith(b"RIFF"):
        return int.from_bytes(content[4:8], "little") + _RIFF_HEADER
    if content[4:8] != b"ftyp":
        return 0
    offset = 0
    for _ in range(_MOST_BOXES):
        size = int.from_bytes(content[offset : offset + 4], "big")
        if size == 1:
            size = int.from_bytes(content[offset + 8 : offset + 16], "big")
        if size < 8:  # 0: to the end of the file
            break
        offset += size
        if offset >= len(content):
            return offset
    return 0


def share_of_rows(image: Pillow.Image) -> float:
    """Return the share of rows that hold a picture, not the colour of missing pixels.

    Missing pixels have one colour, at the bottom of the image, in BMP files at its top.

    Args:
        image: Decoded image of any shape, before any rotation.
    """
    width, height = min(image.width, _COLUMNS), min(image.height, _ROWS)
    sample = np.asarray(image.resize((width, height), Pillow.Resampling.NEAREST).convert("RGB"))
    if image.format != "BMP":
        sample = sample[::-1]
    missing = (sample == sample[0, 0]).all(axis=(1, 2))
    return 0.0 if missing.all() else 1 - int(np.argmin(missing)) / len(sample)
