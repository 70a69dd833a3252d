"""The people page: unknown faces put together, named people and where they appear."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import PurePath

import streamlit as st

from ui.components.clickable import clickable
from ui.components.context import catalog, searcher, told_plainly
from ui.components.markup import appearances, bars_of_cards, chooser, markdown
from ui.pages.playing import Moment, play_moment
from ui.service.labelled_photos import FEWEST_FACES, labelled_faces, verdicts_csv
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
from vidsearch.search.people_clusters import TrackCard, company, track_cards, unknown_people

_SHOWN = 12


def render() -> None:
    """Draw the page."""
    st.title("People", anchor=False)
    with told_plainly():
        known = judgements(catalog())
        named, unknown = st.tabs([f"Named ({len(known.names)})", "Not named yet"])
        with named, told_plainly():
            _named(known)
        with unknown, told_plainly():
            _unknown(known)


def _named(known: Judgements) -> None:
    if not known.names:
        st.info(
            "Nobody is named yet. Name faces under **Not named yet**, or judge hits of a search.",
            icon=":material/badge:",
        )
        return
    if st.session_state.get("who") not in known.names:
        st.session_state.pop("who", None)
    person = st.selectbox(
        "Person", list(known.names), format_func=known.names.__getitem__, key="who", width=440
    )
    tracks = known.confirmed(person)
    cards = track_cards(catalog(), tracks)
    left, right = st.columns([2, 1], gap="large")
    with left:
        _appearances(known.names[person], cards)
        with st.expander("Is one of them somebody else?", icon=":material/person_remove:"):
            chosen = _choose(cards, f"of-{person}", ())
            _change(person, chosen)
    with right:
        _about(known, person, cards)
    _training_set(known)


def _appearances(name: str, cards: Sequence[TrackCard]) -> None:
    """Show every appearance of somebody, by video, to be played."""
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
    st.caption(f"{markdown(name)} is seen for {clock(seconds)} altogether.")
    pressed = clickable(appearances(cards, durations), "appearances")
    card = next((c for c in cards if pressed and c.track_id == pressed.get("track")), None)
    if card is not None:
        of_video = bars_of_cards([c for c in cards if c.video_id == card.video_id])
        words = (f"{name}, confirmed",)
        moment = Moment(card.track_id, card.video, card.span, card.best_s, card.box_xyxy, words)
        play_moment(moment, of_video, durations.get(card.video_id))


def _about(known: Judgements, person: str, cards: Sequence[TrackCard]) -> None:
    name = st.text_input("Name", value=known.names[person], key=f"rename-{person}")
    if name.strip() and name != known.names[person]:
        rename_person(catalog(), person, name)
        st.rerun()
    if cards and st.button("Find more of this person", type="primary", key="find_more"):
        st.session_state["more"] = tuple(card.track_id for card in cards)
        st.session_state["person"] = person
        st.switch_page(st.session_state["search_page"])
    st.caption("Searches with one template of all confirmed appearances: better than one photo.")
    others = [other for other in known.names if other != person]
    if others:
        other = st.selectbox(
            "Is the same person as", others, index=None, format_func=known.names.__getitem__,
            placeholder="Choose a person", key=f"merge-{person}",
        )  # fmt: skip
        if other is not None and st.button("Make them one", key="merge"):
            merge_people(catalog(), person, other)
            st.rerun()
    st.markdown("**Seen together with**")
    seen_with = company(catalog(), known, person)
    if not seen_with:
        st.caption("Nobody else who is named, so far.")
        return
    rows = tuple((c.name, counted(c.times, "time"), clock(c.seconds)) for c in seen_with)
    st.html(to_html(ReportTable("company", "Named people visible at the same time",
                          ("person", "times", "together"), rows)))  # fmt: skip


def _training_set(known: Judgements) -> None:
    with st.expander("Train with these names", icon=":material/school:"):
        found = labelled_faces(catalog(), known)
        rest = f" {counted(found.left_out, 'person', 'people')} with fewer are left out."
        st.write(
            f"{counted(found.faces, 'stored face')} of "
            f"{counted(found.people, 'person', 'people')} with {FEWEST_FACES} faces or more can be "
            f"learned from.{rest if found.left_out else ''} This makes the training set:"
        )
        st.code(found.command, language=None, wrap_lines=True)
        st.download_button(
            "All verdicts (CSV)", lambda: verdicts_csv(catalog()), "verdicts.csv", "text/csv",
            key="verdicts", on_click="ignore",
        )  # fmt: skip


def _change(person: str, chosen: frozenset[str]) -> None:
    """Take chosen appearances away from a person, for nobody or for somebody else."""
    if not chosen:
        st.caption("Choose appearances that are somebody else.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if st.button(f"Not this person ({len(chosen)})", key="not_person"):
            judge(catalog(), chosen, person, same=False)
            _forget_choice()
        name = st.text_input("Or somebody else, by name", key="split_name")
        if st.button("Make another person", key="split", disabled=not name.strip()):
            split_person(catalog(), person, sorted(chosen), name)
            _forget_choice()


def _unknown(known: Judgements) -> None:
    found = unknown_people(catalog(), searcher().calibration)
    if not found.clusters:
        st.info("No unknown faces.", icon=":material/done_all:")
        return
    rest = f"; {found.left_out:,} less clear ones wait" if found.left_out else ""
    st.caption(
        f"{counted(found.clustered, 'track')} in {counted(len(found.clusters), 'group')}{rest}. "
        "People seen at the same time are never put together. Take out who does not belong, then "
        "name the rest."
    )
    for number, cluster in enumerate(found.clusters[:_SHOWN]):
        key = cluster[0].track_id
        with st.container(border=True):
            ids = frozenset(card.track_id for card in cluster)
            chosen = _choose(cluster, f"cluster-{key}", ids)
            with st.form(f"name-{key}", border=False):
                name = st.selectbox(
                    "Who is this?", list(known.names.values()), index=None,
                    accept_new_options=True, placeholder="Type a name", key=f"as-{key}",
                )  # fmt: skip
                if st.form_submit_button(f"Name {counted(len(chosen), 'track')}", key=f"do-{key}"):
                    _give_name(known, name, chosen)
        if number + 1 == _SHOWN and len(found.clusters) > _SHOWN:
            st.caption(f"{len(found.clusters) - _SHOWN} more groups follow when these are named.")


def _give_name(known: Judgements, name: str | None, chosen: Collection[str]) -> None:
    if not name or not chosen:
        raise ConfigError("type a name, and leave at least one face chosen")
    same = [person for person, has in known.names.items() if has == name]
    person = same[0] if same else add_person(catalog(), name)
    judge(catalog(), chosen, person, same=True)
    _forget_choice()


def _choose(cards: Sequence[TrackCard], key: str, at_first: Collection[str]) -> frozenset[str]:
    """Show faces that can be chosen; return the chosen ones."""
    choices: dict[str, frozenset[str]] = st.session_state.setdefault("track_choices", {})
    chosen = choices.get(key, frozenset(at_first)) & {card.track_id for card in cards}
    html = chooser(
        [
            (c.track_id, c.jpeg, f"{PurePath(c.video).name} {clock(c.span.start_s)}")
            for c in cards
        ],
        chosen,
    )  # fmt: skip
    pressed = clickable(html, key)
    if pressed is not None and pressed.get("act") == "choose":
        choices[key] = chosen ^ {pressed["track"]}
        st.rerun()
    return chosen


def _forget_choice() -> None:
    st.session_state.pop("track_choices", None)
    st.rerun()
