"""Named people, and verdicts: a track shows a person, or does not.

Verdicts are appended and never changed; only merging people and erasure delete verdicts. Of several
verdicts on the same track and person, the latest counts. A track belongs to the person of its
latest valid verdict "same".
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pyarrow as pa

from vidsearch.catalog.catalog import Catalog
from vidsearch.catalog.schema import PEOPLE, VERDICTS
from vidsearch.catalog.tables import sql_text
from vidsearch.errors import ConfigError
from vidsearch.text.names import composed
from vidsearch.text.printable import printable

LONGEST_NAME = 200
"""Largest number of characters of a person's name."""


@dataclass(frozen=True, slots=True)
class Judgements:
    """Result of all verdicts of a catalog.

    Attributes:
        names: Name by ``person_id``, sorted by name.
        person_of: ``person_id`` of the person shown, by ``track_id``.
        rejected: Ids of the tracks that do not show the person, by ``person_id``.
    """

    names: dict[str, str] = field(default_factory=dict)
    person_of: dict[str, str] = field(default_factory=dict)
    rejected: dict[str, frozenset[str]] = field(default_factory=dict)

    def confirmed(self, person_id: str) -> tuple[str, ...]:
        """Return the ids of the tracks that show this person, sorted."""
        return tuple(sorted(t for t, person in self.person_of.items() if person == person_id))

    def named(self, name: str) -> list[str]:
        """Return the ids of the people of a name; composed and decomposed letters are equal."""
        stored = _stored_name(name)
        return [person for person, other in self.names.items() if _stored_name(other) == stored]


def judgements(catalog: Catalog) -> Judgements:
    """Return the named people and the tracks of each.

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
    catalog.table("people").append(_person_row(person_id, name))
    return person_id


def rename_person(catalog: Catalog, person_id: str, name: str) -> None:
    """Change the name of a person.

    Raises:
        ConfigError: The catalog has no such person, or the name is empty or too long.
        CatalogWriteError: The catalog cannot be written.
    """
    _require_person(catalog, person_id)
    catalog.table("people").merge(_person_row(person_id, name), "person_id", "true")


def judge(catalog: Catalog, track_ids: Collection[str], person_id: str, *, same: bool) -> None:
    """Record that these tracks show a person, or that they do not.

    Raises:
        ConfigError: The catalog has no such person, or no such track.
        CatalogWriteError: The catalog cannot be written.
    """
    _require_person(catalog, person_id)
    judged = sorted(set(track_ids))
    missing = sorted(set(judged) - set(_existing(catalog, judged)))
    if missing:
        raise ConfigError(
            f"track {missing[0]!r} is not in the catalog; search again and repeat the judgement"
        )
    now = datetime.now(UTC)
    rows = [
        {"track_id": track_id, "person_id": person_id, "same": same, "judged_at": now}
        for track_id in judged
    ]
    catalog.table("verdicts").append(pa.Table.from_pylist(rows, schema=VERDICTS))


def merge_people(catalog: Catalog, keep: str, other: str) -> None:
    """Merge two people: the tracks of ``other`` become tracks of ``keep``.

    Raises:
        ConfigError: The catalog lacks one of the people, or both are the same person.
        CatalogWriteError: The catalog cannot be written.
    """
    if keep == other:
        raise ConfigError("a person cannot be merged with itself; choose two people")
    _require_person(catalog, other)
    tracks = judgements(catalog).confirmed(other)
    judge(catalog, _existing(catalog, tracks), keep, same=True)
    condition = f"person_id = {sql_text(other)}"
    catalog.table("people").delete(condition)
    catalog.table("verdicts").delete(condition)


def split_person(catalog: Catalog, person_id: str, track_ids: Sequence[str], name: str) -> str:
    """Move tracks of a person to a new person; return the new ``person_id``.

    Raises:
        ConfigError: The catalog has no such person or track, or ``track_ids`` or ``name`` is empty.
        CatalogWriteError: The catalog cannot be written.
    """
    if not track_ids:
        raise ConfigError("choose at least one track for the new person")
    _require_person(catalog, person_id)
    new_id = add_person(catalog, name)
    judge(catalog, track_ids, person_id, same=False)
    judge(catalog, track_ids, new_id, same=True)
    return new_id


def _existing(catalog: Catalog, track_ids: Collection[str]) -> list[str]:
    found: list[str] = catalog.tracks(["track_id"], track_ids=track_ids)["track_id"].to_pylist()
    return found


def _person_row(person_id: str, name: str) -> pa.Table:
    printed = _stored_name(name)
    if not printed or len(printed) > LONGEST_NAME:
        raise ConfigError(f"a name must have 1 to {LONGEST_NAME} characters; got {len(printed)}")
    row = {"person_id": person_id, "name": printed, "created_at": datetime.now(UTC)}
    return pa.Table.from_pylist([row], schema=PEOPLE)


def _stored_name(name: str) -> str:
    return composed(" ".join(printable(name).split()))


def _require_person(catalog: Catalog, person_id: str) -> None:
    if person_id not in catalog.people()["person_id"].to_pylist():
        raise ConfigError(
            f"person {person_id!r} is not in the catalog; choose another person, or add one"
        )
