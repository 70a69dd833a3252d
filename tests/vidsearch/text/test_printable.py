"""Untrusted text made printable: one line, nothing that steers a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidsearch.text.printable import one_line, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("holiday, part 2.mp4", "holiday, part 2.mp4"),
        ("Großmutter 東京.mkv", "Großmutter 東京.mkv"),
        ("a\nb\rc\td", r"a\nb\rc\td"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("gpj.\u202eexe", r"gpj.\u202eexe"),  # right-to-left override hides the real ending
        ("zero\u200bwidth", r"zero\u200bwidth"),
        ("3.04.05\u202fPM.png", "3.04.05\u202fPM.png"),  # how a Mac names its screenshots
        (
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        ),
        ("caf\udce9.mp4", r"caf\xe9.mp4"),  # a Latin-1 byte in a file name
        ("\x9b\ud800", r"\u009b\ud800"),
        ("line\u2028end", r"line\u2028end"),
    ],
)
def test_what_is_spelled_out(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text(st.characters(codec=None)))
def test_result_is_one_line_of_valid_unicode(text: str) -> None:
    shown = printable(text)
    shown.encode("utf-8")
    assert len(shown.splitlines()) <= 1
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in shown)
    assert printable(shown) == shown


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError("disk full"), "disk full"),
        (TimeoutError(), "TimeoutError"),
        (ValueError(" \n "), "ValueError"),
        (RuntimeError("no route\nhere\n"), "no route: here"),
        (RuntimeError("a\x1b[31mred\x1b[0m \u21b3 cause"), "ared  cause"),
        (RuntimeError("lost\n0: frame\n12: frame\nstack backtrace\nnote: run"), "lost"),
        (RuntimeError("404: not found"), "404: not found"),
        (OSError(2, "No such file or directory", "a"), "No such file or directory: 'a'"),
        (
            RuntimeError('no /c: Error: Os { code: 2, kind: NotFound, message: "No such file" }'),
            "no /c: No such file",
        ),
        (RuntimeError("gpj.\u202eexe"), r"gpj.\u202eexe"),
        (RuntimeError("x" * 1000), "x" * 240),
    ],
)
def test_an_error_is_one_short_line(error: Exception, line: str) -> None:
    assert one_line(error) == line


def test_the_type_of_an_error_can_be_named() -> None:
    assert one_line(OSError("disk full"), with_type=True) == "OSError: disk full"
    assert one_line(TimeoutError(), with_type=True) == "TimeoutError"


@given(st.text(st.characters(codec=None)))
def test_any_message_is_one_valid_line(message: str) -> None:
    line = one_line(RuntimeError(message))
    line.encode("utf-8")
    assert len(line.splitlines()) == 1
    assert len(line) <= 240
