"""Who is who: named people, and verdicts on which track shows whom.

A verdict is a row that is only ever added, so what somebody judged stays on record; of several on
one track and one person the latest counts. A track belongs to the person of the latest verdict that
says "same", as long as nobody took it back.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa

from vidsearch.catalog.schema import PEOPLE, VERDICTS
from vidsearch.catalog.tables import sql_text
from vidsearch.errors import ConfigError
from vidsearch.text.printable import printable

if TYPE_CHECKING:
    from vidsearch.catalog.catalog import Catalog

LONGEST_NAME = 200
"""Characters of a person's name."""


@dataclass(frozen=True, slots=True)
class Judgements:
    """What the verdicts of a catalog come to.

    Attributes:
        names: ``person_id`` -> name, by name.
        person_of: ``track_id`` -> ``person_id`` of the person it shows.
        rejected: ``person_id`` -> tracks that do not show that person.
    """

    names: dict[str, str] = field(default_factory=dict)
    person_of: dict[str, str] = field(default_factory=dict)
    rejected: dict[str, frozenset[str]] = field(default_factory=dict)

    def confirmed(self, person_id: str) -> tuple[str, ...]:
        """Return the tracks that show this person, in the order of their ids."""
        return tuple(sorted(t for t, person in self.person_of.items() if person == person_id))


def judgements(catalog: Catalog) -> Judgements:
    """Return who is known and which tracks show whom.

    Raises:
        CatalogError: A table is missing or damaged.
    """
    people = catalog.table("people").read().to_pylist()
    names = {row["person_id"]: row["name"] for row in people}
    names = dict(sorted(names.items(), key=lambda item: (item[1].casefold(), item[0])))
    rows = catalog.table("verdicts").read().to_pylist()
    latest: dict[tuple[str, str], tuple[datetime, bool]] = {}
    for row in rows:
        key = (row["track_id"], row["person_id"])
        verdict = (row["judged_at"], row["same"])
        if row["person_id"] in names and (key not in latest or verdict >= latest[key]):
            latest[key] = verdict
    person_of: dict[str, str] = {}
    rejected: dict[str, set[str]] = {}
    for (track_id, person_id), (_, same) in sorted(latest.items(), key=lambda item: item[1][0]):
        if same:
            person_of[track_id] = person_id
        else:
            rejected.setdefault(person_id, set()).add(track_id)
    return Judgements(
        names, person_of, {person: frozenset(tracks) for person, tracks in rejected.items()}
    )


def add_person(catalog: Catalog, name: str) -> str:
    """Add a person and return the new ``person_id``.

    Raises:
        ConfigError: The name is empty or too long.
        CatalogWriteError: The catalog cannot be written.
    """
    person_id = secrets.token_hex(16)
    catalog.table("people").append(_person(person_id, name))
    return person_id


def rename_person(catalog: Catalog, person_id: str, name: str) -> None:
    """Give a person another name.

    Raises:
        ConfigError: No such person, or the name is empty or too long.
        CatalogWriteError: The catalog cannot be written.
    """
    _require(catalog, person_id)
    catalog.table("people").merge(_person(person_id, name), "person_id", "true")


def judge(catalog: Catalog, track_ids: Collection[str], person_id: str, *, same: bool) -> None:
    """Record that these tracks show a person, or that they do not.

    Raises:
        ConfigError: No such person, or no such track.
        CatalogWriteError: The catalog cannot be written.
    """
    _require(catalog, person_id)
    wanted = sorted(set(track_ids))
    there = catalog.tracks(["track_id"], track_ids=wanted)["track_id"].to_pylist()
    missing = sorted(set(wanted) - set(there))
    if missing:
        raise ConfigError(
            f"track {missing[0]!r} is not in the catalog (any more); search again and judge anew"
        )
    now = datetime.now(UTC)
    rows = [
        {"track_id": track_id, "person_id": person_id, "same": same, "judged_at": now}
        for track_id in wanted
    ]
    catalog.table("verdicts").append(pa.Table.from_pylist(rows, schema=VERDICTS))


def merge_people(catalog: Catalog, keep: str, other: str) -> None:
    """Make one person of two: the tracks of ``other`` become those of ``keep``.

    Raises:
        ConfigError: One of them is not in the catalog, or they are the same.
        CatalogWriteError: The catalog cannot be written.
    """
    if keep == other:
        raise ConfigError("a person cannot be merged with itself; choose two people")
    _require(catalog, other)
    tracks = judgements(catalog).confirmed(other)
    judge(catalog, _existing(catalog, tracks), keep, same=True)
    _remove(catalog, other)


def split_person(catalog: Catalog, person_id: str, track_ids: Sequence[str], name: str) -> str:
    """Take tracks away from a person and make a new one of them; return the new ``person_id``.

    Raises:
        ConfigError: No such person or track, no track at all, or no name.
        CatalogWriteError: The catalog cannot be written.
    """
    if not track_ids:
        raise ConfigError("choose at least one track to make another person of")
    _require(catalog, person_id)
    made = add_person(catalog, name)
    judge(catalog, track_ids, person_id, same=False)
    judge(catalog, track_ids, made, same=True)
    return made


def _existing(catalog: Catalog, track_ids: Collection[str]) -> list[str]:
    found: list[str] = catalog.tracks(["track_id"], track_ids=track_ids)["track_id"].to_pylist()
    return found


def _remove(catalog: Catalog, person_id: str) -> tuple[int, int]:
    """Delete a person and the verdicts on it; return how many rows of each went."""
    this = f"person_id = {sql_text(person_id)}"
    return catalog.table("people").delete(this), catalog.table("verdicts").delete(this)


def _person(person_id: str, name: str) -> pa.Table:
    shown = " ".join(printable(name).split())
    if not shown or len(shown) > LONGEST_NAME:
        raise ConfigError(f"a name must have 1 to {LONGEST_NAME} characters; got {len(shown)}")
    row = {"person_id": person_id, "name": shown, "created_at": datetime.now(UTC)}
    return pa.Table.from_pylist([row], schema=PEOPLE)


def _require(catalog: Catalog, person_id: str) -> None:
    if person_id not in catalog.people()["person_id"].to_pylist():
        raise ConfigError(
            f"person {person_id!r} is not in the catalog (any more); choose another, or name "
            "somebody new"
        )
