"""HTML templates: every value is escaped, and a missing value is an error."""

from __future__ import annotations

import pytest
from jinja2 import UndefinedError
from markupsafe import Markup

from vidsearch.text.templates import environment, render


def filled(template: str, **values: object) -> str:
    return environment("vidsearch.text").from_string(template).render(**values)


def test_names_stay_text_in_content_and_attributes() -> None:
    nasty = "\"><script>alert('1')</script>\x1b[31m\u202e"
    html = filled('<a title="{{ name }}">{{ name }}</a>', name=nasty)
    assert html.count("<") == 2
    assert html.count('"') == 2
    assert "'" not in html
    assert "\x1b" not in html
    assert "\u202e" not in html


def test_finished_html_is_not_escaped_twice() -> None:
    assert filled("{{ body }}", body=Markup("<b>&amp;</b>")) == "<b>&amp;</b>"
    assert filled("{{ a }}{{ n }}", a="&", n=3) == "&amp;3"


def test_a_misspelt_value_is_an_error_and_not_an_empty_text() -> None:
    with pytest.raises(UndefinedError, match="titel"):
        filled("{{ titel }}", title="x")


def test_a_rendered_template_can_be_part_of_another() -> None:
    page = render(
        "vidsearch.text",
        "document.html",
        title="<t>",
        body=Markup("<p>b</p>"),
        sheet=Markup("a > b {}"),
        digest="x",
    )
    assert "<title>&lt;t&gt;" in page
    assert "<p>b</p>" in page
    assert "a > b {}" in page
    assert filled("{{ page }}", page=page) == page
