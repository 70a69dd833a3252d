"""The player: the film at the moment of a hit, the face framed, all hits of the film."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

import streamlit as st

from ui.clickable import clickable
from ui.context import cutter, told_plainly
from ui.markup import markdown, player, strip, text
from ui.service.films import SHELF
from ui.service.stills import boxed, jpeg, still
from vidsearch.datatypes import Hit
from vidsearch.results import SearchResult, clock, confidence_number, confidence_word


def play(hit: Hit, of_video: Sequence[Hit], result: SearchResult) -> None:
    """Open the player at a hit.

    Args:
        hit: Where to start.
        of_video: All hits of the same video, for its timeline.
        result: The search they come from.
    """
    duration_s = result.durations_s.get(hit.video_id)
    _dialog(hit, tuple(of_video), duration_s)


@st.dialog("Playing", width="large")
def _dialog(hit: Hit, of_video: tuple[Hit, ...], duration_s: float | None) -> None:
    st.markdown(
        f"**{markdown(PurePath(hit.video).name)}** from {clock(hit.span.start_s)} to "
        f"{clock(hit.span.end_s)}"
    )
    with told_plainly():
        with st.spinner("Preparing the film ..."):
            film = cutter().play(hit.video, hit.span.start_s, hit.span.end_s)
        keys: dict[str, str] = st.session_state.setdefault("film_keys", {})
        key = keys.get(str(film.served.path))
        if key is None or SHELF.find(key) is None:
            key = keys[str(film.served.path)] = SHELF.put(film.served)
        near = [
            other
            for other in of_video
            if not film.clip or other.track_id == hit.track_id
        ]  # fmt: skip
        bars = "" if film.clip else strip(near, duration_s, "seek", hit.track_id)
        label = f"{PurePath(hit.video).name} from {clock(hit.span.start_s)}"
        films, facts = st.columns([2, 1], gap="medium")
        with films:
            clickable(player(key, film.at_s, label) + bars, f"player-{hit.track_id}")
            if film.clip:
                st.caption(
                    f"A clip from {clock(film.offset_s)} of the video on: browsers cannot play "
                    "this file as it is."
                )
        with facts:
            picture = boxed(still(hit.video, hit.best_s), [hit.box_xyxy])
            st.image(jpeg(picture), caption=f"Best face, at {clock(hit.best_s)}", width="stretch")
            st.html(
                f'<p style="margin:0">{text(confidence_word(hit.confidence))}, '
                f"{text(confidence_number(hit.confidence))}<br>"
                f"similarity {hit.similarity:.3f}</p>"
            )
