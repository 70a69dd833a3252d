"""Reading a query photo: any file may come in, only pixels or one clear error come out."""

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
from vidsearch.text.printable import printable

log = logging.getLogger(__name__)

PhotoSource: TypeAlias = str | os.PathLike[str] | bytes

MAX_PIXELS = 100_000_000
"""Largest photo that is decoded. The header states the size, so a larger one costs nothing."""

_MILLIONS = MAX_PIXELS // 1_000_000

MAX_SIDE = 4096
"""Longer side of what is returned: a face of 1 % of it is still 40 pixels wide."""

# Pillow reports trouble through Python's warnings, whose filters belong to the whole process:
# one thread at a time may lay them aside.
_warnings_lock = threading.Lock()


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """A photo that was read.

    Attributes:
        name: As errors and results name it.
        image: (H, W, 3) uint8 RGB, upright, at most ``MAX_SIDE`` on its longer side.
        scale: Pixels of the upright file for one pixel of ``image``; 1 unless it was shrunk.
        notes: What a user should know about how it was read, one sentence each.
    """

    name: str
    image: Image
    scale: float = 1.0
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_array("image", self.image, (None, None, 3), np.uint8)


def read_photo(source: PhotoSource, name: str | None = None) -> Image:
    """Return the pixels of a photo, (H, W, 3) uint8 RGB, upright: ``open_photo(...).image``."""
    return open_photo(source, name).image


def open_photo(source: PhotoSource, name: str | None = None) -> Photo:
    """Read a photo as a viewer would show it.

    The orientation in its EXIF block is applied, its colours are carried to sRGB, transparent parts
    become white, and of an animation the first frame is taken. A photo with a side beyond
    ``MAX_SIDE`` is shrunk while it is read.

    Args:
        source: A path, or the content of the file.
        name: What to call it in errors and results; default: the path, or "photo".

    Raises:
        PhotoError: Missing, unreadable, empty, damaged, of a kind that is not opened, or larger
            than ``MAX_PIXELS``. One line that names the file and the remedy.
    """
    if name is None:
        name = "photo" if isinstance(source, bytes) else os.fspath(source)
    shown = f"photo '{printable(name)}'"
    with _opened(source, shown) as file:
        head = file.read(HEAD_BYTES)
        if not head:
            raise PhotoError(f"{shown} is empty (0 bytes); copy or download it again")
        refused = refusal(head)
        if refused is not None:
            kind, remedy = refused
            raise PhotoError(f"{shown} is {kind}; {remedy}")
        file.seek(0)
        with _warnings_lock, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _decode(file, name, shown)


@contextmanager
def _opened(source: PhotoSource, shown: str) -> Iterator[BinaryIO]:
    if isinstance(source, bytes):
        yield io.BytesIO(source)
        return
    path = Path(source)
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise PhotoError(f"{shown} does not exist; check the path") from None
    except (OSError, ValueError) as error:
        raise PhotoError(f"{shown} cannot be reached: {_reason(error)}; check the path") from error
    if stat.S_ISDIR(mode):
        raise PhotoError(f"{shown} is a folder; name the photos in it")
    if not stat.S_ISREG(mode):
        # A pipe would block for ever, a device never end.
        raise PhotoError(f"{shown} is not a regular file; save the photo to a file first")
    try:
        file = path.open("rb")
    except OSError as error:
        raise PhotoError(
            f"{shown} cannot be opened: {_reason(error)}; check its permissions"
        ) from error
    with file:
        yield file


def _decode(file: BinaryIO, name: str, shown: str) -> Photo:
    damaged = "it is damaged or cut short; copy or download it again"
    try:
        with Pillow.open(file, formats=OPENED_FORMATS) as picture:
            return _pixels(picture, name, shown)
    except PhotoError:
        raise
    except UnidentifiedImageError as error:
        raise PhotoError(
            f"{shown} is not a picture in a known format; give a {ACCEPTED} file"
        ) from error
    except Pillow.DecompressionBombError as error:
        # Pillow's own limit, above ours, is checked before it tells the size.
        raise PhotoError(
            f"{shown} has far more than the {_MILLIONS} million pixels that are decoded; "
            "save a smaller copy"
        ) from error
    except MemoryError as error:
        raise PhotoError(f"{shown} needs more memory than there is; save a smaller copy") from error
    except Exception as error:
        # Decoders answer hostile bytes with almost any exception; each means the same to a user.
        raise PhotoError(f"{shown} cannot be decoded ({_reason(error)}): {damaged}") from error


def _pixels(picture: Pillow.Image, name: str, shown: str) -> Photo:
    width, height = picture.size
    if width * height > MAX_PIXELS:
        raise PhotoError(
            f"{shown} has {width} x {height} pixels; at most {_MILLIONS} million are decoded; "
            "save a smaller copy"
        )
    if width < 1 or height < 1:
        raise PhotoError(f"{shown} has no pixels ({width} x {height}); give another photo")
    notes = _notes(picture)
    for note in notes:
        log.info("%s: %s", shown, note)
    if picture.format in ("JPEG", "MPO"):
        # The decoder can shrink by 2, 4 or 8 for less time and memory than decoding in full.
        halvings = 1
        while halvings < 8 and max(width, height) >= 2 * halvings * MAX_SIDE:
            halvings *= 2
        picture.draft(picture.mode, (width // halvings, height // halvings))
    with _quiet_stderr() if picture.format == "TIFF" else nullcontext():
        picture.load()
    try:
        image = to_upright_rgb(picture, MAX_SIDE)
    except PhotoError as error:
        raise PhotoError(f"{shown} cannot be shown: {error}; save it as 8-bit PNG") from error
    return Photo(name, image, max(width, height) / max(image.shape[:2]), notes)


@contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Keep libtiff from printing, past Python, what the error that follows says anyway."""
    try:
        kept = os.dup(2)
    except OSError:  # no standard error to keep quiet
        yield
        return
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _notes(picture: Pillow.Image) -> tuple[str, ...]:
    frames = getattr(picture, "n_frames", 1)
    if frames > 1 and picture.format == "TIFF":
        return (f"of its {frames} pages only the first was used",)
    if frames > 1 and picture.format != "MPO":  # a phone's second view, not an animation
        return (f"an animation of {frames} frames, of which only the first was used",)
    return ()


def _reason(error: BaseException) -> str:
    """Return what went wrong, on one line and without the path that the message names anyway."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return printable(text) if text else type(error).__name__
