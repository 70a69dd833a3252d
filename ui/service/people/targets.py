"""Whom verdicts go to: a person decided for every face of the query, never carried over silently.

A query consists of elements: faces of photos, and tracks. A decision holds for the elements for
which it was made. Removing a photo keeps it; a further photo needs its own decision.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

_SESSION_KEY = "targets"
_NEW = "new person "
_ASSUMED = _NEW + "assumed "


def face_element(photo: str, face: int) -> str:
    """Return the element of a face of a photo.

    Args:
        photo: Hash of the photo's content.
        face: Index of the face.
    """
    return f"face {photo} {face}"


def track_element(track_id: str) -> str:
    """Return the element of a track."""
    return f"track {track_id}"


def is_new(person: str) -> bool:
    """Return True if a decision means somebody who is not in the catalog yet."""
    return person.startswith(_NEW)


class Targets:
    """Decisions of one session: the person of each element of a query.

    A person is a ``person_id``, or a text for which ``is_new`` holds.
    """

    def __init__(self) -> None:
        self._decided: dict[str, str] = {}
        self._count = 0

    def decide(self, elements: Iterable[str], person: str) -> None:
        """Record the person of these elements."""
        self._decided |= dict.fromkeys(elements, person)

    def drop(self, element: str) -> None:
        """Remove the decision of an element."""
        self._decided.pop(element, None)

    def new_person(self, *, assumed: bool = False) -> str:
        """Return a text for somebody who is not in the catalog, unlike all earlier ones.

        Args:
            assumed: Nobody said so: no named person looks like the query so far.
        """
        self._count += 1
        return f"{_ASSUMED if assumed else _NEW}{self._count}"

    def add(self, person: str, person_id: str) -> None:
        """Record that somebody new is in the catalog now, under a ``person_id``."""
        for element, decided in self._decided.items():
            if decided == person:
                self._decided[element] = person_id

    def people(self, elements: Iterable[str], existing: Collection[str]) -> dict[str, str]:
        """Return the person of each element that has a decision.

        Args:
            elements: Elements of the query.
            existing: Ids of the people in the catalog; decisions for others do not count.
        """
        found = {element: self._decided.get(element) for element in elements}
        return {
            element: person
            for element, person in found.items()
            if person is not None and (is_new(person) or person in existing)
        }


@dataclass(frozen=True, slots=True)
class Question:
    """Whom verdicts go to: a person, or a question.

    Attributes:
        person: The person; None while the question is open.
        candidates: People to offer in the question, the likeliest first.
        alike: Named people among them whom the query looks like.
        photos_differ: The question arose because photos seem to show different people.
    """

    person: str | None
    candidates: tuple[str, ...] = ()
    alike: tuple[str, ...] = ()
    photos_differ: bool = False


def whom(
    decisions: Targets,
    elements: Sequence[str],
    existing: Collection[str],
    looks_like: Callable[[Sequence[str]], Sequence[str]],
    agree: Callable[[Sequence[str]], bool],
    before: str | None = None,
) -> Question:
    """Return whom verdicts on the hits of a query go to, or the question to ask.

    Args:
        decisions: Decisions of the session; obvious ones are added.
        elements: Elements of the query.
        existing: Ids of the people in the catalog.
        looks_like: Return the named people whom elements look like, the likeliest first.
        agree: Return True if elements seem to show one person.
        before: Person of the query from which this one was started ("more like this"), or None.
    """
    decided = decisions.people(elements, existing)
    people = tuple(dict.fromkeys(decided.values()))
    undecided = [element for element in elements if element not in decided]
    if not undecided and len(people) == 1 and not people[0].startswith(_ASSUMED):
        return Question(people[0])
    alike = tuple(looks_like(undecided or elements))
    if not undecided and len(people) == 1:
        return Question(None, alike, alike) if alike else Question(people[0])
    if not people and before is None:
        return _of_nobody_decided(decisions, elements, alike, agree(elements))
    first = people if people else (before,) if before is not None else ()
    if len(first) == 1 and (first[0] in alike[:1] or (people and not alike and agree(elements))):
        decisions.decide(undecided, first[0])
        return Question(first[0])
    offered = tuple(dict.fromkeys((*first, *alike)))
    return Question(None, offered, alike, photos_differ=bool(people))


def _of_nobody_decided(
    decisions: Targets, elements: Sequence[str], alike: tuple[str, ...], agrees: bool
) -> Question:
    if alike:
        return Question(None, alike, alike)
    if not agrees:
        return Question(None, photos_differ=True)
    person = decisions.new_person(assumed=True)
    decisions.decide(elements, person)
    return Question(person)


def targets(session: MutableMapping[Any, Any]) -> Targets:
    """Return the decisions of a session, empty at first."""
    found: Targets = session.setdefault(_SESSION_KEY, Targets())
    return found
