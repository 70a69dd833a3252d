"""Erasing a person for good: name, verdicts, and every track and face confirmed to be theirs."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vidsearch.catalog import forget as _videos
from vidsearch.catalog.people import judgements
from vidsearch.catalog.tables import sql_text
from vidsearch.errors import ConfigError

if TYPE_CHECKING:
    from vidsearch.catalog.catalog import Catalog


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonReceipt:
    """What was erased, and what was searched to prove it; names nobody.

    Attributes:
        person_id: Of the erased person.
        erased_at: ISO 8601, UTC.
        rows: Erased rows by table.
        files_searched: Files of the catalog that were read after erasing.
        tracks_searched: Tracks that were searched for the erased ones.
        found: Traces found by that search; always 0, or there is no receipt.
    """

    person_id: str
    erased_at: str
    rows: dict[str, int]
    files_searched: int
    tracks_searched: int
    found: int = 0


def forget_person(catalog: Catalog, person_id: str) -> PersonReceipt:
    """Erase a person and prove it, as ``vidsearch.catalog.forget.forget`` does for a video.

    Tracks that nobody confirmed to be the person stay: nobody has said whose they are. The videos
    stay indexed, so they are not looked at again unless somebody asks for it.

    Returns:
        The receipt, also written to ``receipts/`` in the catalog.

    Raises:
        ConfigError: No such person, or the catalog is in an object store.
        CatalogError: Something is left; the message says where.
        CatalogWriteError: The catalog cannot be written.
    """
    from vidsearch.index import rebuild

    if catalog.place.path is None:
        raise ConfigError(
            f"catalog {catalog.uri!r} is in an object store, which may keep versions; copy it to a "
            "disk, forget there, and remove the original"
        )
    known = judgements(catalog)
    if person_id not in known.names:
        raise ConfigError(f"person {person_id!r} is not in the catalog; nothing to forget")
    tracks = known.confirmed(person_id)
    traces = _traces(catalog, person_id, tracks)
    rows = _delete_rows(catalog, person_id, tracks)
    for name in catalog.table_names:
        catalog.table(name).drop_history()
    rebuild(catalog)
    _videos.remove_old_indexes(catalog.place)
    files, searched = _videos.prove(catalog, traces)
    receipt = PersonReceipt(
        person_id=person_id,
        erased_at=datetime.now(UTC).isoformat(timespec="seconds"),
        rows=rows,
        files_searched=files,
        tracks_searched=searched,
    )
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    place = catalog.place.child(_videos.RECEIPTS).child(f"forget-person-{stamp}.json")
    place.write((json.dumps(asdict(receipt), indent=2) + "\n").encode())
    return receipt


def _traces(catalog: Catalog, person_id: str, tracks: tuple[str, ...]) -> _videos.Traces:
    found, templates = catalog.snapshot().templates(catalog.dim)
    ids = pa.array(tracks, pa.string())
    mine = np.asarray(pc.is_in(found["track_id"], value_set=ids), np.bool_)
    vectors = {row.tobytes() for row in templates[mine]}
    vectors -= {row.tobytes() for row in templates[~mine]}
    return _videos.Traces(
        tuple(sorted(text.encode() for text in (person_id, *tracks))),
        frozenset(tracks),
        templates[mine],
        frozenset(vectors),
    )


def _delete_rows(catalog: Catalog, person_id: str, tracks: tuple[str, ...]) -> dict[str, int]:
    """Delete from every table; the counts of the videos stay true."""
    lost = catalog.tracks(["video_id"], track_ids=tracks)["video_id"].value_counts().to_pylist()
    for count in lost:
        catalog.table("videos").update(
            f"video_id = {sql_text(count['values'])}", {"tracks": f"tracks - {count['counts']}"}
        )
    rows = dict.fromkeys(("tracks", "faces", "verdicts"), 0)
    for start in range(0, len(tracks), _videos.IDS_A_STATEMENT):
        some = ", ".join(map(sql_text, tracks[start : start + _videos.IDS_A_STATEMENT]))
        for name in ("tracks", "faces"):
            rows[name] += catalog.table(name).delete(f"track_id IN ({some})")
    # Only now: what is killed before can be repeated, because the verdicts say which tracks.
    for start in range(0, len(tracks), _videos.IDS_A_STATEMENT):
        some = ", ".join(map(sql_text, tracks[start : start + _videos.IDS_A_STATEMENT]))
        rows["verdicts"] += catalog.table("verdicts").delete(f"track_id IN ({some})")
    person = f"person_id = {sql_text(person_id)}"
    rows["verdicts"] += catalog.table("verdicts").delete(person)
    rows["people"] = catalog.table("people").delete(person)
    return rows
