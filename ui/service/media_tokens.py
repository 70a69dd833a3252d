"""Media that the browser may fetch, each behind an unguessable key."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from vidsearch.datatypes import Vector
from vidsearch.read_options import ReadOptions

MAX_KEYS = 2000
MAX_STILLS = 20_000

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ServedFile:
    """A file with its media type, ready to be served."""

    path: Path
    kind: str


@dataclass(frozen=True, slots=True, eq=False)
class ServedStill:
    """Frame of a video with the box of a face, drawn when the browser asks for it.

    Attributes:
        video: Path or URI of the video.
        time_s: Time of the frame, seconds.
        box_xyxy: (4,) float32 xyxy of the face, pixels.
        read: Options with which the video is opened.
        roots: Folders in which the video must lie; empty: anywhere.
    """

    video: str
    time_s: float
    box_xyxy: Vector
    read: ReadOptions
    roots: tuple[str, ...] = ()


class MediaTokens(Generic[T]):
    """Unguessable keys of media; the oldest keys expire.

    A key is made only in a signed-in session, for a video of the catalog or a clip of it, so that
    no request can name a path.
    """

    def __init__(self, size: int = MAX_KEYS) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._files: OrderedDict[str, T] = OrderedDict()

    def put(self, served: T) -> str:
        """Return a new key."""
        key = secrets.token_urlsafe(32)
        with self._lock:
            self._files[key] = served
            while len(self._files) > self._size:
                self._files.popitem(last=False)
        return key

    def find(self, key: str) -> T | None:
        """Return the medium of a key, or None."""
        with self._lock:
            return self._files.get(key)


MEDIA_TOKENS: MediaTokens[ServedFile] = MediaTokens()
STILL_TOKENS: MediaTokens[ServedStill] = MediaTokens(MAX_STILLS)
