"""Streamlit component: HTML whose buttons report a press to Python."""

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
    """Show HTML; return the ``data-`` attributes of the button just pressed, or None.

    Args:
        html: Trusted HTML; names and other text in it must be escaped already.
        key: Name of the component, unique on the page.
        data: Further values for the script; ``paste=True`` passes pasted photos to the uploader.
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
