"""Undo on the pages: the changes of people and verdicts of this session."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import streamlit as st

from ui.components.context import catalog
from ui.components.markup import markdown
from vidsearch.catalog.naming.changes import Change, undo
from vidsearch.errors import VidsearchError

_MOST = 50
_KEY = "changes"
_FAILURE = "change_failure"


@dataclass(frozen=True, slots=True)
class _Done:
    """A change of this session: what was changed, as a sentence, and its record."""

    number: int
    sentence: str
    change: Change


def note_change(sentence: str, change: Change) -> None:
    """Offer to undo a change that this session made.

    Args:
        sentence: Description of the change, as plain text.
        change: The change.
    """
    done: list[_Done] = st.session_state.setdefault(_KEY, [])
    number = st.session_state[f"{_KEY}-made"] = st.session_state.get(f"{_KEY}-made", 0) + 1
    done.append(_Done(number, sentence, change))
    del done[:-_MOST]


def note_failure(error: VidsearchError) -> None:
    """Show an error of a callback where ``show_undo`` is drawn next."""
    st.session_state[_FAILURE] = str(error)


def drop_changes(person_ids: Collection[str]) -> None:
    """Forget the changes about people who were erased: their names are in them."""
    done: list[_Done] = st.session_state.get(_KEY, [])
    erased = set(person_ids)
    done[:] = [entry for entry in done if not erased & _people_of(entry.change)]


def _people_of(change: Change) -> set[str]:
    rows = (
        change.people_added,
        change.people_removed,
        change.verdicts_added,
        change.verdicts_removed,
    )
    return {change.person_id, *change.needs}.union(
        *(set(table["person_id"].to_pylist()) for table in rows)
    )


def show_undo() -> None:
    """Show the last change of this session with a button to undo it, and the earlier changes."""
    failure = st.session_state.pop(_FAILURE, None)
    if failure is not None:
        st.error(markdown(failure), icon=":material/error:")
    done: list[_Done] = st.session_state.get(_KEY, [])
    if not done:
        return
    last, earlier = done[-1], done[-2::-1]
    with st.container(horizontal=True, vertical_alignment="center", key="undo_line"):
        _show(last)
        if earlier:
            with st.popover(f"Earlier ({len(earlier)})"):
                for entry in earlier:
                    _show(entry)


def _show(entry: _Done) -> None:
    st.caption(markdown(entry.sentence))
    st.button(
        "Undo",
        key=f"undo-{entry.number}",
        icon=":material/undo:",
        on_click=_undo,
        args=(entry.number,),
    )


def _undo(number: int) -> None:
    done: list[_Done] = st.session_state.get(_KEY, [])
    entry = next((entry for entry in done if entry.number == number), None)
    if entry is None:
        return
    try:
        undo(catalog(), entry.change)
    except VidsearchError as error:
        note_failure(error)
    else:
        done.remove(entry)
