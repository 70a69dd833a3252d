"""State of a catalog as a user and a byte search see it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from vidsearch.catalog import Catalog
from vidsearch.catalog.erasures.pending import FOLDER, RECEIPTS, pending_erasures
from vidsearch.catalog.maintenance import repair
from vidsearch.catalog.people import judgements
from vidsearch.catalog.schema import matrix
from vidsearch.search.track_index import TrackSearcher


def state_of(folder: Path) -> dict[str, Any]:
    """Return the visible state of a catalog, by value, without times and random ids."""
    catalog = Catalog.open(folder)
    repaired = repair(catalog).videos
    tracks = catalog.tracks(["track_id", "video_id", "template"]).sort_by("track_id")
    templates = matrix(tracks["template"], catalog.dim)
    searcher = TrackSearcher(catalog)
    found = judgements(catalog)
    people = sorted(
        (name, found.confirmed(person), tuple(sorted(found.rejected.get(person, ()))))
        for person, name in found.names.items()
    )
    videos = catalog.videos(["video_id", "tracks", "status"]).sort_by("video_id").to_pylist()
    faces = catalog.faces(["track_id", "position"]).to_pylist()
    known = {row["person_id"] for row in catalog.people().to_pylist()}
    verdicts = catalog.verdicts().to_pylist()
    return {
        "model": catalog.model_id,
        "repaired": repaired,
        "videos": [tuple(row.values()) for row in videos],
        "tracks": tracks["track_id"].to_pylist(),
        "faces": sorted((row["track_id"], row["position"]) for row in faces),
        "files": sorted(catalog.known_files()),
        "people": people,
        "verdicts of nobody": sum(row["person_id"] not in known for row in verdicts),
        "verdicts": len({(row["track_id"], row["person_id"]) for row in verdicts}),
        "hits": [hit.ids for hit in searcher.search(templates, 3)] if len(templates) else [],
        "searched": len(searcher),
        "pending": len(pending_erasures(catalog.root)),
        "receipts": _receipts(folder),
    }


def _receipts(folder: Path) -> list[tuple[str, str]]:
    found = []
    for path in sorted((folder / RECEIPTS).glob("*.json")):
        fields = json.loads(path.read_text())
        found.append((json.dumps(fields["rows"], sort_keys=True), str(fields["log_lines"])))
    return found


def secrets_of(folder: Path, track_ids: list[str], texts: list[str]) -> list[bytes]:
    """Return the data of tracks that a byte search must not find after their erasure."""
    catalog = Catalog.open(folder)
    faces = catalog.faces(["embedding", "aligned_jpeg"], track_ids=track_ids)
    templates = catalog.tracks(["template"], track_ids=track_ids)
    vectors = [
        *matrix(templates["template"], catalog.dim),
        *matrix(faces["embedding"], catalog.dim),
    ]
    found = [row.tobytes() for row in vectors]
    found += faces["aligned_jpeg"].to_pylist()
    return found + [text.encode() for text in (*track_ids, *texts)]


def files_with(folder: Path, secrets: list[bytes]) -> list[str]:
    """Return the files that hold one of the secrets, as bytes or in a compressed column."""
    found = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.parent.name in (RECEIPTS, FOLDER):
            continue
        contents = [path.read_bytes()]
        if path.suffix == ".parquet":
            contents.append(_columns(path))
        if any(secret in content for secret in secrets for content in contents):
            found.append(str(path.relative_to(folder)))
    folder_left = sorted((folder / FOLDER).glob("*")) if (folder / FOLDER).exists() else []
    return found + [str(path.relative_to(folder)) for path in folder_left]


def _columns(path: Path) -> bytes:
    parts = []
    for row in pq.read_table(path).to_pylist():
        for value in row.values():
            if isinstance(value, bytes):
                parts.append(value)
            elif isinstance(value, list) and value and isinstance(value[0], float):
                parts.append(np.array(value, np.float32).tobytes())
            else:
                parts.append(str(value).encode())
    return b"\n".join(parts)
