"""Filters of a search: confidence, number of hits, videos."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pyarrow as pa
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ui.components.choices import choose_many
from vidsearch.search.filter import SearchFilter
from vidsearch.search.person_search import SearchRequest
from vidsearch.search.query import QueryFace
from vidsearch.text.labels import short_paths
from vidsearch.text.names import native_name


def request_for(
    videos: pa.Table,
    faces: tuple[QueryFace, ...],
    tracks: tuple[str, ...],
    person_id: str | None = None,
) -> tuple[SearchRequest, DeltaGenerator]:
    """Show the filters; return the request and the empty element below the threshold.

    Args:
        videos: Rows of ``videos``.
        faces: Faces to search with.
        tracks: Tracks to search with.
        person_id: Person whose verdicts take part, or None.
    """
    st.session_state.setdefault("least", 0.1)
    min_confidence = st.slider(
        "Minimum confidence",
        0.0,
        1.0,
        step=0.05,
        key="least",
        help="The probability that a hit shows the person, if one track in a hundred does.",
    )
    note = st.empty()
    top = st.slider("Maximum number of hits", 10, 300, 50, 10, key="top")
    request = SearchRequest(
        faces=faces,
        tracks=tracks,
        person_id=person_id,
        top=top,
        min_confidence=min_confidence,
    )
    expander = st.expander(
        "Filter videos", icon=":material/filter_alt:", key="only_some", on_change="rerun"
    )
    # Built only when opened: most searches do not filter, and a list of ten thousand names is slow.
    # Once opened it stays built, because Streamlit drops the values of removed widgets.
    if expander.open or st.session_state.get("narrowed"):
        st.session_state["narrowed"] = True
        with expander:
            request = _with_video_filters(request, videos.to_pylist())
    return request, note


def _with_video_filters(request: SearchRequest, videos: list[dict[str, Any]]) -> SearchRequest:
    """Show the filters of videos; return the request with them."""
    # Text operations only: this runs after every click, and an archive can hold 10,000 names.
    paths = {row["video_id"]: native_name(row["uri"]) for row in videos}
    parents = {video_id: path.rpartition("/")[0] or "/" for video_id, path in paths.items()}
    folder = choose_many(
        "Folders",
        {name: name for name in sorted(set(parents.values()))},
        key="folders",
        placeholder="All folders",
    )
    names = short_paths(paths)
    video = choose_many(
        "Videos",
        {video_id: names[video_id] for video_id in sorted(paths, key=paths.__getitem__)},
        key="videos",
        placeholder="All videos",
    )
    since = st.date_input("Changed from", value=None, key="since")
    until = st.date_input("Changed until", value=None, key="until")
    lengths = [row["duration_s"] / 60 for row in videos if row["duration_s"]]
    longest = float(int(max(lengths, default=0)) + 1)
    shortest_min, longest_min = st.slider(
        "Length of the video, minutes", 0.0, longest, (0.0, longest), key="lengths"
    )
    search_filter = SearchFilter(
        videos=video,
        folders=folder,
        since=datetime.combine(since, time(), UTC) if since is not None else None,
        until=datetime.combine(until, time(), UTC) + timedelta(days=1)
        if until is not None
        else None,
    )
    return replace(
        request,
        search_filter=search_filter,
        shortest_s=60 * shortest_min,
        longest_s=60 * longest_min if longest_min < longest else None,
    )
