"""States of a catalog before and after a re-embedding, by value."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vidsearch.catalog import Catalog
from vidsearch.catalog.people import judgements
from vidsearch.catalog.schema import matrix
from vidsearch.search.track_index import TrackSearcher

DIM = 24


def contents(place: Path) -> dict[str, Any]:
    """Return the visible state of a catalog, by value."""
    catalog = Catalog.open(place)
    tracks = catalog.tracks().sort_by("track_id")
    searcher = TrackSearcher(catalog)
    templates = matrix(tracks["template"], catalog.dim)
    hits = searcher.search(templates, k=3)
    return {
        "model": catalog.model_id,
        "pack": catalog.pack,
        "tracks": tracks["track_id"].to_pylist(),
        "templates": templates.tobytes(),
        "hits": [hit.ids for hit in hits],
        "index": searcher.status.kind,
        "pending": searcher.status.pending,
        "known": judgements(catalog),
    }


def vectors_in(place: Path) -> set[bytes]:
    """Return every template and embedding in use, as bytes to find in files."""
    catalog = Catalog.open(place)
    templates = matrix(catalog.tracks(["template"])["template"], catalog.dim)
    embeddings = matrix(catalog.faces(["embedding"])["embedding"], catalog.dim)
    return {row.tobytes() for row in (*templates, *embeddings)}


def files_with(place: Path, vectors: set[bytes]) -> list[str]:
    return [
        str(path.relative_to(place))
        for path in place.rglob("*")
        if path.is_file() and any(vector in path.read_bytes() for vector in vectors)
    ]


REEMBEDDED = {
    ".commit.lock",
    "checksums",
    "vectors",
    "people",
    "verdicts",
    "sources",
    "files",
    "runs",
    "catalog.json",
}
"""Entries of a catalog whose tables are those of a new model, and only those."""


def entries(place: Path) -> set[str]:
    """Return the names of the entries of a catalog, without their versions."""
    return {path.name.split("-")[0] for path in place.iterdir()}
