"""Media files that the browser may fetch, each behind an unguessable key."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

MAX_KEYS = 2000


@dataclass(frozen=True, slots=True)
class ServedFile:
    """A file with its media type, ready to be served."""

    path: Path
    kind: str


class MediaTokens:
    """Unguessable keys of files; the oldest keys expire.

    A key is made only in a signed-in session, for a video of the catalog or a clip of it, so that
    no request can name a path.
    """

    def __init__(self, size: int = MAX_KEYS) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._files: OrderedDict[str, ServedFile] = OrderedDict()

    def put(self, served: ServedFile) -> str:
        """Return a new key for a file."""
        key = secrets.token_urlsafe(32)
        with self._lock:
            self._files[key] = served
            while len(self._files) > self._size:
                self._files.popitem(last=False)
        return key

    def find(self, key: str) -> ServedFile | None:
        """Return the file of a key, or None."""
        with self._lock:
            return self._files.get(key)


MEDIA_TOKENS = MediaTokens()
