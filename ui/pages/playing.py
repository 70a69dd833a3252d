"""Player dialog: the video at a moment, the best face, and the timeline of appearances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

import streamlit as st

from ui.components.clickable import clickable
from ui.components.context import cutter, errors_shown
from ui.components.markup import markdown, player
from ui.components.timeline import Bar, bars_of, timeline
from ui.service.media_tokens import MEDIA_TOKENS
from vidsearch.datatypes import Hit, TimeSpan, Vector
from vidsearch.read_options import DEFAULT_READ, ReadOptions
from vidsearch.results.result import SearchResult
from vidsearch.results.words import clock, confidence_number, confidence_word
from vidsearch.text.html import text
from vidsearch.video.stills import draw_boxes, jpeg, still


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """Start of a player, with facts shown beside it.

    Attributes:
        track_id: Track whose face is framed.
        video: Path or URI of the video.
        span: Time span of the track.
        best_s: Time of the best face, seconds.
        box_xyxy: (4,) float32 xyxy of the best face, pixels.
        facts: Lines of text beside the player.
        read: Options with which the video is opened.
    """

    track_id: str
    video: str
    span: TimeSpan
    best_s: float
    box_xyxy: Vector
    facts: tuple[str, ...]
    read: ReadOptions = DEFAULT_READ


def play(hit: Hit, of_video: Sequence[Hit], result: SearchResult) -> None:
    """Open the player at a hit.

    Args:
        hit: Hit at which to start.
        of_video: All hits of the same video, for the timeline.
        result: Search result with these hits.
    """
    facts = (
        f"{confidence_word(hit.confidence)}, {confidence_number(hit.confidence)}",
        f"similarity {hit.similarity:.3f}",
        *((hit.person,) if hit.person is not None else ()),
    )
    moment = Moment(hit.track_id, hit.video, hit.span, hit.best_s, hit.box_xyxy, facts, hit.read)
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
    with errors_shown():
        with st.spinner("Preparing the video ..."):
            playing = cutter().play(
                moment.video,
                moment.span.start_s,
                moment.span.end_s,
                moment.read,
                best_s=moment.best_s,
            )
        keys: dict[str, str] = st.session_state.setdefault("media_keys", {})
        key = keys.get(str(playing.served.path))
        if key is None or MEDIA_TOKENS.find(key) is None:
            key = keys[str(playing.served.path)] = MEDIA_TOKENS.put(playing.served)
        bars_html = (
            "" if playing.clip else timeline(bars, duration_s, "seek", name, moment.track_id)
        )
        label = f"{name} from {clock(moment.span.start_s)}"
        video, side_column = st.columns([2, 1], gap="medium")
        with video:
            clickable(player(key, playing.at_s, label) + bars_html, f"player-{moment.track_id}")
            if playing.clip:
                st.caption(
                    f"A clip that starts at {clock(playing.offset_s)} of the video: "
                    "browsers cannot play this file directly."
                )
        with side_column:
            image = draw_boxes(still(moment.video, moment.best_s, moment.read), [moment.box_xyxy])
            st.image(jpeg(image), caption=f"Best face at {clock(moment.best_s)}", width="stretch")
            st.html(f'<p class="vs-facts">{"<br>".join(map(text, moment.facts))}</p>')
