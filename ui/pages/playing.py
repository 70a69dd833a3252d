"""Player dialog: the video at a moment, the best face, and the timeline of appearances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

import streamlit as st

from ui.components.clickable import clickable
from ui.components.context import cutter, errors_shown, settings
from ui.components.player import Panel, empty_player, player, player_view
from ui.components.timeline import Bar, bars_of, timeline
from ui.service.allowed_folders import require_playable
from ui.service.clip_cache import PlayerSource
from ui.service.media_tokens import MEDIA_TOKENS, STILL_TOKENS, ServedStill
from vidsearch.datatypes import Hit, TimeSpan, Vector
from vidsearch.read_options import DEFAULT_READ, ReadOptions
from vidsearch.results.result import SearchResult
from vidsearch.results.words import clock, confidence_number, confidence_word

_TRACK = "player_track"


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


def play(hit: Hit, of_video: Sequence[Hit], result: SearchResult, owners: dict[str, str]) -> None:
    """Open the player at a hit.

    Args:
        hit: Hit at which to start.
        of_video: All hits of the same video, for the timeline.
        result: Search result with these hits.
        owners: Name of the person whom each track shows.
    """
    moments = [_moment_of_hit(other, owners) for other in of_video]
    start = next(moment for moment in moments if moment.track_id == hit.track_id)
    play_moment(start, bars_of(of_video), result.durations_s.get(hit.video_id), moments)


def _moment_of_hit(hit: Hit, owners: dict[str, str]) -> Moment:
    owner = owners.get(hit.track_id, hit.person)
    facts = (
        f"{confidence_word(hit.confidence)}, {confidence_number(hit.confidence)}",
        f"similarity {hit.similarity:.3f}",
        *((owner,) if owner is not None else ()),
    )
    return Moment(hit.track_id, hit.video, hit.span, hit.best_s, hit.box_xyxy, facts, hit.read)


def play_moment(
    moment: Moment,
    bars: Sequence[Bar],
    duration_s: float | None,
    moments: Sequence[Moment] = (),
) -> None:
    """Open the player at a moment, with the timeline of its video.

    Args:
        moment: Moment at which to start.
        bars: Bars of the timeline.
        duration_s: Length of the video, seconds, if it is known.
        moments: Moments of the bars; empty: the first moment only.
    """
    st.session_state[_TRACK] = moment.track_id
    _dialog(tuple(moments) if moments else (moment,), tuple(bars), duration_s)


@st.dialog("Playing", width="large")
def _dialog(moments: tuple[Moment, ...], bars: tuple[Bar, ...], duration_s: float | None) -> None:
    track_id = st.session_state.get(_TRACK)
    moment = next((m for m in moments if m.track_id == track_id), moments[0])
    roots = settings().roots
    name = PurePath(moment.video).name
    panels = [_panel(other, roots) for other in moments]
    # One element that is replaced as a whole: nothing of an earlier film stays beside this one.
    slot = st.empty()
    with errors_shown():
        require_playable(moment.video, roots)
        with slot:
            view = player_view(name, empty_player(), "", panels, moment.track_id)
            clickable(view, f"preparing-{moment.track_id}")
        try:
            playing = cutter().play(
                moment.video,
                moment.span.start_s,
                moment.span.end_s,
                moment.read,
                best_s=moment.best_s,
            )
        except Exception:
            slot.empty()
            raise
        act = "open" if playing.clip else "seek"
        strip = timeline(bars, duration_s, act, name, moment.track_id)
        film = player(_film_key(playing), playing.at_s, f"{name} from {clock(moment.span.start_s)}")
        note = (
            f"A clip that starts at {clock(playing.offset_s)} of the video: browsers cannot play "
            "this file directly."
            if playing.clip
            else ""
        )
        with slot:
            view = player_view(name, film, strip, panels, moment.track_id, note)
            pressed = clickable(view, f"player-{moment.track_id}", offset=playing.offset_s)
        if pressed is not None and pressed.get("act") == "open":
            st.session_state[_TRACK] = pressed["track"]
            st.rerun(scope="fragment")


def _film_key(playing: PlayerSource) -> str:
    keys: dict[str, str] = st.session_state.setdefault("media_keys", {})
    path = str(playing.served.path)
    key = keys.get(path)
    if key is None or MEDIA_TOKENS.find(key) is None:
        key = keys[path] = MEDIA_TOKENS.put(playing.served)
    return key


def _panel(moment: Moment, roots: tuple[str, ...]) -> Panel:
    keys: dict[str, str] = st.session_state.setdefault("still_keys", {})
    key = keys.get(moment.track_id)
    served = STILL_TOKENS.find(key) if key is not None else None
    if key is None or served is None or served.video != moment.video:
        still = ServedStill(moment.video, moment.best_s, moment.box_xyxy, moment.read, roots)
        key = keys[moment.track_id] = STILL_TOKENS.put(still)
    return Panel(
        moment.track_id,
        moment.span.start_s,
        moment.span.end_s,
        moment.best_s,
        key,
        moment.facts,
    )
