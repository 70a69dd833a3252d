"""Check of the demo's hits against the camera moves: right person, right times."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from pipelines.demo.camera_moves import Appearance
from pipelines.demo.people import Person
from vidsearch.datatypes import Hit

TOLERANCE_S = 0.6
"""Tolerance of the times: frames are sampled every half second."""


def complaints(
    person: Person, appearances: Sequence[Appearance], likely_hits: Sequence[Hit], archive: str
) -> list[str]:
    """Return the errors in the hits of one person; empty if all hits are right.

    Args:
        person: The person searched for.
        appearances: Appearances of all people, from ``camera_moves.appearances``.
        likely_hits: Hits above the confidence that counts as found.
        archive: Folder of the videos.
    """
    expected = [a for a in appearances if a.person is person]
    wrong = [
        f"{person.name}: a hit in {_name(hit, archive)} at {hit.span.start_s:.1f} to "
        f"{hit.span.end_s:.1f} s, where this person does not appear"
        for hit in likely_hits
        if not any(_inside(hit, a, archive) for a in expected)
    ]
    missed = [
        f"{person.name}: not found in {a.video} at {a.certain.start_s:.1f} to "
        f"{a.certain.end_s:.1f} s"
        for a in expected
        if a.certain is not None and not any(_covers(hit, a, archive) for hit in likely_hits)
    ]
    return wrong + missed


def _name(hit: Hit, archive: str) -> str:
    return str(PurePath(hit.video).relative_to(archive))


def _inside(hit: Hit, appearance: Appearance, archive: str) -> bool:
    """Return True if a hit lies within the time in which any part of the face is visible."""
    possible = appearance.possible
    return (
        _name(hit, archive) == appearance.video
        and hit.span.start_s >= possible.start_s - TOLERANCE_S
        and hit.span.end_s <= possible.end_s + TOLERANCE_S
    )


def _covers(hit: Hit, appearance: Appearance, archive: str) -> bool:
    """Return True if a hit covers the time in which the whole face is visible."""
    certain = appearance.certain
    return (
        certain is not None
        and _name(hit, archive) == appearance.video
        and hit.span.start_s <= certain.start_s + TOLERANCE_S
        and hit.span.end_s >= certain.end_s - TOLERANCE_S
    )
