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

from vidsearch.catalog.people import Judgements, judgements
from vidsearch.catalog.tables import sql_text
from vidsearch.erasure import videos as _videos
from vidsearch.errors import ConfigError
from vidsearch.text.printable import printable

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


def forget_person(catalog: Catalog, person: str) -> PersonReceipt:
    """Erase a person and prove it, as ``vidsearch.erasure.videos.forget`` does for a video.

    Tracks that nobody confirmed to be the person stay: nobody has said whose they are. The videos
    stay indexed, so they are not looked at again unless somebody asks for it.

    Args:
        catalog: The catalog; nothing should be indexing into it meanwhile.
        person: ``person_id``, or the name where only one person has it.

    Returns:
        The receipt, also written to ``receipts/`` in the catalog.

    Raises:
        ConfigError: No such person, or the catalog is in a bucket that keeps versions.
        CatalogError: Something is left; the message says where.
        CatalogWriteError: The catalog cannot be written.
    """
    from vidsearch.search.track_index import rebuild
    from vidsearch.storage.local_copies import remove_local_copies

    _videos.require_erasable(catalog)
    known = judgements(catalog)
    person_id = _id_of(person, known)
    tracks = known.confirmed(person_id)
    if person_id in known.names:
        traces = _traces(catalog, person_id, tracks, known)
    else:  # erased in part by a call that was killed or found something left, or never there
        traces = _videos.trace_of_id(catalog, person_id)
        if not person_id or _videos.search_files(catalog, traces)[1] is None:
            raise ConfigError(
                f"person {printable(person)!r} is not in the catalog {catalog.uri!r}; nothing to "
                "forget. The People page and the table 'people' name who is"
            )
    _videos.remove_other_vectors(catalog)
    rows = _delete_rows(catalog, person_id, tracks)
    for name in catalog.table_names:
        catalog.table(name).drop_history()
    rebuild(catalog)
    _videos.remove_old_indexes(catalog.vectors)
    remove_local_copies(catalog.vectors)
    files, searched = _videos.prove(catalog, traces)
    receipt = PersonReceipt(
        person_id=person_id,
        erased_at=datetime.now(UTC).isoformat(timespec="seconds"),
        rows=rows,
        files_searched=files,
        tracks_searched=searched,
    )
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    written = f"forget-person-{stamp}-{receipt.person_id[:8]}.json"
    place = catalog.root.child(_videos.RECEIPTS).child(written)
    place.write((json.dumps(asdict(receipt), indent=2) + "\n").encode())
    return receipt


def _id_of(person: str, known: Judgements) -> str:
    if person in known.names:
        return person
    same = [person_id for person_id, name in known.names.items() if name == person]
    if len(same) > 1:
        raise ConfigError(
            f"{len(same)} people are named {printable(person)!r}; pass the person_id: "
            + ", ".join(same)
        )
    return same[0] if same else person


def _traces(
    catalog: Catalog, person_id: str, tracks: tuple[str, ...], known: Judgements
) -> _videos.Traces:
    found, templates = catalog.snapshot().templates(catalog.dim)
    ids = pa.array(tracks, pa.string())
    mine = np.asarray(pc.is_in(found["track_id"], value_set=ids), np.bool_)
    vectors = {row.tobytes() for row in templates[mine]}
    vectors -= {row.tobytes() for row in templates[~mine]}
    texts = {person_id, *tracks}
    name = known.names[person_id]
    alone = sum(other == name for other in known.names.values()) == 1
    if alone:  # as the tables' logs write it: JSON, or JSON within JSON
        quoted = json.dumps(name)
        texts |= {quoted, json.dumps(quoted)[1:-1], f'"{name}"'}
    return _videos.Traces(
        tuple(sorted(text.encode("utf-8", "surrogateescape") for text in texts)),
        frozenset(tracks),
        templates[mine],
        frozenset(vectors),
        (name,) if alone else (),
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
