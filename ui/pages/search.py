"""Search page: photos, faces, filters, hits, verdicts and exports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ui.components.clickable import clickable
from ui.components.context import catalog, errors_shown, searcher
from ui.components.markup import Marks, hit_list, markdown, results, target_face
from ui.pages.filters import request_for
from ui.pages.judging import judge_pressed, question_of, search_more, show_target
from ui.pages.photos import chosen_faces
from ui.pages.playing import play
from ui.service.people.portraits import people_names
from ui.service.people.targets import Question, is_new, track_element
from ui.service.running_jobs import being_indexed
from vidsearch.catalog.people import Judgements, judgements
from vidsearch.photo.query_warning import WarningCode
from vidsearch.results import as_edl
from vidsearch.results.as_csv import to_csv
from vidsearch.results.as_html import to_html
from vidsearch.results.as_json import to_json
from vidsearch.results.result import Coverage
from vidsearch.results.sentences import (
    coverage_facts,
    false_hits_sentence,
    headline,
    warning_sentence,
)
from vidsearch.results.words import clock, counted
from vidsearch.search.person_search import JudgedResult, SearchRequest
from vidsearch.text.html import text
from vidsearch.text.json_text import json_text

_EMPTY = "Nothing is searchable yet: the Archive page adds videos."

_STEPS = """<ol class="vs-steps">
<li><strong>Give a photo</strong><span>Several photos of one person find more.</span></li>
<li><strong>Pick the face</strong><span>The largest is chosen; click another.</span></li>
<li><strong>See the appearances</strong><span>Each with time, confidence and video.</span></li>
<li><strong>Judge</strong><span>The next search uses your answers, Same or Not.</span></li>
</ol>"""


def render() -> None:
    """Draw the page."""
    st.title("Who are you looking for?", anchor=False)
    _show_indexing()
    rows = catalog().videos(["video_id", "uri", "duration_s", "status", "tracks", "read_s"])
    videos = rows.filter(pc.not_equal(rows["status"], "failed"))
    left, right = st.columns([1, 2], gap="large")
    with left, errors_shown():
        faces = chosen_faces()
        tracks: tuple[str, ...] = st.session_state.get("more", ())
        if tracks:
            _show_track_query()
            faces = {}
        query = note = None
        if faces or tracks:
            verdicts = judgements(catalog())
            question = question_of(verdicts, faces, tracks)
            person = question.person
            person_id = person if person is not None and not is_new(person) else None
            request, note = request_for(videos, tuple(faces.values()), tracks, person_id)
            query = _Query(request, verdicts, question, (*faces, *map(track_element, tracks)))
    with right, errors_shown():
        if not videos.num_rows:
            _show_empty_archive()
        elif query is None or note is None:
            _show_instructions(videos)
        else:
            _show_result(query, note)


@dataclass(frozen=True, slots=True, eq=False)
class _Query:
    """Search of this run: the request, and whom verdicts on its hits go to."""

    request: SearchRequest
    verdicts: Judgements
    question: Question
    elements: tuple[str, ...]


def _show_indexing() -> None:
    job = being_indexed(catalog())
    if job is not None:
        st.info(
            f"The archive is being indexed: {job.finished:,} of {counted(job.videos, 'video')} "
            "done. The next search includes the new videos.",
            icon=":material/sync:",
        )


def _show_empty_archive() -> None:
    st.info(
        "Nothing is searchable yet. Index a folder of videos on the **Archive** page.",
        icon=":material/inventory_2:",
    )
    _page_link("archive_page", "Go to the archive", ":material/video_library:")


def _page_link(page: str, label: str, icon: str) -> None:
    if page in st.session_state:
        st.page_link(st.session_state[page], label=label, icon=icon)


def _show_track_query() -> None:
    st.info("Searching with faces from the archive.", icon=":material/face:")
    if st.button("Back to my photos", key="drop_more"):
        st.session_state.pop("more", None)
        st.session_state.pop("before_more", None)
        st.rerun()


def _show_instructions(videos: pa.Table) -> None:
    st.subheader("Drop a photo of a face", anchor=False)
    st.html(_STEPS)
    left, middle, right = st.columns(3)
    left.metric("Videos", f"{len(videos):,}")
    middle.metric("Duration", clock(float(pc.sum(videos["read_s"], min_count=0).as_py())))
    right.metric("Tracks of faces", f"{pc.sum(videos['tracks'], min_count=0).as_py():,}")


def _show_result(query: _Query, note: DeltaGenerator) -> None:
    request = query.request
    answer = searcher().search(request)
    result = answer.result
    # Screen readers announce changes of an element with the role "status".
    st.html(f'<h2 role="status" class="vs-headline">{text(headline(result))}</h2>')
    st.caption(_coverage(result.coverage))
    if not result.coverage.complete:
        _page_link("archive_page", "What could not be searched", ":material/report:")
    _show_warnings(request, answer)
    _show_expected_false_hits(answer, request, note)
    if not result.hits:
        _show_no_hit(request)
    face = next((photo.face_jpeg for photo in result.query if photo.face_jpeg is not None), None)
    target = show_target(query.verdicts, query.question, query.elements, face)
    owners = _owners(query.verdicts)
    style = target_face(target.jpeg if target is not None else None)
    if result.hits:
        marks = Marks(answer.confirmed, (), target, owners)
        pressed = clickable(style + results(result, marks), "results")
        _perform_action(pressed, answer, query)
    if answer.rejected:
        with st.expander(f"{counted(len(answer.rejected), 'hit')} you rejected"):
            marks = Marks((), _track_ids(answer.rejected), target, owners)
            html = style + hit_list(answer.rejected, result, marks)
            _perform_action(clickable(html, "rejected"), answer, query)
    if result.hits:
        _show_exports(answer)


def _owners(verdicts: Judgements) -> dict[str, str]:
    """Return the name of the person whom each track shows, as screens show it."""
    names = people_names(verdicts)
    return {track: names[person] for track, person in verdicts.person_of.items()}


def _coverage(coverage: Coverage) -> str:
    facts = coverage_facts(coverage)
    return facts if coverage.videos else f"{facts} {_EMPTY}"


def _show_warnings(request: SearchRequest, answer: JudgedResult) -> None:
    """Show warnings that concern the whole result."""
    if request.unreliable:
        st.warning(
            "The face in the photo is too small, blurred or turned away: hits may be missing, and "
            "the hits below may be other people. Add a better photo.",
            icon=":material/blur_on:",
        )
    for warning in answer.result.query[0].warnings if answer.result.query else ():
        if warning.code is WarningCode.DIFFERENT_PEOPLE:
            st.warning(markdown(warning_sentence(warning)), icon=":material/group:")


def _show_no_hit(request: SearchRequest) -> None:
    st.info(
        "No searched face is similar enough. Try another photo or a lower confidence.",
        icon=":material/search_off:",
    )
    if request.min_confidence > 0:
        st.button("Show the nearest faces", key="nearest", on_click=_show_nearest)


def _show_nearest() -> None:
    st.session_state["least"] = 0.0


def _track_ids(hits: Any) -> frozenset[str]:
    return frozenset(hit.track_id for hit in hits)


def _show_expected_false_hits(
    answer: JudgedResult, request: SearchRequest, note: DeltaGenerator
) -> None:
    """Show the expected number of wrong hits above the threshold."""
    hits = answer.result.hits
    estimate = answer.result.false_hit_estimate
    cautious = false_hits_sentence(estimate) if estimate is not None else None
    if not hits:
        note.caption(f"No hit reaches {request.min_confidence:.2f}.", help=cautious)
        return
    count = answer.expected_wrong_hits
    expected = "fewer than 0.1" if count < 0.1 else f"about {count:.1f}"
    note.caption(
        f"Expected among the {counted(len(hits), 'hit')} shown: {expected} of other people (from "
        "the confidences, which assume that one track in a hundred is the person).",
        help=cautious,
    )


def _perform_action(pressed: dict[str, str] | None, answer: JudgedResult, query: _Query) -> None:
    """Perform the action of a pressed button."""
    if pressed is None:
        return
    track_id = pressed["track"]
    hits = (*answer.result.hits, *answer.rejected)
    hit = next((hit for hit in hits if hit.track_id == track_id), None)
    if hit is None:
        return
    act, person = pressed["act"], query.question.person
    if act == "play":
        # Copies of a video at several paths are films of their own.
        film = [h for h in hits if (h.video_id, h.video) == (hit.video_id, hit.video)]
        play(hit, film, answer.result, _owners(query.verdicts))
    elif act == "more":
        search_more(query.verdicts, person, hit)
    elif act in {"same", "not"} and person is not None:
        judge_pressed(query.verdicts, person, hit, same=act == "same")


def _show_exports(answer: JudgedResult) -> None:
    result = answer.result
    st.subheader("Export the result", anchor=False)
    files = (
        ("Page", "hits.html", "text/html", lambda: to_html(result)),
        ("Table (CSV)", "hits.csv", "text/csv", lambda: to_csv(result)),
        ("JSON", "hits.json", "application/json", lambda: json_text(to_json(result))),
        ("WebVTT", "hits.vtt", "text/vtt", lambda: as_edl.to_webvtt(result)),
        ("Cut list (EDL)", "hits.edl", "text/plain", lambda: as_edl.to_edl(result)),
    )
    with st.container(horizontal=True):
        for label, name, kind, content in files:
            st.download_button(label, content, name, kind, key=f"export-{name}", on_click="ignore")
