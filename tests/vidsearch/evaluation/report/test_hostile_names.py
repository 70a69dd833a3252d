"""Reports about data sets, people and photos with hostile names: every file is valid."""

from __future__ import annotations

import csv
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from tests.inputs.names import FILMS, PEOPLE
from vidsearch.evaluation.report import (
    Figure,
    Headline,
    ImageRow,
    ImageRows,
    Provenance,
    Report,
    ReportImage,
    ReportTable,
    Scores,
    Section,
    read_outline,
    read_report,
    write_report,
)
from vidsearch.evaluation.report.figures import cmc
from vidsearch.evaluation.report.page import to_html
from vidsearch.text.printable import valid_unicode

NAMES = tuple(name.decode("utf-8", "surrogateescape") for name in FILMS) + PEOPLE


def report_named(name: str, figure: Figure | None = None) -> Report:
    """Return a report in which a name stands at every place of a text."""
    rows = tuple((other, name, 0.5) for other in NAMES)
    image = ReportImage(b"\xff\xd8\xff\xe0 small", name)
    blocks = (
        ReportTable("rows", name, ("photo", name, "score"), rows),
        ImageRows(name, (ImageRow(name, name, (image,)),)),
        figure if figure is not None else Figure("line", name, "<svg/>"),
    )
    return Report(
        kind="verification",
        title=name,
        lead=name,
        conventions=(name,),
        headlines=(Headline(name, name, name),),
        metrics={name: {"photo": name, "path": Path(f"/{name}"), "value": float("nan")}},
        provenance=Provenance({"folder": Path(f"/{name}"), name: [name]}, {name: "ab"}, "m", {}, 1),
        sections=(Section(name, name, blocks),),
        scores=Scores("pair", {"id": list(NAMES), "person": list(NAMES)}, (), ("person",)),
    )


class Shape(HTMLParser):
    """Tags of a page with the names of their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(sorted(name for name, _ in attrs))))


@pytest.mark.parametrize("name", [NAMES[0], NAMES[2], "$x$ \\frac{$", "_", "--> \u6771"])
def test_every_file_of_a_report_is_valid(tmp_path: Path, name: str) -> None:
    figure = cmc({name: np.array([0.5, 1.0])}, name="line")
    folder = write_report(report_named(name, figure), tmp_path / "r\udce9port\n")
    for path in folder.rglob("*"):
        if path.suffix in {".html", ".json", ".csv", ".md", ".svg"}:
            path.read_bytes().decode("utf-8")
    json.loads((folder / "metrics.json").read_text("utf-8"), parse_constant=pytest.fail)
    stored = read_report(folder)
    assert stored.scores is not None
    assert list(stored.scores.columns["id"]) == [valid_unicode(other) for other in NAMES]
    outline = read_outline(folder)
    assert outline is not None
    assert outline[0] == valid_unicode(name)


def test_no_name_changes_the_markup_of_the_page() -> None:
    plain = Shape(to_html(report_named("n"))).tags
    for name in NAMES:
        page = to_html(report_named(name))
        assert Shape(page).tags == plain
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u2028]", page)


def test_tables_hold_no_formula_and_no_markup(tmp_path: Path) -> None:
    folder = write_report(report_named("=1+1"), tmp_path / "out")
    with (folder / "tables" / "rows.csv").open(encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file, strict=True)
    assert head == ["photo", "'=1+1", "score"]
    assert [row[0].removeprefix("'") for row in rows] == [valid_unicode(name) for name in NAMES]
    for cell in (cell for row in rows for cell in row[:2]):
        assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    lines = (folder / "tables" / "rows.md").read_text("utf-8").splitlines()
    assert len(lines) == 2 + 2 + len(NAMES)
    for line in lines[2:]:
        assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) == 4
        without = line.replace("<!-- -->", "")
        assert not re.search(r"(?<!\\)(?:\\\\)*[<`*_\[\]$]", without), line
        assert not re.search(r"https?://|www\.|\w@\w", line), line
