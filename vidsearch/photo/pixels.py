"""Conversion of a decoded image file to upright 8-bit sRGB pixels."""

from __future__ import annotations

import io
import logging

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, ImageCms, ImageOps
from PIL import Image as Pillow

from vidsearch.datatypes import Image
from vidsearch.errors import PhotoError

log = logging.getLogger(__name__)

BACKGROUND = (255, 255, 255)
"""Colour behind transparent parts: white, as in a viewer."""

_ROWS_AT_ONCE = 256
_RESIZED_MODES = ("RGB", "CMYK", "LAB", "L")
_PROFILE_SPACES = {"RGB": "RGB ", "CMYK": "CMYK", "L": "GRAY", "LAB": "Lab "}


def to_upright_rgb(file_image: Pillow.Image, max_side: int) -> Image:
    """Return the pixels of a decoded image as a viewer shows them.

    Transparent parts are composited on ``BACKGROUND``. 16-bit samples are scaled to 8 bits. Colours
    are converted from an embedded profile to sRGB. The EXIF orientation is applied.

    Args:
        file_image: Decoded image; its first frame is used.
        max_side: A larger image is shrunk to this longer side, pixels.

    Returns:
        (H, W, 3) uint8 RGB, contiguous and writable.

    Raises:
        PhotoError: The samples have no agreed scale (floating point, 32-bit integers). The message
            is the reason alone, for the caller to complete.
    """
    orientation = orientation_of(file_image)
    profile = file_image.info.get("icc_profile")
    plain = _reduced(file_image, max(file_image.size) // max_side)
    if max(plain.size) > max_side:
        # Box filtering by an integer factor first bounds time and memory of the LANCZOS step.
        plain.thumbnail((max_side, max_side), Pillow.Resampling.LANCZOS, reducing_gap=2.0)
    plain = _flatten(plain)
    plain = _to_srgb(plain, profile if isinstance(profile, bytes) else None)
    if orientation != 1:
        # Conversions drop the EXIF block, so only its orientation is put back.
        plain.getexif()[ExifTags.Base.Orientation] = orientation
        plain = ImageOps.exif_transpose(plain)
    return np.array(plain, order="C")


def orientation_of(file_image: Pillow.Image) -> int:
    """Return the EXIF orientation of an image of any shape, 1 to 8; 1 if it states none."""
    try:
        orientation = file_image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception as error:  # noqa: BLE001 - a photo with a damaged EXIF block is still used
        log.info("EXIF block unreadable (%s); the photo is assumed to be upright", error)
        return 1
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1


def _reduced(file_image: Pillow.Image, factor: int) -> Pillow.Image:
    """Return the image in a mode with 8-bit samples, its sides divided by a whole factor.

    A large image that needs another mode is converted band by band. A whole converted copy of it
    would double the memory.
    """
    as_it_is = file_image.mode in _RESIZED_MODES and "transparency" not in file_image.info
    if factor < 2 or as_it_is:
        return _eight_bit(file_image)
    width, height = file_image.size
    rows = factor * max(_ROWS_AT_ONCE // factor, 1)
    reduced: Pillow.Image | None = None
    for top in range(0, height, rows):
        band = file_image.crop((0, top, width, min(top + rows, height)))
        band = _flatten(_eight_bit(band)).reduce(factor)
        if reduced is None:
            reduced = Pillow.new(band.mode, (band.width, -(-height // factor)))
        reduced.paste(band, (0, top // factor))
    return reduced if reduced is not None else _eight_bit(file_image)


def _eight_bit(file_image: Pillow.Image) -> Pillow.Image:
    """Return the image in a mode with 8-bit samples that can be resized."""
    if file_image.mode.startswith("I;16") or file_image.mode == "I":
        return Pillow.fromarray(_scale_16_bit(np.asarray(file_image)))
    if file_image.mode == "F":
        raise PhotoError("its samples are floating-point numbers")
    if file_image.mode in ("P", "PA", "LA", "RGBa", "La") or "transparency" in file_image.info:
        return file_image.convert("RGBA")
    if file_image.mode in ("RGBA", *_RESIZED_MODES):
        return file_image
    return file_image.convert("RGB")  # 1, YCbCr, HSV, RGBX


def _scale_16_bit(samples: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Map 0..65535 to 0..255 with rounding; 65535 is 257 times 255."""
    scaled = np.empty(samples.shape, np.uint8)
    for top in range(0, len(samples), _ROWS_AT_ONCE):
        rows = samples[top : top + _ROWS_AT_ONCE].astype(np.int64)
        if rows.min() < 0 or rows.max() > 65535:
            raise PhotoError("its samples are 32-bit integers")
        scaled[top : top + _ROWS_AT_ONCE] = (rows + 128) // 257
    return scaled


def _flatten(file_image: Pillow.Image) -> Pillow.Image:
    if file_image.mode != "RGBA":
        return file_image
    flat = Pillow.new("RGB", file_image.size, BACKGROUND)
    flat.paste(file_image, mask=file_image.getchannel("A"))
    return flat


def _to_srgb(file_image: Pillow.Image, profile: bytes | None) -> Pillow.Image:
    if profile is None and file_image.mode == "LAB":
        source = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    elif profile is None:
        return file_image.convert("RGB")
    else:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        except (ImageCms.PyCMSError, OSError, ValueError) as error:
            log.info("colour profile unreadable (%s); colours are not converted", error)
            return file_image.convert("RGB")
    if source.profile.xcolor_space != _PROFILE_SPACES.get(file_image.mode):
        # A grey or palette image often carries the RGB profile of the image it was made from.
        file_image = file_image.convert("RGB")
        if source.profile.xcolor_space != "RGB ":
            return file_image
    try:
        converted = ImageCms.profileToProfile(
            file_image, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    except (ImageCms.PyCMSError, OSError, ValueError) as error:
        log.info("colour profile unusable (%s); colours are not converted", error)
        return file_image.convert("RGB")
    return converted if converted is not None else file_image.convert("RGB")
