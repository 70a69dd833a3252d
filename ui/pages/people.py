"""People page: named people with their appearances, and clusters of unknown faces."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from ui.components.choices import choose_one
from ui.components.clickable import clickable
from ui.components.context import catalog, errors_shown
from ui.components.markup import appearances, bars_of_cards, markdown, person_card
from ui.components.undoing import note_change, show_undo
from ui.pages.correcting import choose_tracks, correct_appearances
from ui.pages.naming import merge_now, rename_box, show_unknown
from ui.pages.playing import Moment, play_moment
from ui.service.labelled_photos import MIN_FACES, labelled_faces, verdicts_csv
from ui.service.people.portraits import people_names, portrait
from ui.service.people.targets import targets, track_element
from vidsearch.catalog.people import Judgements, judgements, remove_person
from vidsearch.evaluation.report import ReportTable
from vidsearch.evaluation.report.tables import to_html
from vidsearch.results.words import clock, counted
from vidsearch.search.people_clusters import TrackCard, companions, track_cards


def render() -> None:
    """Draw the page."""
    st.title("People", anchor=False)
    show_undo()
    with errors_shown():
        verdicts = judgements(catalog())
        named, unknown = st.tabs([f"Named ({len(verdicts.names)})", "Not named yet"])
        with named, errors_shown():
            _show_named(verdicts)
        with unknown, errors_shown():
            show_unknown(verdicts)


def _show_named(verdicts: Judgements) -> None:
    if not verdicts.names:
        st.info(
            "No person is named yet. Name faces under **Not named yet**, or judge search hits.",
            icon=":material/badge:",
        )
        return
    if "next_person" in st.session_state:  # set before the box is drawn, as Streamlit demands
        st.session_state["chosen_person"] = st.session_state.pop("next_person")
    person = choose_one("Person", people_names(verdicts), key="chosen_person", default=0, width=440)
    if person is None:
        return
    cards = track_cards(catalog(), verdicts.confirmed(person))
    left, right = st.columns([2, 1], gap="large")
    with left:
        _show_appearances(people_names(verdicts)[person], cards)
        with st.expander("Correct wrong appearances", icon=":material/person_remove:"):
            chosen = choose_tracks(cards, f"of-{person}", ())
            with errors_shown():
                correct_appearances(verdicts, person, chosen)
    with right, errors_shown():
        _person_actions(verdicts, person, cards)
    _training_set(verdicts)


def _show_appearances(name: str, cards: Sequence[TrackCard]) -> None:
    """Show the appearances of a person by video, with buttons to play them."""
    videos = catalog().videos(
        ["video_id", "duration_s"], video_ids=sorted({card.video_id for card in cards})
    )
    durations = {row["video_id"]: row["duration_s"] for row in videos.to_pylist()}
    seconds = sum(card.span.duration_s for card in cards)
    st.subheader(
        f"{counted(len(cards), 'appearance')} in {counted(len(durations), 'video')}", anchor=False
    )
    if not cards:
        st.caption("No appearance is confirmed yet: judge hits of a search, or name faces.")
        return
    st.caption(f"{markdown(name)} is visible for {clock(seconds)} in total.")
    pressed = clickable(appearances(cards, durations), "appearances")
    card = next((c for c in cards if pressed and c.track_id == pressed.get("track")), None)
    if card is not None:
        film = [c for c in cards if c.video_id == card.video_id]
        facts = (f"{name}, confirmed",)
        moments = [
            Moment(c.track_id, c.video, c.span, c.best_s, c.box_xyxy, facts, c.read) for c in film
        ]
        play_moment(
            moments[film.index(card)], bars_of_cards(film), durations.get(card.video_id), moments
        )


def _person_actions(verdicts: Judgements, person: str, cards: Sequence[TrackCard]) -> None:
    st.html(person_card(portrait(catalog(), verdicts, person)))
    rename_box(verdicts, person, "Name")
    if cards and st.button("Find more of this person", type="primary", key="find_more"):
        tracks = tuple(card.track_id for card in cards)
        st.session_state["more"] = tracks
        st.session_state["before_more"] = None
        targets(st.session_state).decide(map(track_element, tracks), person)
        st.switch_page(st.session_state["search_page"])
    st.caption(
        "Searches with one template of all confirmed appearances, which is better than one photo."
    )
    _merge(verdicts, person)
    _seen_together(verdicts, person)
    _remove(verdicts, person)


def _merge(verdicts: Judgements, person: str) -> None:
    others = {k: label for k, label in people_names(verdicts).items() if k != person}
    if not others:
        return
    other = choose_one(
        "Same person as",
        others,
        key=f"merge-{person}",
        placeholder="Choose a person",
    )
    if other is None:
        return
    with st.container(border=True):
        st.html(person_card(portrait(catalog(), verdicts, other)))
        st.markdown("will be merged into")
        st.html(person_card(portrait(catalog(), verdicts, person)))
        st.caption(
            f"The appearances of {markdown(people_names(verdicts)[other])} become appearances of "
            f"{markdown(people_names(verdicts)[person])}; the name of the former is removed."
        )
        if st.button("Merge", key="merge", type="primary"):
            merge_now(verdicts, person, other)


def _seen_together(verdicts: Judgements, person: str) -> None:
    st.markdown("**Seen together with**")
    seen_with = companions(catalog(), verdicts, person)
    if not seen_with:
        st.caption("No other named person so far.")
        return
    names = people_names(verdicts)
    rows = tuple(
        (names[c.person_id], counted(c.times, "time"), clock(c.seconds)) for c in seen_with
    )
    st.html(
        to_html(
            ReportTable(
                "company",
                "Named people visible at the same time",
                ("person", "times", "together"),
                rows,
            )
        )
    )


def _remove(verdicts: Judgements, person: str) -> None:
    with st.expander("Remove this person", icon=":material/person_off:"):
        st.html(person_card(portrait(catalog(), verdicts, person)))
        st.caption(
            "Removes the name and its verdicts. The appearances stay and belong to nobody. "
            "**Forget** on the Archive page erases the faces too."
        )
        if st.button("Remove the name", key=f"remove-{person}"):
            name = people_names(verdicts)[person]
            note_change(f"Removed {name}.", remove_person(catalog(), person))
            st.rerun()


def _training_set(verdicts: Judgements) -> None:
    with st.expander("Train with these names", icon=":material/school:"):
        training_set = labelled_faces(catalog(), verdicts)
        people = counted(training_set.people, "person", "people")
        left_out = counted(training_set.left_out, "person", "people")
        rest = f" {left_out} with fewer are left out." if training_set.left_out else ""
        st.write(
            f"{counted(training_set.faces, 'stored face')} of {people} with {MIN_FACES} faces or "
            f"more can be used for training.{rest} This command makes the training set:"
        )
        st.code(training_set.command, language=None, wrap_lines=True)
        st.download_button(
            "All verdicts (CSV)",
            lambda: verdicts_csv(catalog()),
            "verdicts.csv",
            "text/csv",
            key="verdicts",
            on_click="ignore",
        )
