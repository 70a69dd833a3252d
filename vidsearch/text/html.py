"""A complete HTML document that needs nothing outside itself: no script, no request."""

from __future__ import annotations

import base64
import hashlib
from html import escape

from vidsearch.text.printable import printable


def document(title: str, body: str, style: str) -> str:
    """Return a page, to be written as UTF-8, with its style sheet and content security policy.

    The policy forbids scripts and requests, should anything ever slip past the escaping; pictures
    must be embedded (``data:``), so that the page can be mailed or archived as it is.

    Args:
        title: Plain text.
        body: Content of ``<main>``, HTML.
        style: The style sheet. Inline ``style`` attributes have no effect.
    """
    sheet = f"\n{style}"
    digest = base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>{text(title)} - vidsearch</title>
<style>{sheet}</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""


def text(plain: str) -> str:
    """Return plain text as HTML: escaped, and without what could steer its reader."""
    return escape(printable(plain), quote=True)
