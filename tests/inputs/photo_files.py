"""Photo files of many kinds, made from an image: encodings, animations, HEIC, camera raw."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from PIL import Image as Pillow

from vidsearch.datatypes import Image


def encoded(image: Image, form: str, orientation: int = 1, **options: Any) -> bytes:
    """Return an image file of Pillow's format ``form``."""
    if orientation != 1:
        exif = Pillow.Exif()
        exif[0x0112] = orientation
        options["exif"] = exif
    file = io.BytesIO()
    Pillow.fromarray(image).save(file, form, **options)
    return file.getvalue()


def heic(image: Image, orientation: int = 1, further: Sequence[Image] = ()) -> bytes:
    """Return a HEIC file; ``further`` images follow the primary one."""
    from pillow_heif import HeifFile

    stored = HeifFile()  # type: ignore[no-untyped-call]
    for picture in (image, *further):
        stored.add_frombytes("RGB", picture.shape[1::-1], np.ascontiguousarray(picture).tobytes())
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    stored.save(file, quality=90, exif=exif.tobytes())
    return file.getvalue()


def write_heif_sequence(path: Path, frames: Sequence[Image]) -> None:
    """Write frames under the brand of an image sequence, without a still image."""
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx265", rate=10)
        stream.width, stream.height = frames[0].shape[1], frames[0].shape[0]
        stream.options = {"x265-params": "log-level=none", "crf": "12"}
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    content = bytearray(path.read_bytes())
    content[8:12] = b"hevc"
    content[content.index(b"vide") :][:4] = b"pict"
    path.write_bytes(bytes(content))


def animation(frames: Sequence[Image], form: str, **options: Any) -> bytes:
    """Return an animation, or the pages of a TIFF file."""
    if form == "WEBP":
        options.setdefault("quality", 90)
    others = [Pillow.fromarray(frame) for frame in frames[1:]]
    return encoded(frames[0], form, save_all=True, append_images=others, **options)


def black(image: Image) -> Image:
    """Return a black image of the same size."""
    return np.zeros_like(image)


def dng(image: Image, *, preview_side: int = 0, turned: int = 1) -> bytes:
    """Return a camera raw file in Adobe's format, with a Bayer sensor of the image's size.

    Args:
        image: (H, W, 3) uint8 RGB, H and W even.
        preview_side: Longer side of the embedded JPEG preview; 0: no preview.
        turned: EXIF orientation.
    """
    height, width = image.shape[:2]
    light = (image.astype(np.float64) / 255) ** 2.2
    sensor = np.empty((height, width), np.float64)
    sensor[::2, ::2] = light[::2, ::2, 0]
    sensor[::2, 1::2] = light[::2, 1::2, 1]
    sensor[1::2, ::2] = light[1::2, ::2, 1]
    sensor[1::2, 1::2] = light[1::2, 1::2, 2]
    samples = (sensor * 60_000).astype("<u2").tobytes()
    raw: _Tags = {
        254: ("I", [0]),
        256: ("I", [width]),
        257: ("I", [height]),
        258: ("H", [16]),
        259: ("H", [1]),
        262: ("H", [32803]),
        277: ("H", [1]),
        278: ("I", [height]),
        33421: ("H", [2, 2]),
        33422: ("B", [0, 1, 1, 2]),
        50717: ("I", [60_000]),
    }
    camera: _Tags = {
        271: ("s", b"Vidsearch\0"),
        272: ("s", b"Test camera\0"),
        274: ("H", [turned]),
        50706: ("B", [1, 4, 0, 0]),
        50708: ("s", b"Vidsearch Test camera\0"),
        # XYZ to camera for an sRGB sensor, and the colour of white.
        50721: ("r", [3.2406, -1.5372, -0.4986, -0.9689, 1.8758, 0.0415, 0.0557, -0.204, 1.057]),
        50728: ("R", [1.0, 1.0, 1.0]),
        50778: ("H", [21]),
    }
    if not preview_side:
        return _tiff(raw | camera, samples)
    scale = preview_side / max(width, height)
    small = np.asarray(
        cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8
    )
    preview: _Tags = {
        254: ("I", [1]),
        256: ("I", [small.shape[1]]),
        257: ("I", [small.shape[0]]),
        258: ("H", [8, 8, 8]),
        259: ("H", [7]),
        262: ("H", [6]),
        277: ("H", [3]),
        278: ("I", [small.shape[0]]),
    }
    return _tiff(preview | camera, encoded(small, "JPEG", quality=90), raw, samples)


_Tags = dict[int, tuple[str, Any]]
_CODES = {"B": 1, "s": 2, "H": 3, "I": 4, "R": 5, "r": 10}


def _tiff(
    tags: _Tags, pixels: bytes, sub_tags: _Tags | None = None, sub_pixels: bytes = b""
) -> bytes:
    """Return a little-endian TIFF structure of one image, or of one with another below it.

    As in cameras' files, the pixels of the last image are at the end.
    """
    length = 0
    for _ in range(2):  # the second time, the length of the first part is known
        content = bytearray(b"II*\0" + bytes(4))
        above = {279: ("I", [len(pixels)])}
        if sub_tags is None:
            above[273] = ("I", [length])
        else:
            above[273] = ("I", [_append(content, pixels)])
            below: _Tags = {273: ("I", [length]), 279: ("I", [len(sub_pixels)])}
            above[330] = ("I", [_append_folder(content, sub_tags | below)])
        content[4:8] = struct.pack("<I", _append_folder(content, tags | above))
        length = len(content)
    return bytes(content) + (pixels if sub_tags is None else sub_pixels)


def _append(content: bytearray, part: bytes) -> int:
    """Append a part at an even offset, and return the offset."""
    content.extend(bytes(len(content) % 2))
    content.extend(part)
    return len(content) - len(part)


def _append_folder(content: bytearray, tags: _Tags) -> int:
    entries = b""
    for tag in sorted(tags):
        code, value = tags[tag]
        packed, count = _packed(code, value)
        if len(packed) > 4:
            packed = struct.pack("<I", _append(content, packed))
        entries += struct.pack("<HHI", tag, _CODES[code], count) + packed.ljust(4, b"\0")
    return _append(content, struct.pack("<H", len(tags)) + entries + bytes(4))


def _packed(code: str, value: Any) -> tuple[bytes, int]:
    if code == "s":
        return value, len(value)
    if code in "Rr":
        numbers = [part for number in value for part in (round(number * 10_000), 10_000)]
        return struct.pack(f"<{len(numbers)}{'i' if code == 'r' else 'I'}", *numbers), len(value)
    return struct.pack(f"<{len(value)}{code}", *value), len(value)
