"""Erasure of a person: the name, the verdicts, and every confirmed track and face."""

from __future__ import annotations

import json

from vidsearch.catalog.catalog import Catalog
from vidsearch.catalog.people import Judgements, judgements
from vidsearch.catalog.tables import sql_text
from vidsearch.erasure.erase import Selection, delete_by_track, erase, require_erasable
from vidsearch.erasure.proof import Traces, search_files, traces_of_id, traces_of_tracks
from vidsearch.erasure.receipt import PersonReceipt, current_time, write_receipt
from vidsearch.errors import ConfigError
from vidsearch.text.printable import printable


def forget_person(catalog: Catalog, person: str) -> PersonReceipt:
    """Erase a person permanently, and prove the erasure.

    Tracks without a confirmed verdict for the person stay. The videos stay indexed. Only
    ``index --again`` on the same files restores the tracks.

    Args:
        catalog: The catalog; no run should index into it meanwhile.
        person: ``person_id``, or the name where only one person has it.

    Returns:
        The receipt, also written to ``receipts/`` in the catalog.

    Raises:
        ConfigError: The catalog has no such person, or is in a bucket with versioning.
        CatalogError: A trace of the person is left; the message names the file.
        CatalogWriteError: The catalog cannot be written.
    """
    require_erasable(catalog)
    people = judgements(catalog)
    person_id = _id_of(person, people)
    erasure = erase(catalog, _select(catalog, person_id, person, people))
    receipt = PersonReceipt(
        person_id=person_id,
        erased_at=current_time(),
        rows=erasure.rows,
        files_searched=erasure.files_searched,
        tracks_searched=erasure.tracks_searched,
    )
    write_receipt(catalog.root, "forget-person", receipt)
    return receipt


def _id_of(person: str, people: Judgements) -> str:
    if person in people.names:
        return person
    namesakes = [person_id for person_id, name in people.names.items() if name == person]
    if len(namesakes) > 1:
        raise ConfigError(
            f"{len(namesakes)} people are named {printable(person)!r}; pass the person_id: "
            + ", ".join(namesakes)
        )
    return namesakes[0] if namesakes else person


def _select(catalog: Catalog, person_id: str, person: str, people: Judgements) -> Selection:
    """Return the data of a person, or the remaining data of a person erased in part.

    Raises:
        ConfigError: The catalog has no such person.
    """
    track_ids = people.confirmed(person_id)
    if person_id in people.names:
        traces = _traces(catalog, person_id, track_ids, people)
    else:
        traces = traces_of_id(catalog, person_id)
        if not person_id or search_files(catalog, traces)[1] is None:
            raise ConfigError(
                f"person {printable(person)!r} is not in the catalog {catalog.uri!r}; nothing "
                "was erased: the People page and the table 'people' list all people"
            )
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
        # Table logs contain the name as JSON, or as JSON within JSON.
        quoted = json.dumps(name)
        texts |= {quoted, json.dumps(quoted)[1:-1], f'"{name}"'}
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
