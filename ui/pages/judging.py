"""Whom verdicts go to, shown with face and name; the questions about it; and the verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import streamlit as st

from ui.components.choices import choose_one
from ui.components.context import catalog, errors_shown, searcher
from ui.components.markup import markdown, person_card
from ui.components.undoing import note_change, note_failure, show_undo
from ui.pages.naming import rename_box
from ui.service.people.portraits import Portrait, people_names, portrait
from ui.service.people.targets import Question, is_new, targets, track_element, whom
from ui.service.verdicts import judge_hit
from vidsearch.catalog.people import Judgements, withdraw
from vidsearch.datatypes import Hit
from vidsearch.errors import VidsearchError
from vidsearch.results.words import LIKELY, counted
from vidsearch.search.query import QueryFace

NEW_NAME = "the person you search for"


def question_of(
    verdicts: Judgements, faces: Mapping[str, QueryFace], tracks: Sequence[str]
) -> Question:
    """Return whom verdicts go to, or the question to ask.

    Args:
        verdicts: Named people.
        faces: Faces of the query by element; empty if it consists of tracks.
        tracks: Tracks of the query.
    """
    elements = (*faces, *map(track_element, tracks))
    track_of = {track_element(track): track for track in tracks}
    state = hash((frozenset(verdicts.person_of.items()), frozenset(verdicts.names)))

    def looks_like(parts: Sequence[str]) -> Sequence[str]:
        if not verdicts.person_of:
            return ()
        found: dict[object, tuple[str, ...]] = st.session_state.setdefault("looks_like", {})
        key = (tuple(parts), state)
        if key not in found:
            found.clear()
            found[key] = searcher().people_like(
                [faces[part] for part in parts if part in faces],
                [track_of[part] for part in parts if part in track_of],
            )
        return found[key]

    def agree(parts: Sequence[str]) -> bool:
        return searcher().agree([faces[part] for part in parts if part in faces])

    before = st.session_state.get("before_more") if tracks else None
    if before is not None and not is_new(before) and before not in verdicts.names:
        before = None
    decisions = targets(st.session_state)
    return whom(decisions, elements, verdicts.names, looks_like, agree, before)


def show_target(
    verdicts: Judgements, question: Question, elements: Sequence[str], face: bytes | None
) -> Portrait | None:
    """Show whom verdicts go to, or ask; return that person, or None while it is asked.

    Args:
        verdicts: Named people.
        question: Whom verdicts go to.
        elements: Elements of the query.
        face: Face of the query as JPEG, shown for a person who has no name yet.
    """
    with st.container(border=True, key="target"):
        if question.person is None:
            _ask(verdicts, question, elements, face)
            show_undo()
            return None
        target = _portrait(verdicts, question.person, face)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.html(person_card(replace(target, note=f"Verdicts go to this person; {target.note}")))
            with st.popover("Somebody else", icon=":material/switch_account:"):
                _choose_somebody(verdicts, elements)
        if not is_new(question.person):
            _show_verdicts(verdicts, question.person)
        else:
            st.caption("Judge hits with **Same** or **Not**: the next search uses the verdicts.")
        show_undo()
    return target


def _portrait(verdicts: Judgements, person: str, face: bytes | None) -> Portrait:
    if is_new(person):
        return Portrait(NEW_NAME, "new, not named yet", face)
    found = portrait(catalog(), verdicts, person)
    return Portrait(found.name, found.note, found.jpeg if found.jpeg is not None else face)


def _ask(
    verdicts: Judgements, question: Question, elements: Sequence[str], face: bytes | None
) -> None:
    decisions = targets(st.session_state)
    names = people_names(verdicts)
    if question.photos_differ:
        reason = "The photos may show different people."
    elif question.alike:
        alike = " or ".join(markdown(names[person]) for person in question.alike)
        reason = f"These look like {alike}."
    else:
        reason = "This may be somebody else."
    st.markdown(f"**{reason} Whom do your verdicts go to?**")
    for person in question.candidates:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.html(person_card(_portrait(verdicts, person, face)))
            label = "Judge for this person"
            if st.button(label, key=f"judge-for-{person}", type="primary"):
                decisions.decide(elements, person)
                st.rerun()
    with st.container(horizontal=True):
        if st.button("Somebody new", key="judge-for-new", icon=":material/person_add:"):
            decisions.decide(elements, decisions.new_person())
            st.rerun()
        with st.popover("Another named person"):
            _choose_named(verdicts, elements)


def _choose_somebody(verdicts: Judgements, elements: Sequence[str]) -> None:
    """Let the user choose whom verdicts go to."""
    decisions = targets(st.session_state)
    if st.button("Somebody new", key="judge-for-new", icon=":material/person_add:"):
        decisions.decide(elements, decisions.new_person())
        st.rerun()
    _choose_named(verdicts, elements)


def _choose_named(verdicts: Judgements, elements: Sequence[str]) -> None:
    if not verdicts.names:
        st.caption("Nobody is named yet.")
        return
    person = choose_one(
        "Person", people_names(verdicts), key="judge_for", placeholder="Choose a person"
    )
    if person is None:
        return
    st.html(person_card(portrait(catalog(), verdicts, person)))
    if st.button("Judge for this person", key="judge-for-chosen", type="primary"):
        targets(st.session_state).decide(elements, person)
        st.rerun()


def _show_verdicts(verdicts: Judgements, person: str) -> None:
    with errors_shown():
        rename_box(verdicts, person, "Name of this person")
    rejected = len(verdicts.rejected.get(person, ()))
    st.caption(
        f"This search uses your verdicts: "
        f"{counted(len(verdicts.confirmed(person)), 'confirmed track')}, {rejected} rejected."
    )


def judge_pressed(verdicts: Judgements, person: str, hit: Hit, *, same: bool) -> None:
    """Record a pressed verdict, take it back if it was given already, or ask before a move."""
    existing = None if is_new(person) else person
    owner = verdicts.person_of.get(hit.track_id)
    given = owner == existing if same else hit.track_id in verdicts.rejected.get(existing or "", ())
    if existing is not None and given:
        change = withdraw(catalog(), [hit.track_id], existing)
        note_change(f"Took back a verdict on {people_names(verdicts)[existing]}.", change)
        st.rerun()
    if same and owner is not None:
        _ask_to_move(verdicts, person, hit, owner)
        return
    _record(verdicts, person, hit, same=same)
    st.rerun()


@st.dialog("This appearance has a name")
def _ask_to_move(verdicts: Judgements, person: str, hit: Hit, owner: str) -> None:
    names = people_names(verdicts)
    st.markdown(f"It was **{markdown(names[owner])}**:")
    st.html(person_card(portrait(catalog(), verdicts, owner)))
    target = NEW_NAME if is_new(person) else names[person]
    st.markdown(f"Move it to **{markdown(target)}**?")
    if not is_new(person):
        st.html(person_card(portrait(catalog(), verdicts, person)))
    with st.container(horizontal=True):
        arguments = (verdicts, person, hit, owner)
        moved = st.button(
            "Move it", key="move_track", type="primary", on_click=_move, args=arguments
        )
        if moved or st.button("Leave it", key="leave_track"):
            st.rerun()


def _move(verdicts: Judgements, person: str, hit: Hit, owner: str) -> None:
    try:
        _record(verdicts, person, hit, same=True, take_from=(owner,))
    except VidsearchError as error:
        note_failure(error)


def _record(
    verdicts: Judgements, person: str, hit: Hit, *, same: bool, take_from: Sequence[str] = ()
) -> None:
    existing = None if is_new(person) else person
    change = judge_hit(catalog(), hit.track_id, existing, same=same, take_from=take_from)
    names = people_names(verdicts)
    name = NEW_NAME if existing is None else names[existing]
    was = f", was {names[take_from[0]]}" if take_from else ""
    note_change(f"{'Same' if same else 'Not'}: {name}{was}.", change)
    if existing is None:
        targets(st.session_state).add(person, change.person_id)
    st.toast(f"Saved for {markdown(name)}.", icon=":material/check:")


def search_more(verdicts: Judgements, person: str | None, hit: Hit) -> None:
    """Search with a hit's face; the person of the verdicts stays if the hit shows that person."""
    decisions = targets(st.session_state)
    owner = verdicts.person_of.get(hit.track_id)
    if person is not None and (owner == person or (owner is None and hit.confidence >= LIKELY)):
        decisions.decide([track_element(hit.track_id)], person)
    else:
        decisions.drop(track_element(hit.track_id))
    st.session_state["before_more"] = person
    st.session_state["more"] = (hit.track_id,)
    st.rerun()
