"""People page: named people with their appearances, and clusters of unknown faces."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import PurePath

import streamlit as st

from ui.components.clickable import clickable
from ui.components.context import catalog, errors_shown, searcher
from ui.components.markup import appearances, bars_of_cards, chooser, markdown
from ui.pages.playing import Moment, play_moment
from ui.service.labelled_photos import MIN_FACES, labelled_faces, verdicts_csv
from vidsearch.catalog.people import (
    Judgements,
    add_person,
    judge,
    judgements,
    merge_people,
    rename_person,
    split_person,
)
from vidsearch.errors import ConfigError
from vidsearch.evaluation.report import ReportTable
from vidsearch.evaluation.report.tables import to_html
from vidsearch.results.words import clock, counted
from vidsearch.search.people_clusters import TrackCard, companions, track_cards, unknown_people
from vidsearch.text.labels import distinct_labels

_MAX_GROUPS = 12


def render() -> None:
    """Draw the page."""
    st.title("People", anchor=False)
    with errors_shown():
        verdicts = judgements(catalog())
        named, unknown = st.tabs([f"Named ({len(verdicts.names)})", "Not named yet"])
        with named, errors_shown():
            _show_named(verdicts)
        with unknown, errors_shown():
            _show_unknown(verdicts)


def _show_named(verdicts: Judgements) -> None:
    if not verdicts.names:
        st.info(
            "No person is named yet. Name faces under **Not named yet**, or judge search hits.",
            icon=":material/badge:",
        )
        return
    if st.session_state.get("chosen_person") not in verdicts.names:
        st.session_state.pop("chosen_person", None)
    labels = distinct_labels(verdicts.names)
    person = st.selectbox(
        "Person",
        list(labels),
        format_func=labels.__getitem__,
        key="chosen_person",
        width=440,
    )
    tracks = verdicts.confirmed(person)
    cards = track_cards(catalog(), tracks)
    left, right = st.columns([2, 1], gap="large")
    with left:
        _show_appearances(verdicts.names[person], cards)
        with st.expander("Correct wrong appearances", icon=":material/person_remove:"):
            chosen = _choose_tracks(cards, f"of-{person}", ())
            _correct_appearances(person, chosen)
    with right:
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
        bars = bars_of_cards([c for c in cards if c.video_id == card.video_id])
        facts = (f"{name}, confirmed",)
        moment = Moment(
            card.track_id, card.video, card.span, card.best_s, card.box_xyxy, facts, card.read
        )
        play_moment(moment, bars, durations.get(card.video_id))


def _person_actions(verdicts: Judgements, person: str, cards: Sequence[TrackCard]) -> None:
    name = st.text_input("Name", value=verdicts.names[person], key=f"rename-{person}")
    if name.strip() and name != verdicts.names[person]:
        rename_person(catalog(), person, name)
        st.rerun()
    if cards and st.button("Find more of this person", type="primary", key="find_more"):
        st.session_state["more"] = tuple(card.track_id for card in cards)
        st.session_state["person"] = person
        st.switch_page(st.session_state["search_page"])
    st.caption(
        "Searches with one template of all confirmed appearances, which is better than one photo."
    )
    others = [other for other in verdicts.names if other != person]
    if others:
        other = st.selectbox(
            "Same person as",
            others,
            index=None,
            format_func=distinct_labels(verdicts.names).__getitem__,
            placeholder="Choose a person",
            key=f"merge-{person}",
        )
        if other is not None and st.button("Merge", key="merge"):
            merge_people(catalog(), person, other)
            st.rerun()
    st.markdown("**Seen together with**")
    seen_with = companions(catalog(), verdicts, person)
    if not seen_with:
        st.caption("No other named person so far.")
        return
    rows = tuple((c.name, counted(c.times, "time"), clock(c.seconds)) for c in seen_with)
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


def _correct_appearances(person: str, chosen: frozenset[str]) -> None:
    """Reject chosen appearances of a person, or move them to another person."""
    if not chosen:
        st.caption("Choose appearances of other people.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if st.button(f"Not this person ({len(chosen)})", key="not_person"):
            judge(catalog(), chosen, person, same=False)
            _clear_choices()
        name = st.text_input("Name of the other person", key="split_name")
        if st.button("Make another person", key="split", disabled=not name.strip()):
            split_person(catalog(), person, sorted(chosen), name)
            _clear_choices()


def _show_unknown(verdicts: Judgements) -> None:
    unknown = unknown_people(catalog(), searcher().calibration)
    if not unknown.clusters:
        st.info("No unknown faces.", icon=":material/done_all:")
        return
    rest = f"; {unknown.left_out:,} less clear tracks are left out" if unknown.left_out else ""
    groups = counted(len(unknown.clusters), "group")
    st.caption(
        f"{counted(unknown.clustered, 'track')} in {groups}{rest}. "
        "People visible at the same time are never grouped. Deselect wrong faces, then name the "
        "rest."
    )
    labels = distinct_labels(verdicts.names)
    for number, cluster in enumerate(unknown.clusters[:_MAX_GROUPS]):
        key = cluster[0].track_id
        with st.container(border=True):
            ids = frozenset(card.track_id for card in cluster)
            chosen = _choose_tracks(cluster, f"cluster-{key}", ids)
            with st.form(f"name-{key}", border=False):
                name = st.selectbox(
                    "Who is this?",
                    list(labels.values()),
                    index=None,
                    accept_new_options=True,
                    placeholder="Type a name",
                    key=f"as-{key}",
                )
                if st.form_submit_button(f"Name {counted(len(chosen), 'track')}", key=f"do-{key}"):
                    _give_name(verdicts, name, chosen)
        if number + 1 == _MAX_GROUPS and len(unknown.clusters) > _MAX_GROUPS:
            st.caption(
                f"{len(unknown.clusters) - _MAX_GROUPS} more groups follow after these are named."
            )


def _give_name(verdicts: Judgements, name: str | None, chosen: Collection[str]) -> None:
    if not name or not chosen:
        raise ConfigError("type a name and choose at least one face")
    labels = {label: person for person, label in distinct_labels(verdicts.names).items()}
    same = [labels[name]] if name in labels else verdicts.named(name)
    person = same[0] if same else add_person(catalog(), name)
    judge(catalog(), chosen, person, same=True)
    _clear_choices()


def _choose_tracks(
    cards: Sequence[TrackCard], key: str, initial: Collection[str]
) -> frozenset[str]:
    """Show faces as toggle buttons; return the ids of the chosen tracks."""
    choices: dict[str, frozenset[str]] = st.session_state.setdefault("track_choices", {})
    chosen = choices.get(key, frozenset(initial)) & {card.track_id for card in cards}
    html = chooser(
        [(c.track_id, c.jpeg, f"{PurePath(c.video).name} {clock(c.span.start_s)}") for c in cards],
        chosen,
    )
    pressed = clickable(html, key)
    if pressed is not None and pressed.get("act") == "choose":
        choices[key] = chosen ^ {pressed["track"]}
        st.rerun()
    return chosen


def _clear_choices() -> None:
    st.session_state.pop("track_choices", None)
    st.rerun()
