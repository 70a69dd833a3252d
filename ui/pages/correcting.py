"""Choice of appearances, and correction of the wrong ones among a person's appearances."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import streamlit as st

from ui.components.clickable import clickable
from ui.components.context import catalog
from ui.components.markup import chooser, face_row, markdown, person_card
from ui.components.undoing import note_change
from ui.service.people.portraits import clearest_faces, people_names, portrait
from vidsearch.catalog.people import Judgements, judge, split_person
from vidsearch.results.words import clock, counted
from vidsearch.search.people_clusters import TrackCard
from vidsearch.text.labels import short_paths

_MAX_FACES = 6


def choose_tracks(cards: Sequence[TrackCard], key: str, initial: Collection[str]) -> frozenset[str]:
    """Show faces as toggle buttons; return the ids of the chosen tracks.

    Args:
        cards: Tracks to choose from.
        key: Key of the choice, unique on the page.
        initial: Ids of the tracks chosen at first.
    """
    choices: dict[str, frozenset[str]] = st.session_state.setdefault("track_choices", {})
    chosen = choices.get(key, frozenset(initial)) & {card.track_id for card in cards}
    names = short_paths({card.video_id: card.video for card in cards})
    html = chooser(
        [(c.track_id, c.jpeg, f"{names[c.video_id]} {clock(c.span.start_s)}") for c in cards],
        chosen,
    )
    pressed = clickable(html, key)
    if pressed is not None and pressed.get("act") == "choose":
        choices[key] = chosen ^ {pressed["track"]}
        st.rerun()
    return chosen


def clear_choices() -> None:
    """Forget the chosen tracks and draw the page anew."""
    st.session_state.pop("track_choices", None)
    st.rerun()


def correct_appearances(verdicts: Judgements, person: str, chosen: frozenset[str]) -> None:
    """Reject chosen appearances of a person, or move them to another person."""
    if not chosen:
        st.caption("Choose appearances of other people.")
        return
    count, name = counted(len(chosen), "appearance"), people_names(verdicts)[person]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if st.button(f"Not this person ({len(chosen)})", key="not_person"):
            change = judge(catalog(), chosen, person, same=False)
            note_change(f"Took {count} from {name}.", change)
            clear_choices()
        other = st.text_input("Name of the other person", key="split_name").strip()
    if not other:
        st.caption("Type a name to move the chosen appearances to another person.")
        return
    with st.container(border=True):
        st.html(face_row(clearest_faces(catalog(), chosen, _MAX_FACES).values(), "Chosen face"))
        st.markdown(f"{count} will be moved from")
        st.html(person_card(portrait(catalog(), verdicts, person)))
        others = verdicts.alike(other)
        for namesake in others:
            st.markdown(f"to **{markdown(other)}**, who has this name already:")
            st.html(person_card(portrait(catalog(), verdicts, namesake)))
            if namesake == person:
                st.caption("The appearances belong to this person now.")
            elif st.button(f"Move to this person ({len(chosen)})", key=f"move-{namesake}"):
                change = judge(catalog(), chosen, namesake, same=True, take_from=[person])
                note_change(
                    f"Moved {count} from {name} to {people_names(verdicts)[namesake]}.", change
                )
                clear_choices()
        if others:
            st.caption("If it is somebody else, type a name that tells the two apart.")
            return
        st.markdown(f"to a new person, **{markdown(other)}**.")
        if st.button(f"Make another person ({len(chosen)})", key="split", type="primary"):
            change = split_person(catalog(), person, sorted(chosen), other)
            note_change(f"Moved {count} from {name} to {other}.", change)
            clear_choices()
