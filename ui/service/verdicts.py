"""Verdicts on hits, and names of people who have none yet."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from vidsearch.catalog import Catalog
from vidsearch.catalog.naming.changes import Change
from vidsearch.catalog.people import judge, judgements, name_tracks

UNNAMED = "Unnamed person"


def judge_hit(
    catalog: Catalog,
    track_id: str,
    person_id: str | None,
    *,
    same: bool,
    take_from: Collection[str] = (),
) -> Change:
    """Record a verdict on a hit; ``Change.person_id`` is the person it is about.

    Args:
        catalog: The catalog.
        track_id: Track of the hit.
        person_id: Person whom the verdict is about; None: a new person, not named yet.
        same: The hit shows the person.
        take_from: Ids of people from whom the track may be taken.

    Raises:
        ConfigError: The person or the track does not exist, or the track belongs to a person who is
            not in ``take_from``.
        CatalogWriteError: The catalog cannot be written.
    """
    if person_id is not None:
        return judge(catalog, [track_id], person_id, same=same, take_from=take_from)
    name = next_name(judgements(catalog).names.values())
    return name_tracks(catalog, [track_id], name, same=same, take_from=take_from)


def next_name(names: Iterable[str]) -> str:
    """Return an unused name for a new person.

    Example:
        >>> next_name(["Ada", "Unnamed person 2"])
        'Unnamed person 3'
    """
    numbers = [
        int(found[1])
        for name in names
        if (found := re.fullmatch(rf"{UNNAMED} (\d+)", str(name))) is not None
    ]
    return f"{UNNAMED} {max(numbers, default=0) + 1}"
