"""Query photos: upload, paste or camera, and the choice of a face in each."""

from __future__ import annotations

import hashlib
from typing import Any

import streamlit as st

from ui.components.clickable import clickable
from ui.components.context import errors_shown, searcher
from ui.components.markup import markdown, photo_with_faces
from ui.service.people.targets import face_element
from ui.service.searching import MAX_PHOTOS, DisplayedPhoto, RecentFaces
from vidsearch.results.sentences import warning_sentence
from vidsearch.results.words import counted
from vidsearch.search.query import QueryFace


def chosen_faces() -> dict[str, QueryFace]:
    """Show the uploader and the faces of each photo; return the chosen faces by element."""
    uploads: list[Any] = list(
        st.file_uploader(
            "Photos of one person",
            accept_multiple_files=True,
            key="photos",
            help="Several photos of one person are combined into one query.",
        )
        or []
    )
    clickable("", "paste", paste=True)
    st.caption("Drop, paste (Ctrl+V) or choose. Photos are deleted when you leave.")
    if st.toggle("Use the camera", key="use_camera"):
        camera_photo = st.camera_input("Take a photo of the face", key="camera")
        if camera_photo is not None:
            uploads.append(camera_photo)
    if len(uploads) > MAX_PHOTOS:
        st.caption(f"Only the first {MAX_PHOTOS} photos are used.")
        uploads = uploads[:MAX_PHOTOS]
    recent: RecentFaces = st.session_state.setdefault("recent", RecentFaces())
    keys = [hashlib.sha256(upload.getvalue()).hexdigest() for upload in uploads]
    recent.keep_only(keys)
    chosen: dict[str, QueryFace] = {}
    for number, (upload, key) in enumerate(zip(uploads, keys, strict=True)):
        with errors_shown():
            photo = recent.get(key)
            if photo is None:
                with st.spinner("Looking for faces ..."):
                    photo = searcher().faces(upload.getvalue(), upload.name)
                recent.put(key, photo)
            index = _choose_face(photo, number, key)
            if index is not None:
                chosen[face_element(key, index)] = photo.faces[index]
    return chosen


def _choose_face(photo: DisplayedPhoto, number: int, key: str) -> int | None:
    """Show the faces of a photo; return the index of the chosen face."""
    if not photo.faces:
        st.warning(
            f"No face found in {markdown(photo.name)}. Use a photo that shows the face from "
            "the front, large and in good light.",
            icon=":material/face_retouching_off:",
        )
        return None
    choices: dict[str, int] = st.session_state.setdefault("choices", {})
    chosen = min(choices.get(key, 0), len(photo.faces) - 1)
    html = photo_with_faces(photo.jpeg, photo.size_wh, photo.faces, chosen, number)
    pressed = clickable(html, f"photo-{number}-{key[:16]}")
    if pressed is not None and pressed.get("act") == "face" and int(pressed["face"]) != chosen:
        choices[key] = int(pressed["face"])
        st.rerun()
    if len(photo.faces) > 1:
        st.caption(
            f"{counted(len(photo.faces), 'face')} found; face {chosen + 1} is used. Click "
            "another face to use it."
        )
    face = photo.faces[chosen]
    for warning in face.warnings:
        sentence = markdown(warning_sentence(warning))
        if face.unreliable:
            st.warning(sentence, icon=":material/blur_on:")
        else:
            st.caption(sentence)
    return chosen
