"""HTML of reports: texts of a report file stay text."""

from __future__ import annotations

from ui.components.report_markup import headlines, image_rows
from vidsearch.evaluation.report import Headline, ImageRow, ImageRows, ReportImage

NASTY = '"><script>alert(1)</script>'


def test_no_text_of_a_report_becomes_markup() -> None:
    rows = ImageRows(NASTY, (ImageRow(NASTY, NASTY, (ReportImage(None, NASTY, "bad"),)),))
    for html in (headlines([Headline(NASTY, NASTY, NASTY)]), image_rows(rows)):
        assert "<script" not in html
        assert html.count("&quot;&gt;&lt;script&gt;") >= 3


def test_screen_readers_hear_right_and_wrong() -> None:
    row = ImageRow(
        "q", "", (ReportImage(None, "rank 1", "good"), ReportImage(None, "rank 2", "bad"))
    )
    html = image_rows(ImageRows("", (row,)))
    assert 'aria-label="Right: rank 1"' in html
    assert 'aria-label="Wrong: rank 2"' in html
    assert html.index('<li class="good">') < html.index('<li class="bad">')
