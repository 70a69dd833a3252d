"""Camera raw photos: the preview that the camera made, or a picture developed from the sensor.

The preview is preferred: it has the camera's colours and is read in milliseconds. LibRaw, through
rawpy, finds it in the files of about 1000 cameras. A search for JPEG markers in the file, without
LibRaw, would read no file without a large preview, and no developed picture.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final

from PIL import ExifTags, TiffImagePlugin
from PIL import Image as Pillow

from vidsearch.errors import PhotoError
from vidsearch.libraries import needed
from vidsearch.photo.damaged import share_of_rows

if TYPE_CHECKING:
    import rawpy

LARGE_PREVIEW: Final = 1600
"""Least longer side, pixels, of a preview that is used instead of a developed picture."""

_HALF_FROM: Final = 3200
"""Longer side, pixels, from which a picture is developed at half the size: four times faster."""

_TURNS: Final = {3: 3, 5: 8, 6: 6}
"""EXIF orientation of LibRaw's values of ``flip``."""

_NEW_SUBFILE_TYPE, _COMPRESSION, _SUB_FOLDERS, _DNG_VERSION = 254, 259, 330, 50706
_REDUCED: Final = 1
_FIRST_OF_VENDORS: Final = 32767


class NotRawError(Exception):
    """LibRaw does not know the file, so it may be a TIFF image of another program."""


@dataclass(frozen=True, slots=True, eq=False)
class RawPicture:
    """Picture of a camera raw file.

    Attributes:
        image: Picture with its EXIF orientation.
        preview_only: True if only a small preview could be read, because the file is damaged.
        share: Share of the rows of a developed picture that the file holds.
    """

    image: Pillow.Image
    preview_only: bool = False
    share: float = 1.0


def may_be_raw(image: Pillow.Image) -> bool:
    """Return True if a file that Pillow takes for a TIFF image may be a camera raw file.

    In most raw files the first image of the TIFF structure is a small preview.

    Args:
        image: Opened image of any shape.
    """
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return False
    tags = image.tag_v2
    return bool(
        _DNG_VERSION in tags
        or _SUB_FOLDERS in tags
        or tags.get(_NEW_SUBFILE_TYPE, 0) & _REDUCED
        or tags.get(_COMPRESSION, 1) >= _FIRST_OF_VENDORS
    )


def read_raw(file: BinaryIO, max_pixels: int) -> RawPicture:
    """Return the picture of a camera raw file.

    Args:
        file: The file, from its start.
        max_pixels: Most pixels of the sensor.

    Raises:
        NotRawError: LibRaw does not know the file.
        PhotoError: The file is damaged, or too large. The message is the reason alone.
    """
    with needed("rawpy"):
        import rawpy

    try:
        with rawpy.imread(file) as raw:
            return _picture(raw, max_pixels)
    except rawpy.LibRawFileUnsupportedError as error:
        raise NotRawError(_reason(error)) from error
    except rawpy.LibRawError as error:
        raise PhotoError(_reason(error)) from error


def _picture(raw: rawpy.RawPy, max_pixels: int) -> RawPicture:
    import rawpy

    sides = raw.sizes.width, raw.sizes.height
    if sides[0] * sides[1] > max_pixels:
        raise PhotoError(f"it has {sides[0]} x {sides[1]} pixels")
    orientation = _TURNS.get(raw.sizes.flip, 1)  # developing resets it
    preview = _preview(raw, orientation)
    if preview is not None and max(preview.size) >= min(LARGE_PREVIEW, max(sides)):
        return RawPicture(preview)
    try:
        developed = raw.postprocess(
            use_camera_wb=True, half_size=max(sides) >= _HALF_FROM, output_bps=8, user_flip=0
        )
    except rawpy.LibRawError:
        if preview is None:
            raise
        return RawPicture(preview, preview_only=True)
    image = Pillow.fromarray(developed)
    share = share_of_rows(image)  # LibRaw reads a missing end as black
    if not share:
        raise PhotoError("it holds no picture")
    return RawPicture(_turned(image, orientation), share=share)


def _preview(raw: rawpy.RawPy, orientation: int) -> Pillow.Image | None:
    import rawpy

    try:
        thumbnail = raw.extract_thumb()
    except rawpy.LibRawError:
        return None
    if thumbnail.format != rawpy.ThumbFormat.JPEG:
        return None
    try:
        image = Pillow.open(io.BytesIO(bytes(thumbnail.data)), formats=["JPEG"])
        image.load()
    except (OSError, SyntaxError, Pillow.DecompressionBombError):
        return None
    return _turned(image, orientation)


def _turned(image: Pillow.Image, orientation: int) -> Pillow.Image:
    """Return the image with the orientation of the camera, unless its own EXIF block has one."""
    exif = image.getexif()
    if exif.get(ExifTags.Base.Orientation, 1) == 1:
        exif[ExifTags.Base.Orientation] = orientation
    return image


def _reason(error: Exception) -> str:
    text = error.args[0] if error.args else ""
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
