"""Self-contained HTML documents: no script, no request to anything outside the file."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from html import escape
from importlib.resources import files

from markupsafe import Markup

from vidsearch.text.printable import printable
from vidsearch.text.templates import render


def document(title: str, body: str, style: str) -> str:
    """Return a page, to be written as UTF-8, with its style sheet and content security policy.

    The policy forbids scripts and requests, in case an error in escaping lets markup through.
    Images must be embedded (``data:``), so the page is complete when mailed or archived.

    Args:
        title: Plain text.
        body: HTML content of ``<main>``.
        style: Style sheet of this kind of page, added to ``base.css``. Inline ``style`` attributes
            have no effect.
    """
    sheet = f"\n{_base_style()}\n{style}"
    digest = base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
    page = render(
        "vidsearch.text",
        "document.html",
        title=title,
        body=Markup(body),  # noqa: S704 - HTML by contract
        sheet=Markup(sheet),  # noqa: S704 - our own style sheets
        digest=digest,
    )
    return f"{page}\n"


@cache
def _base_style() -> str:
    return files("vidsearch.text").joinpath("base.css").read_text(encoding="utf-8")


def text(plain: str) -> str:
    """Return plain text as HTML: printable and escaped."""
    return escape(printable(plain), quote=True)
