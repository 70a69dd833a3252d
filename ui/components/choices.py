"""Controls that choose by id: the only module that calls Streamlit's choice widgets.

Streamlit maps the label that the browser sends back to an option. Equal labels would choose another
option, so every label here is distinct, and a label that no longer belongs to an option chooses
nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from vidsearch.text.labels import distinct_labels

_GONE = "\x00"
"""Label of an option that is no longer offered; equal to no label, so that Streamlit drops it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer of a box that offers options and takes new text.

    Attributes:
        chosen: Id of the chosen option, or None.
        typed: Text that was typed instead, without spaces around; empty if an option was chosen.
    """

    chosen: str | None = None
    typed: str = ""


def choose_one(
    label: str,
    options: Mapping[str, str],
    *,
    key: str,
    default: int | None = None,
    placeholder: str | None = None,
    width: int | str = "stretch",
) -> str | None:
    """Show a box to choose one option; return its id, or None.

    Args:
        label: Label of the box.
        options: Text by id; equal texts get a distinction.
        key: Key of the box, unique in the app; the session state holds the id.
        default: Index of the option chosen at first; None: nothing.
        placeholder: Text of the box without a choice.
        width: Width of the box, pixels or ``stretch``.
    """
    labels = distinct_labels(options)
    box: Any = st.selectbox  # its overloads know no optional index
    chosen: str | None = box(
        label,
        list(labels),
        index=default,
        format_func=lambda option: labels.get(option, _GONE),
        placeholder=placeholder,
        key=key,
        width=width,
    )
    return chosen if chosen in labels else None


def choose_or_type(label: str, options: Mapping[str, str], *, key: str, placeholder: str) -> Answer:
    """Show a box to choose one option or to type a new text.

    Args:
        label: Label of the box.
        options: Text by id; equal texts get a distinction.
        key: Key of the box, unique in the app.
        placeholder: Text of the empty box.
    """
    labels = distinct_labels(options)
    answer: str | None = st.selectbox(
        label,
        list(labels),
        index=None,
        format_func=lambda option: labels.get(option, option),
        accept_new_options=True,
        placeholder=placeholder,
        key=key,
    )
    if answer is None or answer in labels:
        return Answer(chosen=answer)
    return Answer(typed=answer.strip())


def choose_many(
    label: str, options: Mapping[str, str], *, key: str, placeholder: str
) -> tuple[str, ...]:
    """Show a box to choose any number of options; return their ids.

    Args:
        label: Label of the box.
        options: Text by id; equal texts get a distinction.
        key: Key of the box, unique in the app; the session state holds the ids.
        placeholder: Text of the box without a choice.
    """
    labels = distinct_labels(options)
    chosen = st.multiselect(
        label,
        list(labels),
        format_func=lambda option: labels.get(option, _GONE),
        placeholder=placeholder,
        key=key,
    )
    return tuple(option for option in chosen if option in labels)
