"""Decoding of a query photo: any file -> upright RGB pixels, or one ``PhotoError``."""

from __future__ import annotations

import io
import logging
import os
import stat
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeAlias

import numpy as np
from PIL import Image as Pillow
from PIL import UnidentifiedImageError

from vidsearch.datatypes import Image, check_array
from vidsearch.errors import PhotoError
from vidsearch.media.kinds import ACCEPTED, HEAD_BYTES, OPENED_FORMATS, refusal
from vidsearch.photo.pixels import to_upright_rgb
from vidsearch.photo.query_warning import QueryWarning, WarningCode
from vidsearch.text.printable import printable

log = logging.getLogger(__name__)

PhotoSource: TypeAlias = str | os.PathLike[str] | bytes

MAX_PIXELS = 100_000_000
"""Most pixels of a photo that is decoded. The header states them, so rejection is cheap."""

_MILLIONS = MAX_PIXELS // 1_000_000

MAX_SIDE = 4096
"""Longer side of the returned image, pixels. A face of 1 % of it is still 40 pixels wide."""

# Pillow reports problems through Python's warnings. Their filters belong to the whole process, so
# one thread at a time replaces them.
_warnings_lock = threading.Lock()


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """A decoded photo.

    Attributes:
        name: Name in errors and results.
        image: (H, W, 3) uint8 RGB, upright, at most ``MAX_SIDE`` on its longer side.
        scale: Pixels of the upright file per pixel of ``image``; 1 unless the photo was shrunk.
        warnings: Parts of the file that were not used.
    """

    name: str
    image: Image
    scale: float = 1.0
    warnings: tuple[QueryWarning, ...] = ()

    def __post_init__(self) -> None:
        check_array("image", self.image, (None, None, 3), np.uint8)


def read_photo(source: PhotoSource, name: str | None = None) -> Image:
    """Return the pixels of a photo, (H, W, 3) uint8 RGB, upright: ``open_photo(...).image``."""
    return open_photo(source, name).image


def open_photo(source: PhotoSource, name: str | None = None) -> Photo:
    """Decode a photo as a viewer would show it.

    The EXIF orientation is applied, colours are converted to sRGB, transparent parts become white,
    and the first frame of an animation is used. A photo with a side above ``MAX_SIDE`` is shrunk
    while it is decoded.

    Args:
        source: Path, or content of the file.
        name: Name in errors and results; default: the path, or "photo".

    Raises:
        PhotoError: The photo is missing, unreadable, empty, damaged, of a kind that is not opened,
            or has more than ``MAX_PIXELS``. The message is one line with the remedy.
    """
    if name is None:
        name = "photo" if isinstance(source, bytes) else os.fspath(source)
    label = f"photo '{printable(name)}'"
    with _opened(source, label) as file:
        head = file.read(HEAD_BYTES)
        if not head:
            raise PhotoError(f"{label} is empty (0 bytes); copy or download it again")
        refused = refusal(head)
        if refused is not None:
            kind, remedy = refused
            raise PhotoError(f"{label} is {kind}; {remedy}")
        file.seek(0)
        with _warnings_lock, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _decode(file, name, label)


@contextmanager
def _opened(source: PhotoSource, label: str) -> Iterator[BinaryIO]:
    if isinstance(source, bytes):
        yield io.BytesIO(source)
        return
    path = Path(source)
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise PhotoError(f"{label} does not exist; check the path") from None
    except (OSError, ValueError) as error:
        raise PhotoError(f"{label} cannot be reached: {_reason(error)}; check the path") from error
    if stat.S_ISDIR(mode):
        raise PhotoError(f"{label} is a folder; name the photos in it")
    if not stat.S_ISREG(mode):
        # Reading a pipe may block, and a device may be endless.
        raise PhotoError(f"{label} is not a regular file; save the photo to a file first")
    try:
        file = path.open("rb")
    except OSError as error:
        raise PhotoError(
            f"{label} cannot be opened: {_reason(error)}; check its permissions"
        ) from error
    with file:
        yield file


def _decode(file: BinaryIO, name: str, label: str) -> Photo:
    damaged = "it is damaged or cut short; copy or download it again"
    try:
        with Pillow.open(file, formats=OPENED_FORMATS) as file_image:
            return _pixels(file_image, name, label)
    except PhotoError:
        raise
    except UnidentifiedImageError as error:
        raise PhotoError(
            f"{label} is not an image in a known format; pass a {ACCEPTED} file"
        ) from error
    except Pillow.DecompressionBombError as error:
        # Pillow checks its own, higher limit before the size is known here.
        raise PhotoError(
            f"{label} has far more than the {_MILLIONS} million pixels that are decoded; "
            "save a smaller copy"
        ) from error
    except MemoryError as error:
        raise PhotoError(f"{label} needs more memory than there is; save a smaller copy") from error
    except Exception as error:
        # Decoders raise almost any exception on hostile bytes; the remedy is the same.
        raise PhotoError(f"{label} cannot be decoded ({_reason(error)}): {damaged}") from error


def _pixels(file_image: Pillow.Image, name: str, label: str) -> Photo:
    width, height = file_image.size
    if width * height > MAX_PIXELS:
        raise PhotoError(
            f"{label} has {width} x {height} pixels; at most {_MILLIONS} million are decoded; "
            "save a smaller copy"
        )
    if width < 1 or height < 1:
        raise PhotoError(f"{label} has no pixels ({width} x {height}); pass another photo")
    warnings_found = _warnings(file_image)
    for warning in warnings_found:
        log.info("%s: %s %s", label, warning.code, dict(warning.fields))
    if file_image.format in ("JPEG", "MPO"):
        # Shrinking by 2, 4 or 8 in the decoder takes less time and memory than full decoding.
        halvings = 1
        while halvings < 8 and max(width, height) >= 2 * halvings * MAX_SIDE:
            halvings *= 2
        file_image.draft(file_image.mode, (width // halvings, height // halvings))
    with _quiet_stderr() if file_image.format == "TIFF" else nullcontext():
        file_image.load()
    try:
        image = to_upright_rgb(file_image, MAX_SIDE)
    except PhotoError as error:
        raise PhotoError(f"{label} cannot be converted: {error}; save it as 8-bit PNG") from error
    return Photo(name, image, max(width, height) / max(image.shape[:2]), warnings_found)


@contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Silence libtiff, which prints to file descriptor 2; the exception says the same."""
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


def _warnings(file_image: Pillow.Image) -> tuple[QueryWarning, ...]:
    frames = getattr(file_image, "n_frames", 1)
    if frames > 1 and file_image.format == "TIFF":
        return (QueryWarning(WarningCode.PAGES_IGNORED, {"pages": frames}),)
    if frames > 1 and file_image.format != "MPO":  # MPO: a phone's second view, not an animation
        return (QueryWarning(WarningCode.FRAMES_IGNORED, {"frames": frames}),)
    return ()


def _reason(error: BaseException) -> str:
    """Return an exception's message on one line, without the path, which the caller adds."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return printable(text) if text else type(error).__name__
