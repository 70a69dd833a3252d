"""Films that may be fetched: each behind a key that nobody can guess."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

KEYS_KEPT = 2000


@dataclass(frozen=True, slots=True)
class Served:
    """A file that somebody was given the key of."""

    path: Path
    kind: str


class MediaTokens:
    """Hands out unguessable keys for files, the latest few thousand of them.

    A key is made only for a session that has signed in, for a video of the catalog or a clip of
    one, so no request can name a path.
    """

    def __init__(self, size: int = KEYS_KEPT) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._files: OrderedDict[str, Served] = OrderedDict()

    def put(self, served: Served) -> str:
        key = secrets.token_urlsafe(32)
        with self._lock:
            self._files[key] = served
            while len(self._files) > self._size:
                self._files.popitem(last=False)
        return key

    def find(self, key: str) -> Served | None:
        with self._lock:
            return self._files.get(key)


MEDIA_TOKENS = MediaTokens()
