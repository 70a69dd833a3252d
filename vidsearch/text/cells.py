"""Cells of CSV and Markdown tables: names stay text in spreadsheets and pages."""

from __future__ import annotations

import re
from typing import overload

from vidsearch.text.printable import printable, valid_unicode

# Spreadsheets evaluate a cell that begins with one of these as a formula (the wide forms in East
# Asian settings). The apostrophe is in the list so that the escape can be undone.
_ESCAPED = tuple("=+-@\t\r\n'\uff1d\uff0b\uff0d\uff20")

_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>|~$&!])")
# GitHub links these without any markup; an empty comment between them prevents it.
_LINKED = re.compile(r"(?i)\b(?:(?:https?|ftp):(?=//)|www(?=\.)|(?:mailto|xmpp):)|(?<=\w)(?=@)")


@overload
def csv_cell(value: str | None) -> str: ...
@overload
def csv_cell(value: float | str | None) -> float | str: ...
def csv_cell(value: float | str | None) -> float | str:
    r"""Return a value that no spreadsheet evaluates as a formula; a missing value is empty text.

    Text that a spreadsheet would evaluate, and text that begins with an apostrophe, gets an
    apostrophe in front; remove one leading apostrophe to read a cell back.

    Example:
        >>> csv_cell("=1+1.mp4"), csv_cell(-1.5), csv_cell("'tis"), csv_cell("a=b")
        ("'=1+1.mp4", -1.5, "''tis", 'a=b')
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        return value
    text = valid_unicode(value)
    return f"'{text}" if text.startswith(_ESCAPED) else text


def markdown_cell(text: str) -> str:
    r"""Return text for one line of a Markdown file: no markup, no HTML, no link, no line break.

    Example:
        >>> markdown_cell("<b>|a_1.jpg")
        '\\<b\\>\\|a\\_1.jpg'
    """
    escaped = _MARKDOWN.sub(r"\\\1", printable(text))
    return _LINKED.sub(lambda found: f"{found[0]}<!-- -->", escaped)
