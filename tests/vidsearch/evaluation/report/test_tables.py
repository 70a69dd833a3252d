"""Tables of reports: full precision in CSV, rounded elsewhere, and no cell that adds columns."""

from __future__ import annotations

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidsearch.evaluation.report import ReportTable
from vidsearch.evaluation.report.report import Cell
from vidsearch.evaluation.report.tables import format_cell, to_csv, to_html, to_markdown


def table(*rows: tuple[Cell, ...], columns: tuple[str, ...] = ("name", "value")) -> ReportTable:
    return ReportTable("t", "A caption", columns, rows)


@pytest.mark.parametrize(
    ("cell", "digits", "text"),
    [
        (0.123456, 4, "0.1235"),
        (0.0, 4, "0.0000"),
        (1e-5, 4, "1e-05"),  # rounding would turn a false accept rate into 0
        (-2.5e-5, 4, "-2.5e-05"),
        (0.0001, 4, "0.0001"),
        (1234567, 4, "1,234,567"),
        (True, 4, "True"),
        (None, 4, "-"),
        ("0.5", 4, "0.5"),
        (99.995, 2, "100.00"),
    ],
)
def test_cells(cell: Cell, digits: int, text: str) -> None:
    assert format_cell(cell, digits) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_csv_keeps_every_bit(value: float) -> None:
    (_, row) = csv.reader(io.StringIO(to_csv(table(("a", value))), newline=""))
    assert float(row[1]) == value


@pytest.mark.parametrize("name", ["a,b", 'a"b', "a\nb", "a|b", "a\\|b", "<b>", "a\x1b[31m"])
def test_a_name_adds_no_cell(name: str) -> None:
    made = table((name, 1), ("plain", None))
    read = list(csv.reader(io.StringIO(to_csv(made), newline="")))
    assert read == [["name", "value"], [name, "1"], ["plain", ""]]
    markdown = to_markdown(made).split("\n\n", 1)[1].splitlines()
    assert len(markdown) == 4
    for line in markdown:
        unescaped = line.replace("\\\\", "").replace("\\|", "")
        assert unescaped.count("|") == 3
    html = to_html(made)
    assert len(re.findall(r"<t[dh][ >]", html)) == 6
    assert "<b>" not in html
    assert "\x1b" not in html


def test_numbers_are_aligned_at_the_right_and_names_are_not() -> None:
    made = table(("1", 1, None), ("2", None, None), columns=("id", "n", "empty"))
    assert to_markdown(made).splitlines()[3] == "| --- | --: | --- |"
