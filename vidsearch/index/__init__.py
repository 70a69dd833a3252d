"""Nearest templates: an index over the tracks' templates, derived from the tables, disposable."""

from __future__ import annotations

from vidsearch.index.base import Neighbours, VectorIndex
from vidsearch.index.generations import BuildOptions
from vidsearch.search.track_index import TrackSearcher, rebuild, rebuild_if_stale

__all__ = [
    "BuildOptions",
    "Neighbours",
    "TrackSearcher",
    "VectorIndex",
    "rebuild",
    "rebuild_if_stale",
]
