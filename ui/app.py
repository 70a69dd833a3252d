"""The app: sign-in, then the pages."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import streamlit as st
from PIL import Image, ImageDraw

from ui.components.context import errors_shown, settings
from ui.pages import archive, evaluation, people, search, training
from ui.server.loading_page import LOGO


@cache
def _style() -> str:
    return f"<style>{files('ui').joinpath('page.css').read_text(encoding='utf-8')}</style>"


@cache
def _icon() -> Image.Image:
    """Return the app's icon; named icons of Streamlit are fetched from another server."""
    icon = Image.new("RGBA", (64, 64))
    draw = ImageDraw.Draw(icon)
    draw.ellipse((6, 6, 46, 46), outline="#23b5d3", width=9)
    draw.line((41, 41, 58, 58), fill="#23b5d3", width=11)
    return icon


def main() -> None:
    """Draw the app: sign-in, navigation and the chosen page."""
    st.set_page_config(page_title="vidsearch", page_icon=_icon(), layout="wide")
    st.html(_style())
    st.logo(LOGO, size="large")
    with errors_shown():
        if not signed_in():
            return
        search_page = st.Page(
            search.render, title="Search", icon=":material/person_search:", default=True
        )
        st.session_state["search_page"] = search_page
        archive_page = st.Page(
            archive.render, title="Archive", icon=":material/video_library:", url_path="archive"
        )
        st.session_state["archive_page"] = archive_page
        pages = [
            search_page,
            st.Page(people.render, title="People", icon=":material/groups:", url_path="people"),
            archive_page,
            st.Page(
                evaluation.render,
                title="Evaluation",
                icon=":material/monitoring:",
                url_path="evaluation",
            ),
            st.Page(
                training.render,
                title="Training",
                icon=":material/model_training:",
                url_path="training",
            ),
        ]
        st.navigation(pages, position="top").run()


def signed_in() -> bool:
    """Return True if the session may see the archive; the middleware has checked any token."""
    if not settings().oidc or st.user.is_logged_in:
        return True
    st.title("vidsearch", anchor=False)
    st.write("Sign in to search this archive.")
    st.button("Sign in", type="primary", on_click=st.login)
    return False
