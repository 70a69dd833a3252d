"""The player: the film at a moment, the face framed, all appearances in the film."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

import streamlit as st

from ui.components.clickable import clickable
from ui.components.context import cutter, told_plainly
from ui.components.markup import markdown, player
from ui.components.timeline import Bar, bars_of, strip
from ui.service.media_tokens import MEDIA_TOKENS
from vidsearch.datatypes import Hit, TimeSpan, Vector
from vidsearch.results.result import SearchResult
from vidsearch.results.words import clock, confidence_number, confidence_word
from vidsearch.text.html import text
from vidsearch.video.stills import boxed, jpeg, still


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """Where a player starts, and what is said beside it.

    Attributes:
        track_id: Whose face is framed.
        video: Path or URI.
        span: Of the track.
        best_s: When the face is seen best.
        box_xyxy: (4,) float32, the face then.
        words: What is known of it, a line each.
    """

    track_id: str
    video: str
    span: TimeSpan
    best_s: float
    box_xyxy: Vector
    words: tuple[str, ...]


def play(hit: Hit, of_video: Sequence[Hit], result: SearchResult) -> None:
    """Open the player at a hit.

    Args:
        hit: Where to start.
        of_video: All hits of the same video, for its timeline.
        result: The search they come from.
    """
    words = (
        f"{confidence_word(hit.confidence)}, {confidence_number(hit.confidence)}",
        f"similarity {hit.similarity:.3f}",
        *((hit.person,) if hit.person is not None else ()),
    )
    moment = Moment(hit.track_id, hit.video, hit.span, hit.best_s, hit.box_xyxy, words)
    play_moment(moment, bars_of(of_video), result.durations_s.get(hit.video_id))


def play_moment(moment: Moment, bars: Sequence[Bar], duration_s: float | None) -> None:
    """Open the player at a moment, with the timeline of its video."""
    _dialog(moment, tuple(bars), duration_s)


@st.dialog("Playing", width="large")
def _dialog(moment: Moment, bars: tuple[Bar, ...], duration_s: float | None) -> None:
    name = PurePath(moment.video).name
    st.markdown(
        f"**{markdown(name)}** from {clock(moment.span.start_s)} to {clock(moment.span.end_s)}"
    )
    with told_plainly():
        with st.spinner("Preparing the film ..."):
            film = cutter().play(moment.video, moment.span.start_s, moment.span.end_s)
        keys: dict[str, str] = st.session_state.setdefault("film_keys", {})
        key = keys.get(str(film.served.path))
        if key is None or MEDIA_TOKENS.find(key) is None:
            key = keys[str(film.served.path)] = MEDIA_TOKENS.put(film.served)
        line = "" if film.clip else strip(bars, duration_s, "seek", name, moment.track_id)
        label = f"{name} from {clock(moment.span.start_s)}"
        films, facts = st.columns([2, 1], gap="medium")
        with films:
            clickable(player(key, film.at_s, label) + line, f"player-{moment.track_id}")
            if film.clip:
                st.caption(
                    f"A clip from {clock(film.offset_s)} of the video on: browsers cannot play "
                    "this file as it is."
                )
        with facts:
            picture = boxed(still(moment.video, moment.best_s), [moment.box_xyxy])
            st.image(
                jpeg(picture), caption=f"Best face, at {clock(moment.best_s)}", width="stretch"
            )
            st.html(f'<p class="vs-facts">{"<br>".join(map(text, moment.words))}</p>')
