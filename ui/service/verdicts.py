"""Verdicts on hits, and what they teach."""

from __future__ import annotations

import re
from collections.abc import Iterable

from vidsearch.catalog import Catalog
from vidsearch.catalog.people import add_person, judge, judgements, rename_person

UNNAMED = "Unnamed person"


def judge_hit(catalog: Catalog, track_id: str, person_id: str | None, *, same: bool) -> str:
    """Record a verdict on a hit; return the person that it is about.

    Without a person yet, a hit that is the person and has a name already says who it is; else
    somebody new is made, to be named later.

    Raises:
        ConfigError: The track is gone.
        CatalogWriteError: The catalog cannot be written.
    """
    known = judgements(catalog)
    person = person_id if person_id in known.names else None
    if person is None and same:
        person = known.person_of.get(track_id)
    if person is None:
        person = add_person(catalog, next_name(known.names.values()))
    judge(catalog, [track_id], person, same=same)
    return person


def next_name(names: Iterable[str]) -> str:
    """Return a name for somebody new that nobody has yet.

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


def rename(catalog: Catalog, person_id: str, name: str) -> None:
    """Give a person a name.

    Raises:
        ConfigError: The name is empty or too long.
    """
    rename_person(catalog, person_id, name)
