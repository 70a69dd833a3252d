"""Whom verdicts go to: decisions hold for the faces for which they were made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ui.service.people.targets import Question, Targets, is_new, whom

ANN, BOB = "ann", "bob"
PHOTO, OTHER, TRACK = "face 1 0", "face 2 0", "track t"


@dataclass
class Session:
    """A session in whose archive the people look like the given elements."""

    alike: dict[str, Sequence[str]] = field(default_factory=dict)
    same: bool = True
    existing: tuple[str, ...] = (ANN, BOB)
    decisions: Targets = field(default_factory=Targets)

    def ask(self, *elements: str, before: str | None = None) -> Question:
        def looks_like(parts: Sequence[str]) -> list[str]:
            return list(dict.fromkeys(p for part in parts for p in self.alike.get(part, ())))

        def agree(parts: Sequence[str]) -> bool:
            return self.same or len(parts) < 2

        return whom(self.decisions, elements, self.existing, looks_like, agree, before)


def test_a_stranger_is_a_new_person_until_the_first_verdict() -> None:
    session = Session()
    person = session.ask(PHOTO).person
    assert person is not None
    assert is_new(person)
    assert session.ask(PHOTO).person == person
    session.decisions.add(person, ANN)
    assert session.ask(PHOTO).person == ANN


def test_a_person_who_is_named_later_is_asked_about() -> None:
    session = Session()
    assert is_new(session.ask(PHOTO).person or "")
    session.alike = {PHOTO: [ANN]}
    assert session.ask(PHOTO).candidates == (ANN,)
    session.decisions.decide([PHOTO], session.decisions.new_person())
    assert is_new(session.ask(PHOTO).person or ""), "it was said to be somebody else"


def test_a_known_face_is_asked_about() -> None:
    session = Session({PHOTO: [ANN]})
    assert session.ask(PHOTO) == Question(None, (ANN,), (ANN,))
    session.decisions.decide([PHOTO], ANN)
    assert session.ask(PHOTO).person == ANN


def test_the_photo_of_somebody_else_takes_no_name_over() -> None:
    session = Session(same=False)
    session.decisions.decide([PHOTO], ANN)
    asked = session.ask(PHOTO, OTHER)
    assert asked == Question(None, (ANN,), photos_differ=True)
    # The first photo is removed: nothing of it is left.
    assert is_new(session.ask(OTHER).person or "")
    assert session.ask(PHOTO).person == ANN


def test_another_photo_of_the_same_person_keeps_the_name() -> None:
    session = Session({OTHER: [ANN]})
    session.decisions.decide([PHOTO], ANN)
    assert session.ask(PHOTO, OTHER).person == ANN
    assert session.ask(OTHER).person == ANN, "the first photo was removed"


def test_photos_of_one_unknown_person_stay_together() -> None:
    session = Session()
    person = session.ask(PHOTO).person
    assert session.ask(PHOTO, OTHER).person == person
    session.decisions.add(person or "", BOB)
    assert session.ask(OTHER).person == BOB


def test_photos_of_two_people_who_were_decided_are_asked_about() -> None:
    session = Session()
    session.decisions.decide([PHOTO], ANN)
    session.decisions.decide([OTHER], BOB)
    assert session.ask(PHOTO, OTHER).candidates == (ANN, BOB)
    assert Session(same=False).ask(PHOTO, OTHER) == Question(None, photos_differ=True)


def test_a_photo_that_looks_like_somebody_else_first_is_asked_about() -> None:
    session = Session({OTHER: [BOB, ANN]})
    session.decisions.decide([PHOTO], ANN)
    assert session.ask(PHOTO, OTHER).candidates == (ANN, BOB)


def test_more_like_this_asks_before_it_changes_the_person() -> None:
    session = Session({TRACK: [BOB]})
    assert session.ask(TRACK, before=ANN) == Question(None, (ANN, BOB), (BOB,))
    assert Session().ask(TRACK, before=ANN) == Question(None, (ANN,))
    assert Session({TRACK: [ANN]}).ask(TRACK, before=ANN).person == ANN


def test_a_person_who_is_gone_is_decided_anew() -> None:
    session = Session({PHOTO: [BOB]})
    session.decisions.decide([PHOTO], ANN)
    session.existing = (BOB,)
    assert session.ask(PHOTO).candidates == (BOB,)
    session.decisions.add(ANN, BOB)  # merged
    assert session.ask(PHOTO).person == BOB
