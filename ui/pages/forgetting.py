"""Erasure on the Archive page, after a question that shows face, name and number."""

from __future__ import annotations

from dataclasses import asdict

import streamlit as st

from ui.components.choices import choose_one
from ui.components.context import catalog
from ui.components.markup import face_row, markdown, person_card
from ui.components.undoing import drop_changes
from ui.service.people.portraits import faces_of_video, people_names, portrait
from vidsearch.catalog.people import judgements
from vidsearch.erasure.person import forget_person
from vidsearch.erasure.videos import forget_video
from vidsearch.results.words import counted
from vidsearch.text.names import native_name


def forget() -> None:
    """Show the boxes to choose a video or a person, the question, and the receipt."""
    st.subheader("Forget", anchor=False)
    st.caption(
        "Erases rows, faces and vectors, searches the whole catalog for remaining traces, and "
        "writes a receipt. Erasing cannot be undone."
    )
    if (receipt := st.session_state.pop("receipt", None)) is not None:
        st.success("Erased. The receipt is in the catalog's folder 'receipts'.")
        st.json(receipt)
    rows = catalog().videos(["video_id", "uri"]).sort_by("uri").to_pylist()
    left_column, right_column = st.columns(2)
    with left_column:
        video = choose_one(
            "A video",
            {row["video_id"]: native_name(row["uri"]) for row in rows},
            key="forget_video",
            placeholder="Choose a video",
        )
        if video is not None and st.button("Forget this video ...", key="ask_video"):
            st.session_state["asking"] = (video, False)
    with right_column:
        person = choose_one(
            "A person, with all confirmed faces",
            people_names(judgements(catalog())),
            key="forget_person",
            placeholder="Choose a person",
        )
        if person is not None and st.button("Forget this person ...", key="ask_person"):
            st.session_state["asking"] = (person, True)
    asked = st.session_state.get("asking")
    # A question about another choice than the boxes show is out of date.
    if asked in ((video, False), (person, True)):
        _confirm_erasure(*asked)


def _confirm_erasure(identity: str, is_person: bool) -> None:
    with st.container(border=True):
        if is_person:
            _ask_for_person(identity)
        else:
            _ask_for_video(identity)
        with st.container(horizontal=True):
            confirmed = st.button("Erase permanently", type="primary", key="really")
            if st.button("Cancel", key="keep"):
                del st.session_state["asking"]
                st.rerun()
    if confirmed:
        del st.session_state["asking"]
        with st.spinner("Erasing, then searching for remaining traces ..."):
            receipt = (forget_person if is_person else forget_video)(catalog(), identity)
        if is_person:
            drop_changes([identity])
        st.session_state["receipt"] = asdict(receipt)
        st.rerun()


def _ask_for_person(person: str) -> None:
    verdicts = judgements(catalog())
    asked = portrait(catalog(), verdicts, person)
    st.html(person_card(asked))
    st.warning(
        f"Erase **{markdown(asked.name)}** permanently? The name, every verdict, and "
        f"{counted(len(verdicts.confirmed(person)), 'confirmed appearance')} with all faces are "
        "erased.",
        icon=":material/delete:",
    )


def _ask_for_video(video: str) -> None:
    rows = catalog().videos(["uri"], video_ids=[video]).to_pylist()
    name = native_name(rows[0]["uri"]) if rows else video
    tracks, faces = faces_of_video(catalog(), video)
    if faces:
        st.html(face_row(faces.values(), "Face in the video"))
    st.warning(
        f"Erase **{markdown(name)}** permanently, with {counted(tracks, 'track')} of faces? The "
        "video file is not deleted; only `vidsearch index --again` indexes it again.",
        icon=":material/delete:",
    )
