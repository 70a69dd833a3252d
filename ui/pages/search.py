"""The search page: photos, faces, hits, filters, verdicts, files to take away."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, time, timedelta
from pathlib import PurePath
from typing import Any

import streamlit as st

from ui.clickable import clickable
from ui.context import catalog, searcher, told_plainly
from ui.markup import Marks, hit_list, markdown, photo_with_faces, results
from ui.pages.playing import play
from ui.service import cut_lists, verdicts
from ui.service.searching import Answer, RecentFaces, Wish, too_poor_to_trust
from ui.service.stills import jpeg
from vidsearch.catalog.people import judgements
from vidsearch.query import PhotoFaces, QueryFace
from vidsearch.results import clock, to_csv, to_html, to_json
from vidsearch.results.result import coverage, headline
from vidsearch.results.words import counted
from vidsearch.scope import Scope

_KINDS = ["jpg", "jpeg", "png", "webp", "avif", "tif", "tiff", "gif", "bmp", "ppm"]


def render() -> None:
    """Draw the page."""
    st.title("Who are you looking for?")
    rows = catalog().videos(["video_id", "uri", "duration_s", "status", "tracks", "read_s"])
    videos = [row for row in rows.to_pylist() if row["status"] != "failed"]
    left, right = st.columns([1, 2], gap="large")
    with left, told_plainly():
        faces = _photos()
        more = st.session_state.get("more", ())
        if more:
            _more_banner()
        wish = _filters(videos, faces, more) if faces or more else None
    with right, told_plainly():
        if not videos:
            st.info(
                "Nothing is searchable yet. Index a folder of videos on the **Archive** page.",
                icon=":material/inventory_2:",
            )
        elif wish is None:
            _invitation(videos)
        else:
            _answer(wish)


def _photos() -> tuple[QueryFace, ...]:
    """Show the uploader and the faces of each photo; return the chosen faces."""
    uploads: list[Any] = list(
        st.file_uploader(
            "Photos of one person",
            accept_multiple_files=True,
            key="photos",
            help="Several photos of one person make one better query. Paste works as well. Photos "
            "are forgotten when you leave.",
        )
        or []
    )
    clickable("", "paste", paste=True)
    if st.toggle("Use the camera", key="use_camera"):
        shot = st.camera_input("Take a photo", label_visibility="collapsed", key="camera")
        if shot is not None:
            uploads.append(shot)
    recent: RecentFaces = st.session_state.setdefault("recent", RecentFaces())
    keys = [hashlib.sha256(upload.getvalue()).hexdigest() for upload in uploads]
    recent.keep_only(keys)
    if not uploads and not st.session_state.get("more"):
        st.session_state.pop("person", None)
    chosen = []
    for number, (upload, key) in enumerate(zip(uploads, keys, strict=True)):
        with told_plainly():
            found = recent.get(key)
            if found is None:
                with st.spinner("Looking for faces ..."):
                    found = searcher().faces(upload.getvalue(), upload.name)
                recent.put(key, found)
            face = _pick(found, number, key)
            if face is not None:
                chosen.append(face)
    return tuple(chosen)


def _pick(found: PhotoFaces, number: int, key: str) -> QueryFace | None:
    if not found.faces:
        st.warning(
            f"No face found in {markdown(found.photo.name)}. Use a photo that shows the face from "
            "the front, large and in good light.",
            icon=":material/face_retouching_off:",
        )
        return None
    choices: dict[str, int] = st.session_state.setdefault("choices", {})
    at = min(choices.get(key, 0), len(found.faces) - 1)
    height, width = found.photo.image.shape[:2]
    html = photo_with_faces(jpeg(found.photo.image, 720), (width, height), found.faces, at, number)
    pressed = clickable(html, f"photo-{key[:16]}")
    if pressed is not None and pressed.get("act") == "face" and int(pressed["face"]) != at:
        choices[key] = int(pressed["face"])
        st.session_state.pop("person", None)
        st.rerun()
    if len(found.faces) > 1:
        st.caption(
            f"{counted(len(found.faces), 'face')} found; face {at + 1} is searched for. Click "
            "another to search for that one."
        )
    face = found.faces[at]
    for warning in face.warnings:
        if too_poor_to_trust(face):
            st.warning(markdown(warning), icon=":material/blur_on:")
        else:
            st.caption(markdown(warning))
    return face


def _more_banner() -> None:
    st.info("Searching with faces from the archive.", icon=":material/face:")
    if st.button("Back to my photos", key="drop_more"):
        st.session_state.pop("more", None)
        st.session_state.pop("person", None)
        st.rerun()


def _filters(
    videos: list[dict[str, Any]], faces: tuple[QueryFace, ...], more: tuple[str, ...]
) -> Wish:
    least = st.slider(
        "Least confidence", 0.0, 1.0, 0.1, 0.05, key="least",
        help="The probability that a hit shows the person, if one track in a hundred does.",
    )  # fmt: skip
    top = st.slider("How many hits at most", 10, 300, 50, 10, key="top")
    with st.expander("Only some videos", icon=":material/filter_alt:"):
        folders = sorted({str(PurePath(row["uri"]).parent) for row in videos})
        folder = st.multiselect("Folders", folders, key="folders", placeholder="All folders")
        named = {row["video_id"]: row["uri"] for row in videos}
        video = st.multiselect(
            "Videos", sorted(named, key=lambda v: named[v]), key="videos",
            format_func=lambda v: PurePath(named[v]).name, placeholder="All videos",
        )  # fmt: skip
        since = st.date_input("Changed from", value=None, key="since")
        until = st.date_input("Changed until", value=None, key="until")
        lengths = [row["duration_s"] / 60 for row in videos if row["duration_s"]]
        longest = float(int(max(lengths, default=0)) + 1)
        least_min, most_min = st.slider(
            "Length of the video, minutes", 0.0, longest, (0.0, longest), key="lengths"
        )
    scope = Scope(
        videos=tuple(video),
        folders=tuple(folder),
        since=datetime.combine(since, time(), UTC) if since is not None else None,
        until=datetime.combine(until, time(), UTC) + timedelta(days=1)
        if until is not None
        else None,
    )
    return Wish(
        faces=() if more else faces,
        tracks=tuple(more),
        person_id=st.session_state.get("person"),
        top=top,
        min_confidence=least,
        scope=scope,
        shortest_s=60 * least_min,
        longest_s=60 * most_min if most_min < longest else None,
    )


def _invitation(videos: list[dict[str, Any]]) -> None:
    st.subheader("Drop a photo of a face")
    st.write(
        "You will see every appearance in this archive, with its time, how sure it is, and the "
        "film at that moment."
    )
    one, two, three = st.columns(3)
    one.metric("Videos", f"{len(videos):,}")
    two.metric("Of video", clock(sum(row["read_s"] or 0.0 for row in videos)))
    three.metric("Tracks of faces", f"{sum(row['tracks'] or 0 for row in videos):,}")


def _answer(wish: Wish) -> None:
    answer = searcher().search(wish)
    result = answer.result
    st.subheader(headline(result))
    searched = coverage(result.searched)
    searched = searched.replace('"vidsearch status" names them.', "The Archive page names them.")
    st.caption(searched.replace('"vidsearch index"', "The Archive page"))
    if result.query and result.query[0].warnings:
        for warning in result.query[0].warnings:
            if "different people" in warning:
                st.warning(markdown(warning), icon=":material/group:")
    if not result.hits:
        st.info(
            "Nobody in what was searched looks enough like this face. Try another photo, or a "
            "lower confidence.",
            icon=":material/search_off:",
        )
        return
    if result.likely:
        _false_hits(answer)
    _person(wish)
    marks = Marks(confirmed=answer.confirmed)
    _act(clickable(results(result, marks), "results"), answer, wish)
    if answer.rejected:
        with st.expander(f"{counted(len(answer.rejected), 'hit')} you rejected"):
            html = hit_list(answer.rejected, result, Marks(rejected=_ids(answer.rejected)))
            _act(clickable(html, "rejected"), answer, wish)
    _exports(answer)


def _ids(hits: Any) -> frozenset[str]:
    return frozenset(hit.track_id for hit in hits)


def _false_hits(answer: Answer) -> None:
    shown = "fewer than 0.1" if answer.false_hits < 0.1 else f"about {answer.false_hits:.1f}"
    st.caption(
        f"Expected among the {counted(len(answer.result.hits), 'hit')} shown: {shown} of somebody "
        "else (from the confidences, which assume that one track in a hundred is the person)."
    )


def _person(wish: Wish) -> None:
    """Say whom the verdicts are about, and let it be named."""
    known = judgements(catalog())
    person_id = wish.person_id if wish.person_id in known.names else None
    if person_id is None:
        st.caption("Judge hits with **Same** or **Not**: the search gets better at once.")
        return
    name = known.names[person_id]
    new = st.text_input("Name of this person", value=name, key=f"name-{person_id}")
    if new.strip() and new != name:
        verdicts.rename(catalog(), person_id, new)
        st.rerun()
    rejected = len(known.rejected.get(person_id, ()))
    st.caption(
        f"Your verdicts take part in this search: "
        f"{counted(len(known.confirmed(person_id)), 'confirmed track')}, {rejected} rejected."
    )


def _act(pressed: dict[str, str] | None, answer: Answer, wish: Wish) -> None:
    """Do what a button among the hits asks for."""
    if pressed is None:
        return
    track_id = pressed["track"]
    hits = (*answer.result.hits, *answer.rejected)
    hit = next((hit for hit in hits if hit.track_id == track_id), None)
    if hit is None:
        return
    act = pressed["act"]
    if act == "play":
        play(hit, [other for other in hits if other.video_id == hit.video_id], answer.result)
    elif act == "more":
        st.session_state["more"] = (track_id,)
        st.session_state.pop("person", None)
        st.rerun()
    elif act in {"same", "not"}:
        person = wish.person_id if wish.person_id is not None else st.session_state.get("person")
        st.session_state["person"] = verdicts.judge_hit(
            catalog(), track_id, person, same=act == "same"
        )
        st.toast("Kept. The search now takes it into account.", icon=":material/check:")
        st.rerun()


def _exports(answer: Answer) -> None:
    result = answer.result
    st.subheader("Take the result with you")
    files = (
        ("Page", "hits.html", "text/html", lambda: to_html(result)),
        ("Table (CSV)", "hits.csv", "text/csv", lambda: to_csv(result)),
        ("JSON", "hits.json", "application/json", lambda: json.dumps(to_json(result))),
        ("WebVTT", "hits.vtt", "text/vtt", lambda: cut_lists.to_webvtt(result)),
        ("Cut list (EDL)", "hits.edl", "text/plain", lambda: cut_lists.to_edl(result)),
    )
    with st.container(horizontal=True):
        for label, name, kind, make in files:
            st.download_button(label, make, name, kind, key=f"export-{name}", on_click="ignore")
