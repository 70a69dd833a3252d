"""Naming and renaming, and the question whether people of an equal name are one person."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from ui.components.choices import Answer, choose_or_type
from ui.components.context import catalog, errors_shown, searcher
from ui.components.markup import markdown, person_card
from ui.components.undoing import note_change
from ui.pages.correcting import choose_tracks, clear_choices
from ui.service.people.portraits import people_names, portrait
from ui.service.people.targets import targets
from vidsearch.catalog.people import (
    Judgements,
    judge,
    merge_people,
    name_tracks,
    rename_person,
)
from vidsearch.errors import ConfigError
from vidsearch.results.words import counted
from vidsearch.search.people_clusters import TrackCard, unknown_people

_MAX_GROUPS = 12


def show_unknown(verdicts: Judgements) -> None:
    """Show clusters of unknown faces, each with a box for a name."""
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
    options = people_names(verdicts)
    for cluster in unknown.clusters[:_MAX_GROUPS]:
        with st.container(border=True), errors_shown():
            _show_cluster(verdicts, options, cluster)
    if len(unknown.clusters) > _MAX_GROUPS:
        st.caption(
            f"{len(unknown.clusters) - _MAX_GROUPS} more groups follow after these are named."
        )


def _show_cluster(
    verdicts: Judgements, options: dict[str, str], cluster: Sequence[TrackCard]
) -> None:
    key = cluster[0].track_id
    chosen = choose_tracks(cluster, f"cluster-{key}", frozenset(card.track_id for card in cluster))
    tracks = counted(len(chosen), "track")
    with st.form(f"name-{key}", border=False):
        answer = choose_or_type("Who is this?", options, key=f"as-{key}", placeholder="Type a name")
        if st.form_submit_button(f"Name {tracks}", key=f"do-{key}"):
            st.session_state["naming"] = (key, answer)
    asked, answer = st.session_state.get("naming", ("", Answer()))
    if asked != key:
        return
    if not chosen or answer == Answer():
        del st.session_state["naming"]
        raise ConfigError("type a name and choose at least one face")
    others = verdicts.alike(answer.typed) if answer.typed else []
    person = answer.chosen
    if others:
        person = ask_same_person(
            verdicts, others, answer.typed, key, f"Add {tracks} to this person"
        )
        if person is None:
            return
    del st.session_state["naming"]
    if person is not None:
        change = judge(catalog(), chosen, person, same=True)
        name = people_names(verdicts)[person]
    else:
        change = name_tracks(catalog(), chosen, answer.typed)
        name = answer.typed
    note_change(f"Named {tracks} {name}.", change)
    clear_choices()


def ask_same_person(
    verdicts: Judgements, others: Sequence[str], name: str, key: str, yes: str
) -> str | None:
    """Ask whether a typed name means one of the people who have it; return the chosen person.

    Args:
        verdicts: Named people.
        others: Ids of the people with this name.
        name: The typed name.
        key: Key of the question, unique on the page.
        yes: Label of the button beside each person.
    """
    st.warning(
        f"**{markdown(name)}** is the name of a person already. Is it the same person? If not, "
        "type a name that tells the two apart.",
        icon=":material/person_alert:",
    )
    for other in others:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.html(person_card(portrait(catalog(), verdicts, other)))
            if st.button(yes, key=f"same-{key}-{other}"):
                return other
    return None


def rename_box(verdicts: Judgements, person: str, label: str) -> None:
    """Show a box with a person's name; rename the person, or offer to merge two of one name.

    Args:
        verdicts: Named people.
        person: Id of the person.
        label: Label of the box.
    """
    old = verdicts.names[person]
    # The key holds the old name: after a change of the name, the box starts anew.
    name = st.text_input(label, value=old, key=f"rename-{person}-{old}")
    if not name.strip() or name == old:
        return
    others = [other for other in verdicts.alike(name) if other != person]
    if not others:
        note_change(f"Renamed {old} to {name}.", rename_person(catalog(), person, name))
        st.rerun()
    same = ask_same_person(verdicts, others, name, f"rename-{person}", "Merge with this person")
    if same is not None:
        merge_now(verdicts, same, person)


def merge_now(verdicts: Judgements, keep: str, other: str) -> None:
    """Merge a person into another and draw the page anew."""
    names = people_names(verdicts)
    note_change(f"Merged {names[other]} into {names[keep]}.", merge_people(catalog(), keep, other))
    targets(st.session_state).add(other, keep)
    st.session_state["next_person"] = keep
    st.rerun()
