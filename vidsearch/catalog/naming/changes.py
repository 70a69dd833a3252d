"""Changes of people and verdicts, and their undoing.

Every function of ``people`` that changes a catalog returns a ``Change``: the rows that it added and
the rows that it removed. ``undo`` removes the former and adds the latter again. A change is kept by
the caller only, never in the catalog, so that erasure needs to know nothing of it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from vidsearch.catalog.catalog import Catalog
from vidsearch.catalog.schema import PEOPLE, VERDICTS
from vidsearch.catalog.table_files import sql_text
from vidsearch.errors import ConfigError
from vidsearch.text.person_names import comparable
from vidsearch.text.printable import printable

Kind: TypeAlias = Literal["judged", "withdrawn", "named", "renamed", "merged", "split", "removed"]


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """One change of people and verdicts, with all that ``undo`` needs.

    Attributes:
        kind: The function that made the change.
        person_id: Person whom the change is about; of a split, the new person.
        track_ids: Tracks whose verdicts changed.
        changed_at: Time of the change.
        needs: Ids of people without whom the change cannot be undone.
        people_added: Rows of ``people`` that the change wrote.
        people_removed: Rows of ``people`` that the change removed or replaced.
        verdicts_added: Rows of ``verdicts`` that the change wrote; their time is ``changed_at``.
        verdicts_removed: Rows of ``verdicts`` that the change removed.
    """

    kind: Kind
    person_id: str
    track_ids: tuple[str, ...]
    changed_at: datetime
    needs: tuple[str, ...] = ()
    people_added: pa.Table = field(default_factory=PEOPLE.empty_table, repr=False)
    people_removed: pa.Table = field(default_factory=PEOPLE.empty_table, repr=False)
    verdicts_added: pa.Table = field(default_factory=VERDICTS.empty_table, repr=False)
    verdicts_removed: pa.Table = field(default_factory=VERDICTS.empty_table, repr=False)


def undo(catalog: Catalog, change: Change) -> None:
    """Undo a change; a repeated call after an interruption completes it.

    Verdicts on tracks that were erased meanwhile do not come back.

    Args:
        catalog: The catalog that was changed.
        change: The change.

    Raises:
        ConfigError: A later change builds on this change, or a person was erased, merged or removed
            meanwhile; nothing was undone.
        CatalogError: A table cannot be read.
        CatalogWriteError: The catalog cannot be written.
    """
    people = catalog.people()
    verdicts = catalog.verdicts()
    _require_unchanged(change, people, verdicts)
    new = set(_ids(change.people_added)) - set(_ids(change.people_removed))
    back = set(_ids(change.people_removed)) - set(_ids(people))
    renamed = set(_ids(change.people_removed)) & set(_ids(change.people_added))
    _append(catalog, "people", _of_people(change.people_removed, back))
    catalog.table("people").merge(_of_people(change.people_removed, renamed), "person_id", "true")
    _append(catalog, "verdicts", _verdicts_to_restore(catalog, change, verdicts))
    if change.verdicts_added.num_rows:
        catalog.table("verdicts").delete(
            f"{_in(set(_ids(change.verdicts_added)))} AND judged_at = "
            f"to_timestamp_micros({_microseconds(change.changed_at)})"
        )
    if new:
        catalog.table("people").delete(_in(new))


def _require_unchanged(change: Change, people: pa.Table, verdicts: pa.Table) -> None:
    names = dict(zip(_ids(people), people["name"].to_pylist(), strict=True))
    missing = [person for person in change.needs if person not in names]
    if missing:
        raise ConfigError(
            "this change cannot be undone: the person was erased, merged or removed meanwhile"
        )
    added = {row["person_id"]: row["name"] for row in change.people_added.to_pylist()}
    old = {row["person_id"]: row["name"] for row in change.people_removed.to_pylist()}
    for person, name in added.items():
        if names[person] not in (name, old.get(person)):
            raise ConfigError(
                f"this change cannot be undone: '{printable(name)}' was renamed to "
                f"'{printable(names[person])}' meanwhile; undo the later change first"
            )
    _require_names_free(change, people, old)
    _require_last_verdicts(change, verdicts, set(added) - set(old))


def _require_names_free(change: Change, people: pa.Table, old: dict[str, str]) -> None:
    """Raise if undoing would make a second person of a name that was given meanwhile."""
    taken = {
        comparable(row["name"])
        for row in people.to_pylist()
        if row["person_id"] not in old and row["created_at"] > change.changed_at
    }
    for name in old.values():
        if comparable(name) in taken:
            raise ConfigError(
                f"this change cannot be undone: another person was named '{printable(name)}' "
                "meanwhile; rename that person first"
            )


def _require_last_verdicts(change: Change, verdicts: pa.Table, new: Collection[str]) -> None:
    """Raise if there is a later verdict on the same tracks and people, or on a new person."""
    pairs = {(row["track_id"], row["person_id"]) for row in change.verdicts_added.to_pylist()}
    pairs |= {(row["track_id"], row["person_id"]) for row in change.verdicts_removed.to_pylist()}
    for row in verdicts.filter(
        pc.greater(verdicts["judged_at"], pa.scalar(change.changed_at))
    ).to_pylist():
        if row["person_id"] in new or (row["track_id"], row["person_id"]) in pairs:
            raise ConfigError(
                "this change cannot be undone: the same appearances were judged again meanwhile; "
                "undo the later change first"
            )


def _verdicts_to_restore(catalog: Catalog, change: Change, verdicts: pa.Table) -> pa.Table:
    """Return the removed verdicts that are not in the table and whose tracks still exist."""
    removed = change.verdicts_removed
    if not removed.num_rows:
        return removed
    track_ids = set(removed["track_id"].to_pylist())
    tracks = set(catalog.tracks(["track_id"], track_ids=track_ids)["track_id"].to_pylist())
    present = {_key(row) for row in verdicts.to_pylist()}
    keep = [row["track_id"] in tracks and _key(row) not in present for row in removed.to_pylist()]
    return removed.filter(pa.array(keep, pa.bool_()))


def _key(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["track_id"], row["person_id"], row["judged_at"]


def _append(catalog: Catalog, table: str, rows: pa.Table) -> None:
    if rows.num_rows:
        catalog.table(table).append(rows)


def _ids(rows: pa.Table) -> list[str]:
    ids: list[str] = rows["person_id"].to_pylist()
    return ids


def _of_people(rows: pa.Table, person_ids: Collection[str]) -> pa.Table:
    return rows.filter(pc.is_in(rows["person_id"], pa.array(sorted(person_ids), pa.string())))


def _in(person_ids: Collection[str]) -> str:
    return f"person_id IN ({', '.join(map(sql_text, sorted(person_ids)))})"


def _microseconds(time: datetime) -> int:
    value: int = pa.scalar(time, VERDICTS.field("judged_at").type).value
    return value


def joined(kind: Kind, changes: Sequence[Change]) -> Change:
    """Return successive changes of one act as one change about the person of the last.

    At most one of the changes may add verdicts.
    """
    last = changes[-1]
    return Change(
        kind=kind,
        person_id=last.person_id,
        track_ids=tuple(dict.fromkeys(track for c in changes for track in c.track_ids)),
        changed_at=max(c.changed_at for c in changes),
        needs=last.needs,
        people_added=_stacked([c.people_added for c in changes]),
        people_removed=_stacked([c.people_removed for c in changes]),
        verdicts_added=_stacked([c.verdicts_added for c in changes]),
        verdicts_removed=_stacked([c.verdicts_removed for c in changes]),
    )


def _stacked(tables: Sequence[pa.Table]) -> pa.Table:
    # A table of another version of vidsearch has further columns.
    return pa.concat_tables(tables, promote_options="default")
