"""Named people, and verdicts: a track shows a person, or does not.

Verdicts are appended and never changed; they are deleted when they are withdrawn, when their person
is merged or removed, by ``undo`` and by erasure. Of several verdicts on the same track and person,
the latest counts. A track belongs to the person of its latest valid verdict "same".

Every function that changes the catalog returns a ``Change`` for ``changes.undo``.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from vidsearch.catalog.catalog import Catalog
from vidsearch.catalog.naming.changes import Change, Kind, joined, undo
from vidsearch.catalog.naming.checks import (
    existing_tracks,
    owners_to_leave,
    require_new_name,
    require_person,
    require_tracks,
)
from vidsearch.catalog.naming.judgements import Judgements, judgements
from vidsearch.catalog.schema import PEOPLE, VERDICTS
from vidsearch.catalog.table_files import sql_text
from vidsearch.errors import ConfigError, VidsearchError
from vidsearch.text.person_names import stored_name

__all__ = [
    "Judgements",
    "add_person",
    "judge",
    "judgements",
    "merge_people",
    "name_tracks",
    "remove_person",
    "rename_person",
    "split_person",
    "withdraw",
]

LONGEST_NAME = 200
"""Largest number of characters of a person's name."""


def add_person(catalog: Catalog, name: str, *, same_name: bool = False) -> str:
    """Add a person and return the new ``person_id``.

    Args:
        catalog: The catalog.
        name: Name of the person.
        same_name: Allow another person of the same name.

    Raises:
        ConfigError: The name is empty, too long, or the name of another person.
        CatalogWriteError: The catalog cannot be written.
    """
    return _add_person(catalog, name, same_name=same_name).person_id


def rename_person(
    catalog: Catalog, person_id: str, name: str, *, same_name: bool = False
) -> Change:
    """Change the name of a person.

    Args:
        catalog: The catalog.
        person_id: Id of the person.
        name: New name.
        same_name: Allow another person of the same name.

    Raises:
        ConfigError: The catalog has no such person, or the name is empty, too long, or the name of
            another person.
        CatalogWriteError: The catalog cannot be written.
    """
    people = catalog.people()
    require_person(people, person_id)
    require_new_name(people, name, person_id, same_name=same_name)
    now = _time_after_all(catalog)
    row = _person_row(person_id, name, now)
    catalog.table("people").merge(row, "person_id", "true")
    return Change(
        "renamed",
        person_id,
        (),
        now,
        needs=(person_id,),
        people_added=row,
        people_removed=_rows_of(people, [person_id]),
    )


def name_tracks(
    catalog: Catalog,
    track_ids: Collection[str],
    name: str,
    *,
    same: bool = True,
    take_from: Collection[str] = (),
    same_name: bool = False,
) -> Change:
    """Add a person and judge tracks; ``Change.person_id`` is the new person.

    Args:
        catalog: The catalog.
        track_ids: Tracks to judge.
        name: Name of the person.
        same: The tracks show the person.
        take_from: Ids of people from whom tracks may be taken.
        same_name: Allow another person of the same name.

    Raises:
        ConfigError: The name is empty, too long, or the name of another person; or there is no such
            track, or a track belongs to a person who is not in ``take_from``.
        CatalogWriteError: The catalog cannot be written.
    """
    require_tracks(catalog, track_ids)
    if same:
        owners_to_leave(judgements(catalog), track_ids, None, take_from)
    added = _add_person(catalog, name, same_name=same_name, reuse=True)
    try:
        judged = judge(catalog, track_ids, added.person_id, same=same, take_from=take_from)
    except VidsearchError:
        undo(catalog, added)
        raise
    return joined("named", [added, judged])


def judge(
    catalog: Catalog,
    track_ids: Collection[str],
    person_id: str,
    *,
    same: bool,
    take_from: Collection[str] = (),
) -> Change:
    """Record that these tracks show a person, or that they do not.

    A track shows one person. A track that belongs to another person is moved only if that person is
    in ``take_from``; the verdict that it does not show that person is recorded too.

    Args:
        catalog: The catalog.
        track_ids: Tracks to judge.
        person_id: Id of the person.
        same: The tracks show the person.
        take_from: Ids of people from whom tracks may be taken.

    Raises:
        ConfigError: The catalog has no such person or track, or a track belongs to a person who is
            not in ``take_from``.
        CatalogWriteError: The catalog cannot be written.
    """
    require_person(catalog.people(), person_id)
    require_tracks(catalog, track_ids)
    rows = [(track, person_id, same) for track in sorted(set(track_ids))]
    if same:
        owners = owners_to_leave(judgements(catalog), track_ids, person_id, take_from)
        rows = [(track, owner, False) for track, owner in sorted(owners.items())] + rows
    return _append_verdicts(catalog, "judged", person_id, rows)


def withdraw(catalog: Catalog, track_ids: Collection[str], person_id: str) -> Change:
    """Remove every verdict on these tracks and this person, as if they had not been judged.

    Raises:
        ConfigError: The catalog has no such person.
        CatalogWriteError: The catalog cannot be written.
    """
    require_person(catalog.people(), person_id)
    now = _time_after_all(catalog)
    rows = _rows_of(catalog.table("verdicts").read(), [person_id])
    rows = rows.filter(pc.is_in(rows["track_id"], pa.array(sorted(set(track_ids)), pa.string())))
    tracks = sorted(set(rows["track_id"].to_pylist()))
    if tracks:
        catalog.table("verdicts").delete(
            f"person_id = {sql_text(person_id)} AND "
            f"track_id IN ({', '.join(map(sql_text, tracks))})"
        )
    return Change(
        "withdrawn", person_id, tuple(tracks), now, needs=(person_id,), verdicts_removed=rows
    )


def merge_people(catalog: Catalog, keep: str, other: str) -> Change:
    """Merge two people: the verdicts on ``other`` become verdicts on ``keep``.

    Where the two differ, a confirmed track stays confirmed.

    Raises:
        ConfigError: The catalog lacks one of the people, or both are the same person.
        CatalogWriteError: The catalog cannot be written.
    """
    if keep == other:
        raise ConfigError("a person cannot be merged with itself; choose two people")
    people = catalog.people()
    require_person(people, keep)
    require_person(people, other)
    found = judgements(catalog)
    tracks = existing_tracks(catalog, found.confirmed(other))
    rejected = found.rejected.get(other, frozenset()) - {
        *found.confirmed(keep),
        *found.confirmed(other),
        *found.rejected.get(keep, ()),
    }
    rows = [(track, keep, True) for track in sorted(tracks)]
    rows += [(track, keep, False) for track in sorted(existing_tracks(catalog, rejected))]
    removed = _rows_of(catalog.table("verdicts").read(), [other])
    added = _append_verdicts(catalog, "merged", keep, rows)
    _delete_person(catalog, other)
    row = _rows_of(people, [other])
    gone = Change(
        "merged", keep, (), added.changed_at, (keep,), people_removed=row, verdicts_removed=removed
    )
    return joined("merged", [added, gone])


def split_person(
    catalog: Catalog,
    person_id: str,
    track_ids: Sequence[str],
    name: str,
    *,
    same_name: bool = False,
) -> Change:
    """Move tracks of a person to a new person; ``Change.person_id`` is the new person.

    Args:
        catalog: The catalog.
        person_id: Person whom the tracks belong to.
        track_ids: Tracks to move.
        name: Name of the new person.
        same_name: Allow another person of the same name.

    Raises:
        ConfigError: The catalog has no such person or track, ``track_ids`` or ``name`` is empty, a
            track belongs to somebody else, or another person has this name.
        CatalogWriteError: The catalog cannot be written.
    """
    if not track_ids:
        raise ConfigError("choose at least one track for the new person")
    require_person(catalog.people(), person_id)
    require_tracks(catalog, track_ids)
    owners_to_leave(judgements(catalog), track_ids, None, (person_id,))
    added = _add_person(catalog, name, same_name=same_name, reuse=True)
    new_id = added.person_id
    rows = [(track, person_id, False) for track in sorted(set(track_ids))]
    rows += [(track, new_id, True) for track in sorted(set(track_ids))]
    judged = _append_verdicts(catalog, "split", new_id, rows)
    return replace(joined("split", [added, judged]), needs=(person_id, new_id))


def remove_person(catalog: Catalog, person_id: str) -> Change:
    """Remove a person and all verdicts on that person; tracks and faces stay, as nobody's.

    In contrast to ``erasure.person.forget_person``, nothing is erased.

    Raises:
        ConfigError: The catalog has no such person.
        CatalogWriteError: The catalog cannot be written.
    """
    people = catalog.people()
    require_person(people, person_id)
    now = _time_after_all(catalog)
    verdicts = _rows_of(catalog.table("verdicts").read(), [person_id])
    _delete_person(catalog, person_id)
    return Change(
        "removed",
        person_id,
        tuple(sorted(set(verdicts["track_id"].to_pylist()))),
        now,
        people_removed=_rows_of(people, [person_id]),
        verdicts_removed=verdicts,
    )


def _add_person(catalog: Catalog, name: str, *, same_name: bool, reuse: bool = False) -> Change:
    """Add a person; with ``reuse``, take the one that a killed call left without any verdict."""
    people, now = catalog.people(), _time_after_all(catalog)
    if reuse:
        judged = set(catalog.verdicts()["person_id"].to_pylist())
        empty = [p for p in judgements(catalog).named(name) if p not in judged]
        if len(empty) == 1:
            rows = _rows_of(people, empty)
            return Change("named", empty[0], (), now, needs=(empty[0],), people_added=rows)
    require_new_name(people, name, None, same_name=same_name)
    person_id = secrets.token_hex(16)
    row = _person_row(person_id, name, now)
    catalog.table("people").append(row)
    return Change("named", person_id, (), now, needs=(person_id,), people_added=row)


def _append_verdicts(
    catalog: Catalog, kind: Kind, person_id: str, rows: Sequence[tuple[str, str, bool]]
) -> Change:
    """Append verdicts, each a track, a person and ``same``, in one commit."""
    now = _time_after_all(catalog)
    table = pa.Table.from_pylist(
        [
            {"track_id": track, "person_id": person, "same": same, "judged_at": now}
            for track, person, same in rows
        ],
        schema=VERDICTS,
    )
    catalog.table("verdicts").append(table)
    tracks = tuple(dict.fromkeys(track for track, _, _ in rows))
    return Change(kind, person_id, tracks, now, needs=(person_id,), verdicts_added=table)


def _delete_person(catalog: Catalog, person_id: str) -> None:
    condition = f"person_id = {sql_text(person_id)}"
    catalog.table("verdicts").delete(condition)  # first: no verdict is left without its person
    catalog.table("people").delete(condition)


def _time_after_all(catalog: Catalog) -> datetime:
    """Return the current time, or a time after all verdicts if the clock was set back."""
    latest = pc.max(catalog.table("verdicts").read()["judged_at"]).as_py()
    now = datetime.now(UTC)
    return now if latest is None or latest < now else latest + timedelta(microseconds=1)


def _rows_of(rows: pa.Table, person_ids: Sequence[str]) -> pa.Table:
    return rows.filter(pc.is_in(rows["person_id"], pa.array(person_ids, pa.string())))


def _person_row(person_id: str, name: str, created_at: datetime) -> pa.Table:
    printed = stored_name(name)
    if not printed or len(printed) > LONGEST_NAME:
        raise ConfigError(f"a name must have 1 to {LONGEST_NAME} characters; got {len(printed)}")
    row = {"person_id": person_id, "name": printed, "created_at": created_at}
    return pa.Table.from_pylist([row], schema=PEOPLE)
