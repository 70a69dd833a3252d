"""Verdicts on hits: record them, name people."""

from __future__ import annotations

import re
from collections.abc import Iterable

from vidsearch.catalog import Catalog
from vidsearch.catalog.people import add_person, judge, judgements

UNNAMED = "Unnamed person"


def judge_hit(catalog: Catalog, track_id: str, person_id: str | None, *, same: bool) -> str:
    """Record a verdict on a hit; return the id of the person it is about.

    Without ``person_id``, a confirmed hit that already belongs to a person selects that person;
    otherwise a new unnamed person is added.

    Raises:
        ConfigError: The track does not exist.
        CatalogWriteError: The catalog cannot be written.
    """
    verdicts = judgements(catalog)
    person = person_id if person_id in verdicts.names else None
    if person is None and same:
        person = verdicts.person_of.get(track_id)
    if person is None:
        person = add_person(catalog, next_name(verdicts.names.values()))
    judge(catalog, [track_id], person, same=same)
    return person


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
