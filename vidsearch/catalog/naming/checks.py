"""Conditions of changes of people: known people and tracks, new names, tracks of other people."""

from __future__ import annotations

from collections.abc import Collection

import pyarrow as pa

from vidsearch.catalog.catalog import Catalog
from vidsearch.catalog.naming.judgements import Judgements
from vidsearch.errors import ConfigError
from vidsearch.text.person_names import comparable


def owners_to_leave(
    found: Judgements,
    track_ids: Collection[str],
    person_id: str | None,
    take_from: Collection[str],
) -> dict[str, str]:
    """Return the other person to whom each track belongs, by track.

    Raises:
        ConfigError: A track belongs to another person who is not in ``take_from``.
    """
    owners = {
        track: found.person_of[track]
        for track in set(track_ids)
        if found.person_of.get(track) not in (None, person_id)
    }
    for track, owner in sorted(owners.items()):
        if owner not in take_from:
            raise ConfigError(
                f"track {track!r} shows '{found.names[owner]}' already; to move it, pass "
                f"take_from=[{owner!r}]"
            )
    return owners


def require_new_name(
    people: pa.Table, name: str, person_id: str | None, *, same_name: bool
) -> None:
    """Raise if another person has a name that a reader takes for this one.

    Raises:
        ConfigError: ``same_name`` is False, and another person has such a name.
    """
    compared = comparable(name)
    for row in () if same_name else people.to_pylist():
        if row["person_id"] != person_id and comparable(row["name"]) == compared:
            raise ConfigError(
                f"a person is named '{row['name']}' already (person_id {row['person_id']}); merge "
                "the two, or add something to the name that tells them apart"
            )


def require_tracks(catalog: Catalog, track_ids: Collection[str]) -> None:
    """Raise unless the catalog has these tracks.

    Raises:
        ConfigError: A track is not in the catalog.
    """
    missing = sorted(set(track_ids) - set(existing_tracks(catalog, set(track_ids))))
    if missing:
        raise ConfigError(
            f"track {missing[0]!r} is not in the catalog; search again and repeat the judgement"
        )


def existing_tracks(catalog: Catalog, track_ids: Collection[str]) -> list[str]:
    """Return the ids that belong to tracks of the catalog."""
    found: list[str] = catalog.tracks(["track_id"], track_ids=track_ids)["track_id"].to_pylist()
    return found


def require_person(people: pa.Table, person_id: str) -> None:
    """Raise unless a row of the table ``people`` has this id.

    Raises:
        ConfigError: There is no such person.
    """
    if person_id not in people["person_id"].to_pylist():
        raise ConfigError(
            f"person {person_id!r} is not in the catalog; choose another person, or add one"
        )
