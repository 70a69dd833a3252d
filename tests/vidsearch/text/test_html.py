"""HTML documents and templates: escaping, style hash and content security policy."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest
from jinja2 import UndefinedError
from markupsafe import Markup

from vidsearch.text.html import document, text
from vidsearch.text.templates import environment, render


def test_text_is_escaped_and_printable() -> None:
    assert text("<b a='\"'>&\x1b[31m\n") == "&lt;b a=&#x27;&quot;&#x27;&gt;&amp;\\x1b[31m\\n"


def test_the_policy_allows_the_style_sheet_by_its_hash() -> None:
    page = document("A & <B>", "<p>body</p>", "p { color: red; }")
    assert "<title>A &amp; &lt;B&gt; - vidsearch</title>" in page
    assert "<main>\n<p>body</p>\n</main>" in page
    sheet = re.search(r"<style>(.*)</style>", page, re.DOTALL)
    assert sheet is not None
    assert ":root {" in sheet[1]  # base.css
    assert sheet[1].endswith("p { color: red; }")
    digest = base64.b64encode(hashlib.sha256(sheet[1].encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; "
    assert policy + "form-action 'none'" in page


def test_templates_escape_every_value_but_markup() -> None:
    template = environment("vidsearch.text").from_string("{{ name }}|{{ html }}|{{ number }}")
    values = {"name": "<i>\x07", "html": Markup("<i>"), "number": 3}
    assert template.render(**values) == "&lt;i&gt;\\x07|<i>|3"


def test_a_missing_value_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="is undefined"):
        render("vidsearch.text", "document.html", body="")
