"""Erasure of a person: the name, the verdicts, and every confirmed track and face."""

from __future__ import annotations

from vidsearch.catalog.catalog import Catalog
from vidsearch.catalog.people import Judgements, judgements
from vidsearch.catalog.tables import sql_text
from vidsearch.erasure.erase import Selection, delete_by_track, erase, require_erasable
from vidsearch.erasure.proof import (
    Traces,
    leaves_trace,
    spelled_in_files,
    traces_of_id,
    traces_of_tracks,
)
from vidsearch.erasure.receipt import PersonReceipt, current_time, write_receipt
from vidsearch.errors import ConfigError
from vidsearch.search.named_videos import SHORTEST_ID
from vidsearch.text.printable import printable


def forget_person(catalog: Catalog, person: str) -> PersonReceipt:
    """Erase a person permanently, and prove the erasure.

    Tracks without a confirmed verdict for the person stay. The videos stay indexed. Only
    ``index --again`` on the same files restores the tracks.

    Args:
        catalog: The catalog; no run should index into it meanwhile.
        person: ``person_id``, its first characters, at least ``SHORTEST_ID``, or the name. They
            must stand for one person.

    Returns:
        The receipt, also written to ``receipts/`` in the catalog.

    Raises:
        ConfigError: The catalog has no such person or several, or is in a bucket with versioning.
        CatalogError: A trace of the person is left; the message names the file.
        CatalogWriteError: The catalog cannot be written.
    """
    require_erasable(catalog)
    people = judgements(catalog)
    person_id = _id_of(catalog, person, people)
    erasure = erase(catalog, _select(catalog, person_id, people))
    receipt = PersonReceipt(
        person_id=person_id,
        erased_at=current_time(),
        rows=erasure.rows,
        files_searched=erasure.files_searched,
        tracks_searched=erasure.tracks_searched,
    )
    write_receipt(catalog.root, "forget-person", receipt)
    return receipt


def _id_of(catalog: Catalog, person: str, people: Judgements) -> str:
    """Return the id of the one person that an id, its beginning or a name stands for.

    Raises:
        ConfigError: It stands for nobody, or for several people.
    """
    if person in people.names:
        return person
    found = people.named(person)
    if len(found) > 1:
        raise ConfigError(
            f"{len(found)} people are named '{printable(person)}'; pass the person_id: "
            + ", ".join(found)
        )
    if not found and len(person) >= SHORTEST_ID:
        found = [person_id for person_id in people.names if person_id.startswith(person)]
    if len(found) == 1:
        return found[0]
    if found:
        candidates = "; ".join(f"{person_id} ({people.names[person_id]})" for person_id in found)
        raise ConfigError(
            f"person '{printable(person)}' is the beginning of {len(found)} ids; nothing was "
            f"erased: pass the whole person_id: {candidates}"
        )
    if leaves_trace(catalog, "person_id", person):
        return person  # erased in part by an interrupted call
    raise ConfigError(
        f"person '{printable(person)}' is not in the catalog {catalog.uri!r}; nothing was erased: "
        "the People page and the table 'people' list all people; a shortened person_id needs "
        f"{SHORTEST_ID} characters"
    )


def _select(catalog: Catalog, person_id: str, people: Judgements) -> Selection:
    """Return the data of a person, or the remaining data of a person erased in part."""
    track_ids = people.confirmed(person_id)
    if person_id in people.names:
        traces = _traces(catalog, person_id, track_ids, people)
    else:
        traces = traces_of_id(catalog, person_id)
    return Selection(
        traces=traces,
        delete_rows=lambda: _delete_rows(catalog, person_id, track_ids),
        in_event_logs=False,
    )


def _traces(
    catalog: Catalog, person_id: str, track_ids: tuple[str, ...], people: Judgements
) -> Traces:
    texts = {person_id}
    name = people.names[person_id]
    unique = sum(other == name for other in people.names.values()) == 1
    if unique:
        texts |= spelled_in_files(name, quoted=True)
    return traces_of_tracks(catalog, track_ids, texts, (name,) if unique else ())


def _delete_rows(catalog: Catalog, person_id: str, track_ids: tuple[str, ...]) -> dict[str, int]:
    affected = set(catalog.tracks(["video_id"], track_ids=track_ids)["video_id"].to_pylist())
    remaining = dict.fromkeys(sorted(affected), 0)
    for track in catalog.tracks(["track_id", "video_id"], video_ids=affected).to_pylist():
        remaining[track["video_id"]] += track["track_id"] not in track_ids
    for video_id, count in remaining.items():
        condition = f"video_id = {sql_text(video_id)}"
        catalog.table("videos").update(condition, {"tracks": str(count)})
    rows = {
        name: delete_by_track(catalog.table(name), track_ids)
        for name in ("tracks", "faces", "verdicts")  # a repeated call finds tracks by verdicts
    }
    condition = f"person_id = {sql_text(person_id)}"
    rows["verdicts"] += catalog.table("verdicts").delete(condition)
    rows["people"] = catalog.table("people").delete(condition)
    return rows
