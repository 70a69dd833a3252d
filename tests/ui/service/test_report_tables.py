"""Tables of reports of older versions, which stored them as CSV only."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ui.service.reports import open_report
from vidsearch.errors import ConfigError
from vidsearch.evaluation.report import ReportTable


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    document = {"format": 1, "kind": "verification", "title": "Old", "metrics": {}}
    (tmp_path / "metrics.json").write_text(json.dumps(document))
    (tmp_path / "tables").mkdir()
    return tmp_path


def cells(folder: Path, text: str) -> tuple[object, ...]:
    (folder / "tables" / "t.csv").write_text(f"a\r\n{text}\r\n", newline="")
    (table,) = open_report(str(folder), [str(folder)]).sections[0].blocks
    assert isinstance(table, ReportTable)
    return tuple(row[0] for row in table.rows)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12),
        ("-3", -3),
        ("0.5", 0.5),
        ("1e-05", 1e-05),
        ("-2.5E+3", -2500.0),
        ('""', None),
        ("Ada", "Ada"),
        # Python reads all of these as numbers; here they are names.
        ("2024_05", "2024_05"),
        ("1_2.5", "1_2.5"),
        ("Infinity", "Infinity"),
        ("nan", "nan"),
        ("\u0661\u0662", "\u0661\u0662"),
    ],
)
def test_a_name_is_not_taken_for_a_number(folder: Path, text: str, value: object) -> None:
    (cell,) = cells(folder, text)
    assert cell == value
    assert type(cell) is type(value)


def test_a_damaged_table_is_named(folder: Path) -> None:
    (folder / "tables" / "empty.csv").write_text("")
    with pytest.raises(ConfigError, match=r"empty\.csv is damaged"):
        open_report(str(folder), [str(folder)])
    (folder / "tables" / "empty.csv").write_text("a,b\n1\n")
    with pytest.raises(ConfigError, match=r"empty.*every row needs 2 cells"):
        open_report(str(folder), [str(folder)])
