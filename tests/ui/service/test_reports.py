"""Reports in the app: list, open where allowed, draw from scores, compare."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from ui.components.charts import curve_chart, interval_chart
from ui.service.allowed_folders import readable_folders
from ui.service.curves import curves, intervals, thinned
from ui.service.reports import compare_folders, list_reports, open_report, provenance
from vidsearch.errors import ConfigError
from vidsearch.evaluation.report import (
    Headline,
    ImageRow,
    ImageRows,
    Measure,
    Provenance,
    Report,
    ReportImage,
    ReportTable,
    Scores,
    Section,
    read_report,
    write_report,
)

PAGE = "from ui.pages.evaluation import render\nrender()"
Start = Callable[..., None]


def report_of(similarity: list[float], title: str = "Pairs <b>") -> Report:
    """Four pairs, the first two genuine, and the precision of four queries."""
    jpeg = io.BytesIO()
    Image.new("RGB", (8, 8), "blue").save(jpeg, "JPEG")
    count = len(similarity)
    return Report(
        kind="verification",
        title=title,
        lead="Four pairs.",
        conventions=("accept at the threshold or above",),
        headlines=(Headline("Accuracy", "0.75", "of <i>four</i>"),),
        metrics={"videos": {"cmc": {"1": 0.5, "5": 0.75, "10": 1.0}}, "accuracy": 0.75},
        provenance=Provenance({"folds": 2}, {"pairs.txt": "ab"}, "open-1", {}, 2.0),
        sections=(
            Section(
                "Operating points",
                "",
                (
                    ReportTable(
                        "map",
                        "By step",
                        ("step", "MAP", "from", "to"),
                        (("a", 0.5, 0.4, 0.6), ("b", 0.7, 0.65, 0.8)),
                    ),
                ),
            ),
            Section(
                "Worst errors",
                "Look.",
                (
                    ImageRows(
                        "The worst",
                        (
                            ImageRow(
                                "<script>Ann",
                                "cosine 0.1",
                                (ReportImage(jpeg.getvalue(), "rank 1", "bad"),),
                            ),
                        ),
                    ),
                ),
            ),
        ),
        scores=Scores(
            "pair",
            {
                "id": [f"p{n}" for n in range(count)],
                "similarity": similarity,
                "genuine": [n < count // 2 for n in range(count)],
                "ap_x": [n / count for n in range(count)],
            },
            (Measure("TAR", "tar_at_far", far=0.5), Measure("MAP", column="ap_x")),
        ),
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    write_report(report_of([0.9, 0.2, 0.4, -1.0]), folder / "deep" / "one")
    write_report(report_of([0.9, 0.8, 0.4, 0.1], "Other"), folder / "two")
    (folder / "metrics.json").write_text('{"somebody": "else"}')
    (tmp_path / "link").symlink_to(folder / "two")
    return folder


def test_reports_are_found_below_the_roots_and_nowhere_else(root: Path, tmp_path: Path) -> None:
    (root / "metrics.json").unlink()
    assert {one.title for one in list_reports([str(root)])} == {"Pairs <b>", "Other"}
    assert list_reports([]) == ()
    with pytest.raises(ConfigError, match="is not a folder in"):
        open_report(str(tmp_path), [str(root)])
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "out").symlink_to(root / "two")
    assert list_reports([str(inside)]) == (), "links are not followed"
    with pytest.raises(ConfigError, match="is not a folder in"):
        open_report(str(inside / "out"), [str(inside)])
    with pytest.raises(ConfigError, match="--root FOLDER"):
        open_report(str(root / "two"), [])


def test_links_in_a_report_lead_nowhere_and_damage_is_said(root: Path) -> None:
    two = root / "two"
    metrics = (two / "metrics.json").read_text()
    (two / "metrics.json").write_text(metrics.replace('"ap_x"', '"ap_gone"'))
    with pytest.raises(ConfigError, match="is damaged"):
        curves(open_report(str(two), [str(root)]).stored)
    (two / "pictures" / "0002.jpg").symlink_to("/etc/hostname")
    with pytest.raises(ConfigError, match="is a link"):
        open_report(str(two), [str(root)])


def test_a_folder_of_somebody_elses_metrics_hides_nothing_else(root: Path) -> None:
    # The root's own metrics.json is no report; those below are found all the same.
    assert len(list_reports([str(root)])) == 2


def test_reports_beside_the_catalog_need_no_root(tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    (tmp_path / "catalog" / "runs").mkdir(parents=True)
    here = tmp_path / "elsewhere"
    (here / "runs").mkdir(parents=True)
    places = readable_folders(str(tmp_path / "catalog"), [str(tmp_path / "x")], here)
    assert places == (str(tmp_path / "x"), str(tmp_path / "reports"), str(here / "runs"))
    assert readable_folders("s3://bucket/catalog", [], tmp_path) == (str(tmp_path / "reports"),)


def test_a_report_is_read_back(root: Path) -> None:
    found = open_report(str(root / "deep" / "one"), [str(root)])
    assert (found.lead, found.complete) == ("Four pairs.", True)
    assert found.sections == report_of([]).sections
    assert provenance(found.stored)["data: pairs.txt"] == "ab"
    assert provenance(found.stored)["configuration: folds"] == "2"


def test_an_older_report_shows_its_tables(root: Path) -> None:
    (root / "two" / "outline.json").unlink()
    found = open_report(str(root / "two"), [str(root)])
    assert not found.complete
    (table,) = found.sections[0].blocks
    assert isinstance(table, ReportTable)
    assert table.rows == (("a", 0.5, 0.4, 0.6), ("b", 0.7, 0.65, 0.8))


def test_curves_come_from_the_scores(root: Path) -> None:
    drawn = {curve.name: curve for curve in curves(read_report(root / "deep" / "one"))}
    assert list(drawn) == ["roc", "angles", "cmc", "precision"]
    # Genuine 0.9 and 0.2, impostors 0.4 and -1. No FAR is drawn below that of one impostor, 1/2, so
    # everything from (0, 0) to (1/2, 1) is one upright line.
    far, tar = drawn["roc"].lines["ROC"]
    assert list(zip(far, tar, strict=True)) == [(0.5, 0.0), (0.5, 1.0), (1.0, 1.0)]
    # The pair without a face (-1) has no angle.
    assert list(drawn["angles"].lines) == ["genuine pairs (2)", "impostor pairs (1)"]
    for _, share in drawn["angles"].lines.values():
        assert share.sum() == pytest.approx(1)
    assert [list(part) for part in drawn["cmc"].lines["videos"]] == [[1, 5, 10], [0.5, 0.75, 1.0]]
    share, precision = drawn["precision"].lines["MAP"]
    assert list(share) == [0.25, 0.5, 0.75, 1.0]
    assert list(precision) == [0.0, 0.25, 0.5, 0.75]
    for curve in drawn.values():
        assert curve_chart(curve).to_dict()["data"]


def test_long_curves_are_thinned_and_keep_their_corners() -> None:
    x = np.arange(10_000.0)
    y = (x >= 5000).astype(float)
    assert [list(part) for part in thinned(x, y)] == [[0, 4999, 5000, 9999], [0, 0, 1, 1]]
    kept, _ = thinned(x, np.sin(x))
    assert len(kept) <= 600
    assert (kept[0], kept[-1]) == (0, 9999)


def test_intervals_of_a_table() -> None:
    (section, _) = report_of([]).sections
    table = section.blocks[0]
    assert isinstance(table, ReportTable)
    found = intervals(table)
    assert found is not None
    assert (found.measure, found.labels, found.low) == ("MAP", ("a", "b"), (0.4, 0.65))
    assert interval_chart(found, zero=True).to_dict()["layer"]
    assert intervals(dataclasses.replace(table, columns=("a", "b", "c", "d"))) is None
    assert (
        intervals(ReportTable("t", "", ("step", "MAP", "from", "to"), (("a", None, 1, 2),))) is None
    )


def test_two_reports_are_compared(root: Path) -> None:
    a, b = str(root / "deep" / "one"), str(root / "two")
    report = compare_folders(a, b, [str(root)])
    assert report.metrics["TAR"]["difference"] == pytest.approx(0.0)
    assert report.metrics["MAP"]["verdict"] == "no difference shown"
    with pytest.raises(ConfigError, match="the same report"):
        compare_folders(a, a, [str(root)])


def test_the_page_shows_a_report_and_compares(app_over: Start, made: Path, root: Path) -> None:
    app_over(made / "catalog", roots=(str(root),))
    page = AppTest.from_string(PAGE, default_timeout=60).run()
    assert not page.exception
    page.selectbox(key="report").select(str(root / "deep" / "one")).run()
    assert not page.exception
    titles = [str(line.value) for line in page.subheader]
    assert titles[:3] == [r"Pairs \<b\>", "Operating points", "Worst errors"]
    assert any("Written by an older version" in str(line.value) for line in page.caption) is False
    html = " ".join(str(getattr(part, "value", "")) for part in page.get("html"))
    assert "&lt;script&gt;Ann" in html
    assert "<script>Ann" not in html
    assert "data:image/jpeg;base64" in html
    page.selectbox(key="compare-a").select(str(root / "deep" / "one"))
    page.selectbox(key="compare-b").select(str(root / "two"))
    page.button(key="compare").click().run()
    assert not page.exception
    html = " ".join(str(getattr(part, "value", "")) for part in page.get("html"))
    assert "MAP: no difference shown" in html


def test_without_a_report_the_page_says_how_to_make_one(
    app_over: Start, made: Path, tmp_path: Path
) -> None:
    app_over(made / "catalog", roots=(str(tmp_path),))
    page = AppTest.from_string(PAGE, default_timeout=60).run()
    assert not page.exception
    assert "No report yet" in page.info[0].value
    page.text_input(key="report-folder").input("/etc").run()
    assert "is not a folder in" in page.error[0].value.replace("\\", "")
