"""Report folders: complete, exact, self-contained, and never over other files."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import re
from pathlib import Path

import pytest

from vidsearch.errors import ConfigError
from vidsearch.evaluation.report import Headline, Report, ReportTable, read_report, write_report
from vidsearch.evaluation.report.tables import to_markdown


def test_everything_is_written(report: Report, tmp_path: Path) -> None:
    folder = write_report(report, tmp_path / "new" / "out")
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    assert files == [
        "figures/line.svg",
        "metrics.json",
        "outline.json",
        "pictures/0001.jpg",
        "report.html",
        "scores.parquet",
        "tables/numbers.csv",
        "tables/numbers.md",
    ]
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["metrics"] == {"accuracy": 0.5, "missing": None, "rows": [0, 1]}
    assert metrics["model"] == {
        "model_id": "open-1",
        "pack": "open",
        "files_sha256": {"a.onnx": "cd"},
    }
    assert metrics["dataset"] == "Faces"
    assert metrics["data_sha256"] == {"pairs.txt": "ab"}
    assert metrics["configuration"] == {"folds": 10}
    rows = list(csv.reader((folder / "tables/numbers.csv").read_text().splitlines()))
    assert rows == [["name", "x"], ["a|b", "0.123456"], ["c", ""]]
    assert not [path for path in folder.parent.iterdir() if path != folder]


def test_page_needs_nothing_else(report: Report, tmp_path: Path) -> None:
    page = (write_report(report, tmp_path / "out") / "report.html").read_text()
    assert "<title>&lt;Faces&gt; &amp; names - vidsearch</title>" in page
    assert "<Faces>" not in page
    assert "<script" not in page
    linked = re.findall(r'(?:src|href)="([^"]{0,40})', page)
    assert linked
    assert all(link.startswith("data:image/") for link in linked)
    assert "no image" in page  # a frame without one
    assert "0.1235" in page  # rounded where people read


def test_a_headline_between_0_and_1_has_a_bar(report: Report, tmp_path: Path) -> None:
    lines = (Headline("MAP", "0.5", "", (0.5, 0.25, 0.75)), Headline("angle", "30°"))
    changed = dataclasses.replace(report, headlines=lines)
    page = (write_report(changed, tmp_path / "out") / "report.html").read_text()
    assert page.count('class="bar"') == 1
    assert '<rect class="range" x="25.00" width="50.00"' in page
    with pytest.raises(ConfigError, match=r"bar of 'MAP' must lie in \[0, 1\]"):
        Headline("MAP", "1.2", "", (1.2, 0.5, 0.6))


def test_a_report_is_replaced_and_other_files_are_not(report: Report, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_report(report, out)
    (out / "tables" / "old.csv").touch()
    write_report(report, out)
    assert not (out / "tables" / "old.csv").exists()
    other = tmp_path / "mine"
    other.mkdir()
    (other / "thesis.txt").touch()
    with pytest.raises(ConfigError, match=r"holds other files.*name a new folder"):
        write_report(report, other)
    with pytest.raises(ConfigError, match="is not a folder"):
        write_report(report, other / "thesis.txt")
    assert [path.name for path in other.iterdir()] == ["thesis.txt"]


def test_a_failed_write_keeps_the_old_report(
    report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, os.strerror(28))

    out = write_report(report, tmp_path / "out")
    before = (out / "metrics.json").read_bytes()
    monkeypatch.setattr("vidsearch.evaluation.report.write._write_scores", full)
    with pytest.raises(ConfigError, match="No space left"):
        write_report(report, out)
    assert (out / "metrics.json").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_round_trip(report: Report, tmp_path: Path) -> None:
    stored = read_report(write_report(report, tmp_path / "out"))
    assert (stored.kind, stored.title) == (report.kind, report.title)
    assert (stored.dataset, stored.pack) == ("Faces", "open")
    assert stored.scores is not None
    assert report.scores is not None
    assert stored.scores.measures == report.scores.measures
    assert stored.scores.identities == report.scores.identities
    assert list(stored.scores.columns["similarity"]) == report.scores.columns["similarity"]


def test_a_report_without_data_set_and_pack_is_read(report: Report, tmp_path: Path) -> None:
    out = write_report(report, tmp_path / "out")
    metrics = json.loads((out / "metrics.json").read_text())
    del metrics["dataset"], metrics["model"]["pack"]  # as written by versions before these keys
    (out / "metrics.json").write_text(json.dumps(metrics))
    stored = read_report(out)
    assert (stored.dataset, stored.pack) == ("", "")


def test_unreadable_reports(report: Report, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"holds no report.*metrics\.json"):
        read_report(tmp_path)
    out = write_report(report, tmp_path / "out")
    (out / "scores.parquet").write_bytes(b"nonsense")
    with pytest.raises(ConfigError, match=r"scores\.parquet cannot be read"):
        read_report(out)
    (out / "metrics.json").write_text("{")
    with pytest.raises(ConfigError, match="is damaged"):
        read_report(out)
    (out / "metrics.json").write_text('{"format": 99}')
    with pytest.raises(ConfigError, match="not of format 1"):
        read_report(out)


def test_markdown_keeps_its_columns() -> None:
    table = ReportTable("t", "Caption", ("name", "n"), (("a|b", 12345), ("c\n", None)))
    assert to_markdown(table).splitlines()[2:] == [
        "| name | n |",
        "| --- | --: |",
        "| a\\|b | 12,345 |",
        "| c\\\\n | - |",
    ]


def test_names_and_rows_are_checked() -> None:
    with pytest.raises(ConfigError, match="it names files"):
        ReportTable("../x", "", (), ())
    with pytest.raises(ConfigError, match="every row needs 2 cells"):
        ReportTable("t", "", ("a", "b"), (("x",),))
