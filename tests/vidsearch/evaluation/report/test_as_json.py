"""A report read back from outline.json has the same texts, tables and photos."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from vidsearch.errors import ConfigError
from vidsearch.evaluation.report import Report, ReportTable, Section, read_outline, write_report


def test_round_trip(report: Report, tmp_path: Path) -> None:
    folder = write_report(report, tmp_path / "out")
    assert read_outline(folder) == (report.lead, report.headlines, report.sections)


def test_numbers_of_numpy_are_plain(report: Report, tmp_path: Path) -> None:
    table = ReportTable("t", "", ("a", "b"), ((np.int64(3), np.float32(0.5)),))  # type: ignore[arg-type]
    changed = dataclasses.replace(report, sections=(Section("S", "", (table,)),))
    found = read_outline(write_report(changed, tmp_path / "out"))
    assert found is not None
    (block,) = found[2][0].blocks
    assert isinstance(block, ReportTable)
    assert block.rows == ((3, 0.5),)


def test_older_and_damaged_reports(report: Report, tmp_path: Path) -> None:
    folder = write_report(report, tmp_path / "out")
    (folder / "pictures" / "0001.jpg").unlink()
    assert read_outline(folder) is not None, "a missing photo is an empty frame"
    outline = json.loads((folder / "outline.json").read_text())
    outline["sections"][0]["blocks"][1]["name"] = "../../secret"
    (folder / "outline.json").write_text(json.dumps(outline))
    with pytest.raises(ConfigError, match="it names files"):
        read_outline(folder)
    (folder / "outline.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"outline\.json is damaged"):
        read_outline(folder)
    (folder / "outline.json").unlink()
    assert read_outline(folder) is None
