"""Decoding of a query photo: any file -> upright RGB pixels, or one ``PhotoError``."""

from __future__ import annotations

import io
import logging
import os
import threading
import warnings
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import BinaryIO, Final

import numpy as np
from PIL import Image as Pillow
from PIL import UnidentifiedImageError

from vidsearch.datatypes import Image, check_array
from vidsearch.errors import InstallationError, PhotoError
from vidsearch.media.kinds import ACCEPTED, HEAD_BYTES, STILL_REMEDY, FileKind, file_kind, refusal
from vidsearch.media.motion_jpeg import JPEG, MOTION_JPEG_BYTES, is_motion_jpeg
from vidsearch.photo.damaged import (
    JPEG_END,
    damage_tolerated,
    ends_in_zeros,
    mended,
    share_before_zeros,
    share_of_jpeg,
    share_of_rows,
)
from vidsearch.photo.image_file import (
    MAX_PIXELS,
    frame_numbers,
    frame_warning,
    frame_warnings,
    load_pixels,
    most_pixels,
    open_image,
    spaced_frames,
)
from vidsearch.photo.pixels import to_upright_rgb
from vidsearch.photo.query_warning import QueryWarning, WarningCode
from vidsearch.photo.read_part import WHOLE, Part, part_read
from vidsearch.photo.sequence import sequence_frames, sequence_length
from vidsearch.photo.source import PhotoSource, error_reason, opened_photo
from vidsearch.text.printable import printable

log = logging.getLogger(__name__)

_MILLIONS = MAX_PIXELS // 1_000_000

_LINE_ENDS: Final = 16
"""Line ends of compressed data among which some are single bytes, unless they were changed."""

MAX_SIDE = 4096
"""Longer side of the returned image, pixels. A face of 1 % of it is still 40 pixels wide."""

_DAMAGED: Final = "it is damaged or cut short; copy or download it again"

# Pillow reports problems through Python's warnings. Their filters belong to the whole process, so
# one thread at a time replaces them.
_pillow_lock = threading.Lock()


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """A decoded photo.

    Attributes:
        name: Name in errors and results.
        image: (H, W, 3) uint8 RGB, upright, at most ``MAX_SIDE`` on its longer side.
        scale: Pixels of the upright file per pixel of ``image``; 1 unless the photo was shrunk.
        warnings: Parts of the file that were not used.
        part: Part of ``image`` that was read; None if the file is damaged and the part is unknown.
    """

    name: str
    image: Image
    scale: float = 1.0
    warnings: tuple[QueryWarning, ...] = ()
    part: Part | None = WHOLE

    def __post_init__(self) -> None:
        check_array("image", self.image, (None, None, 3), np.uint8)


def read_photo(source: PhotoSource, name: str | None = None) -> Image:
    """Return the pixels of a photo, (H, W, 3) uint8 RGB, upright: ``open_photo(...).image``."""
    return open_photo(source, name).image


def open_photo(source: PhotoSource, name: str | None = None) -> Photo:
    """Decode a photo as a viewer would show it.

    The EXIF orientation is applied, colours are converted to sRGB, transparent parts become white,
    and the first frame of an animation is used. A photo with a side above ``MAX_SIDE`` is shrunk
    while it is decoded. Of a camera raw file, the camera's preview is used if it is large. If the
    end of a file is missing, the pixels that are there are used, and a warning says so.

    Args:
        source: Path, or content of the file. A path may be a ``file://`` URI, and may spell letters
            with accents as another system does.
        name: Name in errors and results; default: the path, or "photo".

    Raises:
        PhotoError: The photo is missing, unreadable, empty, damaged, of a kind that is not opened,
            or has more than ``MAX_PIXELS``. The message is one line with the remedy.
    """
    with closing(photo_frames(source, name)) as frames:
        return next(frames)


def photo_frames(source: PhotoSource, name: str | None = None) -> Generator[Photo, None, None]:
    """Yield the first frame of a photo as ``open_photo``, then further frames or pages.

    A file with more than ``MAX_FRAMES`` frames gives frames at equal distances. Frames behind a
    damaged one are left out.

    Args:
        source: Path, or content of the file.
        name: Name in errors and results; default: the path, or "photo".

    Raises:
        PhotoError: The first frame cannot be read; see ``open_photo``.
    """
    if name is None:
        name = "photo" if isinstance(source, bytes) else os.fspath(source)
    label = f"photo '{printable(name)}'"
    with opened_photo(source, label) as file:
        head = file.read(HEAD_BYTES)
        if not head:
            raise PhotoError(f"{label} is empty (0 bytes); copy or download it again")
        refused = refusal(head)
        if refused is not None:
            kind, remedy = refused
            raise PhotoError(f"{label} is {kind}; {remedy}")
        if head.startswith(JPEG):
            file.seek(0)
            content = file.read(MOTION_JPEG_BYTES)
            if is_motion_jpeg(content):
                raise PhotoError(f"{label} is a motion JPEG video; {STILL_REMEDY}")
            if content.count(b"\n") == content.count(b"\r\n") > _LINE_ENDS:
                raise PhotoError(
                    f"{label} was changed by a transfer as text (every line end has two bytes); "
                    "copy it again as binary data"
                )
        yield from _frames(file, file_kind(head), name, label)


def _frames(
    file: BinaryIO, kind: FileKind | None, name: str, label: str
) -> Generator[Photo, None, None]:
    numbers: list[int] = []
    failure: Exception | None = None
    try:
        with _quiet():
            image, extra = open_image(file, kind, label)
            numbers = frame_numbers(image)
            first = _pixels(image, name, label, extra)
            position = file.tell()  # an animation continues there
            if ends_in_zeros(file):
                first = _with_zeros(first, file, image, label)
            file.seek(position)
    except (PhotoError, InstallationError):
        raise
    except Exception as error:  # noqa: BLE001 - decoders raise almost any exception
        failure = error
    if failure is not None and kind is not None and kind.name == "HEIF sequence":
        yield from _sequence(file, name, label)
        return
    if failure is not None:
        first, numbers = _damaged(file, kind, name, label, failure), []
    yield first
    for number in numbers[1:]:
        try:
            with _quiet():
                image.seek(number)
                frame = _pixels(image, name, label, ())
        except Exception as error:  # noqa: BLE001 - decoders raise almost any exception
            log.info("%s: frame %d cannot be decoded (%s)", label, number + 1, error)
            return
        yield frame


def _sequence(file: BinaryIO, name: str, label: str) -> Generator[Photo, None, None]:
    try:
        frames = sequence_length(file, MAX_PIXELS)
        for number, image in sequence_frames(file, spaced_frames(frames)):
            upright = to_upright_rgb(Pillow.fromarray(image), MAX_SIDE)
            scale = max(image.shape[:2]) / max(upright.shape[:2])
            yield Photo(name, upright, scale, frame_warning(number, frames))
    except PhotoError as error:
        raise PhotoError(f"{label} cannot be decoded ({error}): {_DAMAGED}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    with _pillow_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _damaged(
    file: BinaryIO, kind: FileKind | None, name: str, label: str, error: Exception
) -> Photo:
    """Return the readable part of a damaged photo.

    Raises:
        PhotoError: Nothing can be read, or the file is no photo.
    """
    unknown = kind is None and isinstance(error, UnidentifiedImageError)
    if unknown or isinstance(error, MemoryError | Pillow.DecompressionBombError):
        raise _photo_error(error, file, label) from error
    file.seek(0)
    content = file.read()
    readable = mended(content, MAX_PIXELS)
    try:
        with _quiet(), damage_tolerated():
            image, extra = open_image(io.BytesIO(readable.content), kind, label)
            photo = _pixels(image, name, label, extra)
            share = readable.share
            if image.format in ("JPEG", "MPO"):
                share = share_of_jpeg(content, image, _decoded_jpeg)
            share = share if share is not None else share_of_rows(image)
            if image.format == "JPEG2000" and share:
                share = 1.0  # its decoder returns all pixels or none
    except Exception:  # noqa: BLE001
        raise _photo_error(error, file, label) from error
    if not share:
        raise _photo_error(error, file, label) from error
    if share == 1 and not readable.faults:
        return photo
    fields = {"share": share, "trusted": readable.trusted}
    return _with_damage(photo, label, fields, content, image)


def _with_zeros(photo: Photo, file: BinaryIO, image: Pillow.Image, label: str) -> Photo:
    """Return a photo with a warning if zero bytes stand for the end of its picture."""
    file.seek(0)
    content = file.read()
    if image.format in ("JPEG", "MPO") and not content.rstrip(b"\0").endswith(JPEG_END):
        with damage_tolerated():
            share = share_of_jpeg(content, image, _decoded_jpeg)
    else:
        share = share_before_zeros(content)
    return _with_damage(photo, label, {"share": share}, content, image) if share < 1 else photo


def _decoded_jpeg(content: bytes) -> Pillow.Image:
    image = Pillow.open(io.BytesIO(content), formats=["JPEG"])
    load_pixels(image, MAX_SIDE)
    return image


def _with_damage(
    photo: Photo, label: str, fields: dict[str, float], content: bytes, image: Pillow.Image
) -> Photo:
    """Return a photo with a warning about its damage, and with the part that was read.

    Args:
        photo: The photo.
        label: Its name in errors.
        fields: Fields of the warning.
        content: The file.
        image: The decoded file, of any shape.
    """
    share = fields["share"]
    if share < 1 and "progressive" in image.info:
        fields = {**fields, "less_detail": True}
    height, width = photo.image.shape[:2]
    part = part_read(share, content, image, (width, height))
    if share < 1 and not fields.get("trusted", True):
        part = None  # pixels before the missing ones may be wrong too
    warning = QueryWarning(WarningCode.PHOTO_DAMAGED, fields)
    log.info("%s: %s %s", label, warning.code, dict(warning.fields))
    return replace(photo, warnings=(*photo.warnings, warning), part=part)


def _photo_error(error: Exception, file: BinaryIO, label: str) -> PhotoError:
    """Return the error of a file of which no pixel can be used."""
    if isinstance(error, UnidentifiedImageError):
        if _only_zeros(file):
            return PhotoError(f"{label} holds zero bytes only; copy or download it again")
        return PhotoError(f"{label} is not an image in a known format; pass a {ACCEPTED} file")
    if isinstance(error, Pillow.DecompressionBombError):
        # Pillow checks its own, higher limit before the size is known here.
        return PhotoError(
            f"{label} has far more than the {_MILLIONS} million pixels that are decoded; "
            "save a smaller copy"
        )
    if isinstance(error, MemoryError):
        return PhotoError(f"{label} needs more memory than there is; save a smaller copy")
    # Decoders raise almost any exception on hostile bytes; the remedy is the same.
    return PhotoError(f"{label} cannot be decoded ({error_reason(error)}): {_DAMAGED}")


def _only_zeros(file: BinaryIO) -> bool:
    file.seek(0)
    return not any(any(block) for block in iter(lambda: file.read(1 << 20), b""))


def _pixels(image: Pillow.Image, name: str, label: str, extra: tuple[QueryWarning, ...]) -> Photo:
    width, height = image.size
    most = most_pixels(image)
    if width * height > most:
        raise PhotoError(
            f"{label} has {width} x {height} pixels; at most {most // 1_000_000} million are "
            "decoded; save a smaller copy"
        )
    if width < 1 or height < 1:
        raise PhotoError(f"{label} has no pixels ({width} x {height}); pass another photo")
    found = (*frame_warnings(image), *extra)
    for warning in found:
        log.info("%s: %s %s", label, warning.code, dict(warning.fields))
    load_pixels(image, MAX_SIDE)
    try:
        upright = to_upright_rgb(image, MAX_SIDE)
    except PhotoError as error:
        raise PhotoError(f"{label} cannot be converted: {error}; save it as 8-bit PNG") from error
    scale = max(width, height) / max(upright.shape[:2])
    damaged = any(warning.code is WarningCode.PHOTO_DAMAGED for warning in found)
    return Photo(name, upright, scale, found, None if damaged else WHOLE)
