"""Result of all verdicts of a catalog: who is named, and which tracks show whom."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from vidsearch.catalog.catalog import Catalog
from vidsearch.text.person_names import comparable, stored_name


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
        stored = stored_name(name)
        return [person for person, other in self.names.items() if stored_name(other) == stored]

    def alike(self, name: str) -> list[str]:
        """Return the ids of the people whose names a reader takes for this name."""
        compared = comparable(name)
        return [person for person, other in self.names.items() if comparable(other) == compared]


def judgements(catalog: Catalog) -> Judgements:
    """Return the named people and the tracks of each.

    Raises:
        CatalogError: A table is missing or damaged.
    """
    people = catalog.people().to_pylist()
    names = {row["person_id"]: row["name"] for row in people}
    names = dict(sorted(names.items(), key=lambda item: (item[1].casefold(), item[0])))
    rows = catalog.verdicts().to_pylist()
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
