"""What all sessions of one server share: models, index, clips. Nothing that a session brought."""

from __future__ import annotations

import threading
from functools import cache

from ui.service.clips import ClipCutter
from ui.service.jobs import Indexers
from ui.service.searching import ArchiveSearcher
from vidsearch.catalog import Catalog
from vidsearch.errors import VidsearchError

_lock = threading.Lock()
_searchers: dict[str, ArchiveSearcher] = {}


def searcher(uri: str) -> ArchiveSearcher:
    """Return the searcher of a catalog, loading models and index the first time.

    Raises:
        VidsearchError: The catalog or its models cannot be loaded.
    """
    with _lock:
        if uri not in _searchers:
            _searchers[uri] = ArchiveSearcher(Catalog.open(uri))
        return _searchers[uri]


def warm(uri: str) -> None:
    """Load everything in the background, so that the first search is as quick as the next."""

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
