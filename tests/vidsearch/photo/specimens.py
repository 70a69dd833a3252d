"""Photo files of every accepted format, made from blocks of colour."""

from __future__ import annotations

import functools
import io
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageCms

from tests.inputs.photo_files import dng, heic
from vidsearch.datatypes import Image

BLOCK = 16


def blocks(rows: int = 3, columns: int = 4, seed: int = 0) -> Image:
    """Return an image of flat coloured squares, whose middles survive lossy formats."""
    colours = np.random.default_rng(seed).integers(0, 256, (rows, columns, 3), dtype=np.uint8)
    return np.kron(colours, np.ones((BLOCK, BLOCK, 1), np.uint8))


def middles(image: Image) -> Image:
    """Return the colour in the middle of every square."""
    return image[BLOCK // 2 :: BLOCK, BLOCK // 2 :: BLOCK]


def encoded(picture: Pillow.Image | NDArray[Any], form: str, **options: Any) -> bytes:
    """Return the content of a file."""
    file = io.BytesIO()
    # A copy, because saving changes the encoder settings of an image.
    image = picture.copy() if isinstance(picture, Pillow.Image) else Pillow.fromarray(picture)
    image.save(file, form, **options)
    return file.getvalue()


def turned(image: Image, form: str, orientation: int) -> bytes:
    """Return a file that states an EXIF orientation."""
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    return encoded(image, form, exif=exif)


def srgb_profile() -> bytes:
    """Return an ICC profile that changes nothing."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@functools.cache
def specimens() -> dict[str, bytes]:
    """Return small files of many kinds, for mutation."""
    image = blocks(2, 2)
    rgb = Pillow.fromarray(image)
    rgba = rgb.convert("RGBA")
    rgba.putalpha(rgb.convert("L"))
    wide = np.linspace(0, 65535, 24 * 32).astype(np.uint16).reshape(24, 32)
    files = {form: encoded(rgb, form) for form in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "PPM")}
    files |= {f"turned {form}": turned(image, form, 6) for form in ("JPEG", "PNG", "WEBP", "TIFF")}
    files |= {
        f"animated {form}": encoded(rgb, form, save_all=True, append_images=[rgb.rotate(90)])
        for form in ("GIF", "PNG", "WEBP", "MPO", "TIFF")
    }
    files |= {f"16-bit {form}": encoded(wide, form) for form in ("PNG", "TIFF", "PPM")}
    files |= {
        f"TIFF {method}": encoded(rgb, "TIFF", compression=method)
        for method in ("tiff_lzw", "tiff_adobe_deflate", "jpeg")
    }
    return files | {
        "AVIF": encoded(rgb, "AVIF"),
        "HEIC": heic(image, 6),
        "camera raw": dng(image),
        "camera raw with a preview": dng(image, preview_side=16),
        "fax TIFF": encoded(rgb.convert("1"), "TIFF", compression="group4"),
        "CMYK JPEG": encoded(rgb.convert("CMYK"), "JPEG", icc_profile=srgb_profile()),
        "progressive JPEG": encoded(rgb, "JPEG", progressive=True, icc_profile=srgb_profile()),
        "RGBA PNG": encoded(rgba, "PNG", icc_profile=srgb_profile()),
        "palette PNG": encoded(rgb.convert("P"), "PNG", transparency=b"\0" * 9),
        "grey PNG with a colour key": encoded(rgb.convert("L"), "PNG", transparency=3),
        "bilevel PNG": encoded(rgb.convert("1"), "PNG"),
        "float TIFF": encoded(rgb.convert("F"), "TIFF"),
    }


# Lossy formats: largest error in the middle of a flat square.
TOLERANCE = {"JPEG": 4, "WEBP": 6, "AVIF": 6}


def png(width: int, height: int, *, depth: int, colour: int, data: bytes) -> bytes:
    """Return a PNG from its header and its unpacked rows, filter bytes included."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(data))
        + chunk(b"IEND", b"")
    )
