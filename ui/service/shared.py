"""Objects shared by all sessions of one server: models, index, clips; no data of a session."""

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
        current = Catalog.open(uri)
        # The metadata changes when the catalog is re-embedded.
        if uri not in _searchers or _searchers[uri].catalog.meta != current.meta:
            _searchers[uri] = ArchiveSearcher(current)
        return _searchers[uri]


def catalog(uri: str) -> Catalog:
    """Return a catalog; it is opened again only when its metadata file has changed.

    Raises:
        VidsearchError: There is no catalog, or it cannot be read.
    """
    stamp = _file_stamp(uri)
    with _lock:
        entry = _catalogs.pop(uri, None)
        if entry is None or stamp is None or entry[0] != stamp:
            entry = (stamp, Catalog.open(uri))
        _catalogs[uri] = entry
        return entry[1]


def _file_stamp(uri: str) -> tuple[int, int] | None:
    try:
        status = Path(uri, META_NAME).stat()
    except (OSError, ValueError):
        return None  # removed, or in an object store
    return status.st_mtime_ns, status.st_ino


def warm(uri: str) -> None:
    """Load models and index in the background, so that the first search is not slower."""
    cutter()  # removes clips that a killed process left

    def load() -> None:
        try:
            searcher(uri).warm()
        except VidsearchError:
            return  # the page that needs it reports the error

    threading.Thread(target=load, daemon=True).start()


@cache
def cutter() -> ClipCutter:
    """Return the clip cutter of this server."""
    return ClipCutter()


@cache
def indexers() -> Indexers:
    """Return the indexing processes of this server."""
    return Indexers()
