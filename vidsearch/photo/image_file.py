"""Opening of image files by the library that decodes their format."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import BinaryIO, Final, Literal

import numpy as np
from PIL import Image as Pillow
from PIL import UnidentifiedImageError

from vidsearch.errors import PhotoError
from vidsearch.libraries import needed
from vidsearch.media.kinds import OPENED_FORMATS, FileKind
from vidsearch.photo.camera_raw import NotRawError, may_be_raw, read_raw
from vidsearch.photo.query_warning import QueryWarning, WarningCode

MAX_PIXELS: Final = 100_000_000
"""Most pixels of a photo that is decoded. The header states them, so rejection is cheap."""

_MAX_WEBP_PIXELS: Final = 50_000_000
"""Most pixels of a WebP photo. Its decoder takes 16 bytes a pixel, the others take 4 at most."""

MAX_FRAMES: Final = 16
"""Most frames or pages of one file that are decoded to find a face."""

_LAST_FRAME: Final = 400
"""Frames behind this one are not decoded: each needs all frames before it."""


def open_image(
    file: BinaryIO, kind: FileKind | None, label: str
) -> tuple[Pillow.Image, tuple[QueryWarning, ...]]:
    """Return the opened image of any shape, and warnings about parts that cannot be used.

    Args:
        file: The file, at any position.
        kind: Format by the first bytes.
        label: Name of the photo in errors.

    Raises:
        PhotoError: A camera raw file cannot be read.
        Exception: Any error of the library on a damaged file.
    """
    file.seek(0)
    if kind is not None and kind.decoder == "libheif":
        with needed("pillow_heif"):
            from pillow_heif import HeifImageFile

        # Without an entry in Pillow's registry, other parts of a program see no new format.
        return HeifImageFile(file), ()  # type: ignore[no-untyped-call]
    if kind is not None and kind.decoder == "libraw":
        try:
            return _camera_raw(file, label)
        except NotRawError as error:
            raise _raw_error(label, error) from error
    is_tiff = kind is not None and kind.name == "TIFF"
    try:
        image = Pillow.open(file, formats=OPENED_FORMATS)
    except UnidentifiedImageError as error:
        if not is_tiff:
            raise
        with suppress(NotRawError, PhotoError):
            return _camera_raw(file, label)
        raise PhotoError(
            f"{label} is a TIFF or camera raw file that cannot be read: it is damaged or cut "
            "short; copy or download it again"
        ) from error
    if may_be_raw(image):
        with suppress(NotRawError):
            return _camera_raw(file, label)
        file.seek(0)
        image = Pillow.open(file, formats=OPENED_FORMATS)
    return image, ()


def _camera_raw(file: BinaryIO, label: str) -> tuple[Pillow.Image, tuple[QueryWarning, ...]]:
    file.seek(0)
    try:
        with _quiet_stderr():
            picture = read_raw(file, MAX_PIXELS)
    except PhotoError as error:
        raise _raw_error(label, error) from error
    width, height = picture.image.size
    warnings: tuple[QueryWarning, ...] = ()
    if picture.preview_only:
        warnings = (QueryWarning(WarningCode.PREVIEW_USED, {"width": width, "height": height}),)
    elif picture.share < 1:
        warnings = (QueryWarning(WarningCode.PHOTO_DAMAGED, {"share": picture.share}),)
    return picture.image, warnings


def _raw_error(label: str, error: Exception) -> PhotoError:
    return PhotoError(
        f"{label} is a camera raw file that cannot be read ({error}); copy it again, or export it "
        "as JPEG"
    )


def most_pixels(image: Pillow.Image) -> int:
    """Return the most pixels that are decoded of an opened image of any shape, by its format."""
    return _MAX_WEBP_PIXELS if image.format == "WEBP" else MAX_PIXELS


def load_pixels(image: Pillow.Image, longest: int) -> None:
    """Decode the frame of an opened image of any shape; shrink JPEG files on the way.

    Args:
        image: The opened file.
        longest: Longer side that is needed, pixels.
    """
    if image.format in ("JPEG", "MPO"):
        # Shrinking by 2, 4 or 8 in the decoder takes less time and memory than full decoding.
        width, height = image.size
        halvings = 1
        while halvings < 8 and max(width, height) >= 2 * halvings * longest:
            halvings *= 2
        image.draft(image.mode, (width // halvings, height // halvings))
    with _quiet_stderr() if image.format == "TIFF" else nullcontext():
        image.load()


def frame_numbers(image: Pillow.Image) -> list[int]:
    """Return the numbers of the frames to decode, from 0; the first is the current one.

    Args:
        image: Opened image of any shape.
    """
    if image.format == "MPO":  # a phone's second view, not an animation
        return [image.tell()]
    current = image.tell()
    spaced = spaced_frames(getattr(image, "n_frames", 1))
    return [current, *(number for number in spaced if number != current)]


def spaced_frames(frames: int) -> list[int]:
    """Return the numbers of at most ``MAX_FRAMES`` frames at equal distances, from 0."""
    last = min(frames, _LAST_FRAME) - 1
    numbers = np.linspace(0, last, min(last + 1, MAX_FRAMES))
    return [round(number) for number in numbers.tolist()]


def frame_warnings(image: Pillow.Image) -> tuple[QueryWarning, ...]:
    """Return a warning if a file has other frames or pages than the current one.

    Args:
        image: Opened image of any shape.
    """
    frames = getattr(image, "n_frames", 1)
    if image.format == "MPO":
        return ()
    return frame_warning(image.tell(), frames, "page" if image.format == "TIFF" else "frame")


def frame_warning(
    number: int, frames: int, unit: Literal["frame", "page"] = "frame"
) -> tuple[QueryWarning, ...]:
    """Return a warning that one of several frames or pages is used.

    Args:
        number: Number of the frame, from 0.
        frames: Number of frames.
        unit: Name of a frame.
    """
    if frames == 1:
        return ()
    if not number:
        code = WarningCode.PAGES_IGNORED if unit == "page" else WarningCode.FRAMES_IGNORED
        return (QueryWarning(code, {f"{unit}s": frames}),)
    code = WarningCode.PAGE_USED if unit == "page" else WarningCode.FRAME_USED
    return (QueryWarning(code, {unit: number + 1, f"{unit}s": frames}),)


@contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Silence libtiff and LibRaw, which print to file descriptor 2; exceptions say the same."""
    try:
        stderr = os.dup(2)
    except OSError:  # the process has no standard error
        yield
        return
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
