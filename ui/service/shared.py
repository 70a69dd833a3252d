"""What all sessions of one server share: models, index, clips. Nothing that a session brought."""

from __future__ import annotations

import threading
from functools import cache
from pathlib import Path

from ui.service.clip_cache import ClipCutter
from ui.service.jobs import Indexers
from ui.service.searching import ArchiveSearcher
from vidsearch.catalog import Catalog
from vidsearch.catalog.meta import META_NAME
from vidsearch.errors import VidsearchError

_lock = threading.Lock()
_searchers: dict[str, ArchiveSearcher] = {}
_catalogs: dict[str, tuple[tuple[int, int] | None, Catalog]] = {}


def searcher(uri: str) -> ArchiveSearcher:
    """Return the searcher of a catalog, loading models and index the first time.

    Raises:
        VidsearchError: The catalog or its models cannot be loaded.
    """
    with _lock:
        now = Catalog.open(uri)
        if uri not in _searchers or _searchers[uri].catalog.meta != now.meta:  # or re-embedded
            _searchers[uri] = ArchiveSearcher(now)
        return _searchers[uri]


def catalog(uri: str) -> Catalog:
    """Return a catalog, opened once for as long as it stays what it is.

    Raises:
        VidsearchError: There is none, or it cannot be read.
    """
    about = _about(uri)
    with _lock:
        kept = _catalogs.pop(uri, None)
        if kept is None or about is None or kept[0] != about:
            kept = (about, Catalog.open(uri))
        _catalogs[uri] = kept
        return kept[1]


def _about(uri: str) -> tuple[int, int] | None:
    try:
        found = Path(uri, META_NAME).stat()
    except (OSError, ValueError):
        return None  # gone, or in an object store
    return found.st_mtime_ns, found.st_ino


def warm(uri: str) -> None:
    """Load everything in the background, so that the first search is as quick as the next."""
    cutter()  # removes what a killed run left behind

    def load() -> None:
        try:
            searcher(uri).warm()
        except VidsearchError:
            return  # said where it is needed

    threading.Thread(target=load, daemon=True).start()


@cache
def cutter() -> ClipCutter:
    return ClipCutter()


@cache
def indexers() -> Indexers:
    return Indexers()
