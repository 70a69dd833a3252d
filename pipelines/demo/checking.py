"""Checking the demo's answers against the camera moves: the right person, the right times."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from pipelines.demo.people import Person
from pipelines.demo.screenplay import Appearance
from vidsearch.datatypes import Hit

TOLERANCE_S = 0.6
"""Frames are sampled every half second; a face is found a little before or after it is whole."""


def complaints(
    person: Person, appearances: Sequence[Appearance], likely_hits: Sequence[Hit], archive: str
) -> list[str]:
    """Return what is wrong with the answer for one person; nothing if it is right.

    Args:
        person: Who was searched for.
        appearances: Where everyone is seen, from ``screenplay.appearances``.
        likely_hits: Hits above the confidence that counts as found.
        archive: Folder of the films, to name them by.
    """
    where = [a for a in appearances if a.person is person]
    wrong = [
        f"{person.name}: a hit in {_name(hit, archive)} at {hit.span.start_s:.1f} to "
        f"{hit.span.end_s:.1f} s, where this person is not seen"
        for hit in likely_hits
        if not any(_inside(hit, a, archive) for a in where)
    ]
    missed = [
        f"{person.name}: not found in {a.film} at {a.certain.start_s:.1f} to "
        f"{a.certain.end_s:.1f} s"
        for a in where
        if a.certain is not None and not any(_covers(hit, a, archive) for hit in likely_hits)
    ]
    return wrong + missed


def _name(hit: Hit, archive: str) -> str:
    return str(PurePath(hit.video).relative_to(archive))


def _inside(hit: Hit, appearance: Appearance, archive: str) -> bool:
    """Say whether a hit does not reach beyond the time in which any of the face is in view."""
    possible = appearance.possible
    return (
        _name(hit, archive) == appearance.film
        and hit.span.start_s >= possible.start_s - TOLERANCE_S
        and hit.span.end_s <= possible.end_s + TOLERANCE_S
    )


def _covers(hit: Hit, appearance: Appearance, archive: str) -> bool:
    """Say whether a hit reaches over the time in which the whole face is in view."""
    certain = appearance.certain
    return (
        certain is not None
        and _name(hit, archive) == appearance.film
        and hit.span.start_s <= certain.start_s + TOLERANCE_S
        and hit.span.end_s >= certain.end_s - TOLERANCE_S
    )
