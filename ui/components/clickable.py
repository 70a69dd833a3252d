"""The one component of our own: HTML whose buttons tell Python that they were pressed."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from typing import Any

import streamlit as st


@cache
def _asset(name: str) -> str:
    return files("ui.components").joinpath(name).read_text(encoding="utf-8")


def clickable(html: str, key: str, **data: Any) -> dict[str, str] | None:
    """Show HTML; return the ``data-`` attributes of the button that was just pressed, or None.

    Args:
        html: Trusted: every text from outside in it is escaped already.
        key: Unique on the page.
        data: What the script is told beside; ``paste=True`` passes pasted photos to the uploader.
    """
    component = st.components.v2.component(
        "vidsearch_clickable",
        html='<div class="vs"></div>',
        css=_asset("clickable.css"),
        js=_asset("clickable.js"),
    )
    stamp = hashlib.blake2b(html.encode(), digest_size=8).hexdigest()
    state = component(
        key=key, data={"html": html, "stamp": stamp, **data}, on_act_change=lambda: None
    )
    pressed = getattr(state, "act", None)
    return {str(k): str(v) for k, v in dict(pressed).items()} if pressed else None
