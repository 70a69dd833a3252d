"""The app: signing in, then the pages."""

from __future__ import annotations

import time
from functools import cache

import streamlit as st
from PIL import Image, ImageDraw

from ui.context import settings, told_plainly
from ui.pages import archive, people, search

_STYLE = """<style>
[data-testid="stMainBlockContainer"] { max-width: 84rem; padding-top: 3.6rem; }
[data-testid="stSidebar"] { min-width: 13rem; max-width: 16rem; }
h1 { letter-spacing: -0.02em; }
[data-testid="stAppDeployButton"] { display: none; }
</style>"""


@cache
def _icon() -> Image.Image:
    """Return a picture of our own: Streamlit has the browser fetch named icons from elsewhere."""
    icon = Image.new("RGBA", (64, 64))
    draw = ImageDraw.Draw(icon)
    draw.ellipse((6, 6, 46, 46), outline="#23b5d3", width=9)
    draw.line((41, 41, 58, 58), fill="#23b5d3", width=11)
    return icon


def main() -> None:
    st.set_page_config(page_title="vidsearch", page_icon=_icon(), layout="wide")
    st.html(_STYLE)
    with told_plainly():
        if not signed_in():
            return
        find = st.Page(search.render, title="Search", icon=":material/person_search:", default=True)
        st.session_state["search_page"] = find
        pages = [
            find,
            st.Page(people.render, title="People", icon=":material/groups:", url_path="people"),
            st.Page(
                archive.render, title="Archive", icon=":material/video_library:",
                url_path="archive",
            ),
        ]  # fmt: skip
        st.navigation(pages, position="top").run()


def signed_in() -> bool:
    """Tell whether this session may see the archive; ask for the token where it may not yet."""
    used = settings()
    if used.oidc:
        if st.user.is_logged_in:
            return True
        st.title("vidsearch")
        st.write("Sign in to search this archive.")
        st.button("Sign in", type="primary", on_click=st.login)
        return False
    if used.token is None or st.session_state.get("signed_in"):
        return True
    _, middle, _ = st.columns([1, 2, 1])
    with middle, st.form("sign-in", border=False):
        st.title("vidsearch")
        st.write("This archive is protected. Type the token it was started with.")
        token = st.text_input("Token", type="password")
        if st.form_submit_button("Sign in", type="primary"):
            if used.admits(token):
                st.session_state["signed_in"] = True
                st.rerun()
            time.sleep(1.0)  # slows guessing down
            st.error("That is not the token.")
    return False
