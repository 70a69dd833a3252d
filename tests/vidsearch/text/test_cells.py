"""Cells of tables: a name is never a formula, markup or a link, and can be read back."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidsearch.text.cells import csv_cell, markdown_cell

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"))


@given(NAMES)
def test_a_csv_cell_reads_back(name: str) -> None:
    out = io.StringIO(newline="")
    csv.writer(out).writerow([csv_cell(name), "next"])
    (row,) = csv.reader(io.StringIO(out.getvalue(), newline=""), strict=True)
    assert row[0].removeprefix("'") == name
    assert row[1] == "next"
    assert not row[0].startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


def test_numbers_and_missing_values_stay_what_they_are() -> None:
    assert [csv_cell(value) for value in (None, -1, -0.5, "caf\udce9")] == [
        "",
        -1,
        -0.5,
        r"caf\xe9",
    ]


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("plain name, 2.jpg", "plain name, 2.jpg"),
        ("a|b", r"a\|b"),
        ("`code`", r"\`code\`"),
        ("[x](y)", r"\[x\](y)"),
        ("<img src=x>", r"\<img src=x\>"),
        ("**b** _i_ ~s~ $x$ &amp; ![p]", r"\*\*b\*\* \_i\_ \~s\~ \$x\$ \&amp; \!\[p\]"),
        ("a\nb\x1b[0m", r"a\\nb\\x1b\[0m"),
        ("www.evil.example", "www<!-- -->.evil.example"),
        ("https://evil.example/x", "https:<!-- -->//evil.example/x"),
        ("me@evil.example", "me<!-- -->@evil.example"),
        ("caf\udce9", r"caf\\xe9"),
    ],
)
def test_markdown(name: str, cell: str) -> None:
    assert markdown_cell(name) == cell
