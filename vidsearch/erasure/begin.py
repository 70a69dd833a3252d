"""Beginning of an erasure: collects what it erases, before the first deletion."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from vidsearch.catalog.catalog import Catalog
from vidsearch.catalog.commits import read_again
from vidsearch.catalog.erasures.pending import Kind, PendingErasure
from vidsearch.catalog.table_files import text_filter
from vidsearch.catalog.tables import Table
from vidsearch.erasure.logs import matching_lines
from vidsearch.erasure.proof import column_excerpts
from vidsearch.erasure.receipt import current_time

_BATCH_ROWS = 4096


def erasure_of_video(catalog: Catalog, video_id: str, texts: Collection[str]) -> PendingErasure:
    """Return the erasure of a video, or of what an earlier call left of it.

    Args:
        catalog: The catalog.
        video_id: Id of the video.
        texts: Spellings of its paths.

    Raises:
        CatalogError: A table is missing or damaged.
    """
    erasure = _erasure(
        catalog,
        "video",
        video_id,
        texts,
        tracks=_ids(catalog, "track_id", "video_id", [video_id]),
        conditions=(("videos", "video_id"), ("files", "video_id")),
    )
    sizes = catalog.videos(["size"], [video_id])["size"].to_pylist()
    return replace(erasure, size=sizes[0] if sizes else None)


def erasure_of_person(
    catalog: Catalog,
    person_id: str,
    tracks: Collection[str],
    name: str | None,
    texts: Collection[str],
) -> PendingErasure:
    """Return the erasure of a person, or of what an earlier call left of it.

    Args:
        catalog: The catalog.
        person_id: Id of the person.
        tracks: Ids of the tracks confirmed to show the person.
        name: Name of the person; None if another person has it, too, or the row is deleted.
        texts: Spellings of the name.

    Raises:
        CatalogError: A table is missing or damaged.
    """
    return _erasure(
        catalog,
        "person",
        person_id,
        texts,
        tracks=frozenset(tracks),
        conditions=(("people", "person_id"),),
        names=(name,) if name is not None else (),
    )


@read_again
def _erasure(
    catalog: Catalog,
    kind: Kind,
    identity: str,
    texts: Collection[str],
    *,
    tracks: frozenset[str],
    conditions: tuple[tuple[str, str], ...],
    names: tuple[str, ...] = (),
) -> PendingErasure:
    encoded = {
        text.encode("utf-8", "surrogateescape") for text in {*texts, *tracks, identity} if text
    }
    rows = {name: _count(catalog, name, column, [identity]) for name, column in conditions}
    for name in ("faces", "tracks"):
        rows[name] = _count(catalog, name, "track_id", tracks)
    verdicts = catalog.table("verdicts").read(["track_id", "person_id"]).to_pylist()
    rows["verdicts"] = sum(
        row["track_id"] in tracks or (kind == "person" and row["person_id"] == identity)
        for row in verdicts
    )
    videos = _ids(catalog, "video_id", "track_id", tracks) if kind == "person" else frozenset()
    templates = [
        batch["template"].flatten().to_numpy(zero_copy_only=False).astype(np.float32)
        for batch in _batches(catalog.table("tracks"), ("template",), tracks)
    ]
    return PendingErasure(
        kind=kind,
        identity=identity,
        started_at=current_time(),
        videos=tuple(sorted(videos)),
        tracks=tuple(sorted(tracks)),
        rows=rows,
        texts=tuple(sorted(encoded)),
        excerpts=tuple(sorted(_excerpts(catalog, tracks))),
        templates=np.concatenate([np.zeros(0, np.float32), *templates]).tobytes(),
        names=names,
        log_lines=matching_lines(catalog.root, encoded),
    )


def _ids(catalog: Catalog, found: str, by: str, values: Collection[str]) -> frozenset[str]:
    """Return ids in the tables of tracks and faces, of rows that count and of others."""
    if not values:
        return frozenset()
    selected = text_filter(by, values)
    return frozenset(
        value
        for name in ("tracks", "faces")
        for value in catalog.table(name).read([found], selected)[found].to_pylist()
    )


def _count(catalog: Catalog, name: str, column: str, values: Collection[str]) -> int:
    if not values:
        return 0
    return int(catalog.table(name).read([column], text_filter(column, values)).num_rows)


def _excerpts(catalog: Catalog, tracks: frozenset[str]) -> set[bytes]:
    """Return excerpts of the vectors and pictures of tracks that no other track shares."""
    if not tracks:
        return set()
    columns = {"tracks": ("template",), "faces": ("embedding", "aligned_jpeg")}
    own: set[bytes | None] = set()
    for name, names in columns.items():
        for batch in _batches(catalog.table(name), names, tracks):
            own.update(*(column_excerpts(batch[column]) for column in names))
    for name, names in columns.items():
        for batch in _batches(catalog.table(name), names, tracks, others=True):
            own.difference_update(*(column_excerpts(batch[column]) for column in names))
    return {part for part in own if part is not None}


def _batches(
    table: Table, columns: tuple[str, ...], tracks: Collection[str], *, others: bool = False
) -> Iterator[pa.RecordBatch]:
    """Yield columns of the rows of tracks, or of all other tracks, whether they count or not."""
    selected: Any = text_filter("track_id", tracks)
    opened = table.newest()
    with table.reading(opened):
        yield from (
            table.dataset(opened)
            .scanner(
                columns=list(columns),
                filter=~selected if others else selected,
                batch_size=_BATCH_ROWS,
                batch_readahead=1,
                fragment_readahead=1,
            )
            .to_batches()
        )
