"""Sentences are output only: reports with other words have the same content and structure."""

from __future__ import annotations

import dataclasses
import json
import re

import pytest

from tests.helpers.other_words import replace_sentences
from vidsearch.photo.query_warning import QueryWarning, WarningCode
from vidsearch.results.as_csv import to_csv
from vidsearch.results.as_edl import to_edl, to_webvtt
from vidsearch.results.as_html import to_html
from vidsearch.results.as_json import to_json
from vidsearch.results.as_text import to_text
from vidsearch.results.result import Coverage, SearchResult
from vidsearch.results.sentences import WARNING_SENTENCES, warning_sentence
from vidsearch.results.words import CONFIDENCE_LEVELS, CONFIDENCE_WORDS

WARNINGS = (
    (QueryWarning(WarningCode.PAGES_IGNORED, {"pages": 3}), "3 pages, of which only the first"),
    (QueryWarning(WarningCode.FRAMES_IGNORED, {"frames": 2}), "an animation of 2 frames"),
    (QueryWarning(WarningCode.FACE_FILLS_PHOTO), "more room around the face"),
    (QueryWarning(WarningCode.SMALL_FACE), "found only in a close-up"),
    (
        QueryWarning(WarningCode.PHOTO_ROTATED, {"quarter_turns": 1}),
        "the photo lies on its side (clockwise);",
    ),
    (QueryWarning(WarningCode.PHOTO_ROTATED, {"quarter_turns": 2}), "lies upside down;"),
    (
        QueryWarning(WarningCode.PHOTO_ROTATED, {"quarter_turns": 3}),
        "on its side (counter-clockwise);",
    ),
    (QueryWarning(WarningCode.SEVERAL_FACES, {"faces": 2}), "--face 2 picks the other"),
    (
        QueryWarning(WarningCode.SEVERAL_FACES, {"faces": 3}),
        "3 faces in the photo, the largest was used; --face 2 to 3 picks another, by size",
    ),
    (QueryWarning(WarningCode.PAGE_USED, {"page": 2, "pages": 3}), "3 pages, of which page 2 was"),
    (
        QueryWarning(WarningCode.FRAME_USED, {"frame": 5, "frames": 40}),
        "an animation of 40 frames, of which frame 5 was used",
    ),
    (
        QueryWarning(WarningCode.PHOTO_DAMAGED, {"share": 0.617}),
        "damaged or cut short: about 62% of the picture was read",
    ),
    (
        QueryWarning(WarningCode.PHOTO_DAMAGED, {"share": 1.0, "trusted": False}),
        "damaged: a checksum is wrong, so that parts of the picture may be wrong; copy",
    ),
    (
        QueryWarning(WarningCode.PREVIEW_USED, {"width": 160, "height": 120}),
        "only its preview of 160 x 120 pixels was used",
    ),
    (
        QueryWarning(WarningCode.POOR_FACE, {"quality": 0.123}),
        "too small or too blurred (quality 0.12): expect an unreliable answer",
    ),
    (
        QueryWarning(WarningCode.UNCLEAR_FACE, {"quality": 0.4}),
        "turned away, badly lit or unclear (quality 0.40): expect an unreliable answer",
    ),
    (
        QueryWarning(WarningCode.PHOTO_LEFT_OUT, {"photo": "b.jpg", "reason": "'b.jpg' is empty"}),
        "left out of the query: 'b.jpg' is empty",
    ),
    (
        QueryWarning(WarningCode.DIFFERENT_PEOPLE, {"groups": (("b", "c"), ("a\nb",))}),
        r"these photos may show different people: b, c | a\nb; search for each person separately",
    ),
)


@pytest.mark.parametrize(("warning", "part"), WARNINGS)
def test_each_warning_states_its_fields(warning: QueryWarning, part: str) -> None:
    assert part in warning_sentence(warning)


def test_each_code_and_each_level_has_words() -> None:
    assert set(WARNING_SENTENCES) == set(WarningCode)
    assert {warning.code for warning, _ in WARNINGS} == set(WarningCode)
    assert set(CONFIDENCE_WORDS) == {level for _, level in CONFIDENCE_LEVELS}


@pytest.fixture
def complete(result: SearchResult) -> SearchResult:
    """A result with every warning, and with videos that could not be searched."""
    photo = dataclasses.replace(result.query[0], warnings=tuple(w for w, _ in WARNINGS))
    coverage = Coverage(9, 3, 60.0, failed_videos=2, partial_videos=1)
    return dataclasses.replace(result, query=(photo,), coverage=coverage)


def markup(html: str) -> list[str]:
    """Return the elements of a page with their classes, without text."""
    return re.findall(r"<[a-z][a-z0-9]*(?: class=\"[^\"]*\")?", html)


def test_reports_with_other_words_have_the_same_content(
    complete: SearchResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, table = json.dumps(to_json(complete)), to_csv(complete)
    html, text = to_html(complete), to_text(complete)
    vtt, edl = to_webvtt(complete), to_edl(complete)
    replace_sentences(monkeypatch)
    assert json.dumps(to_json(complete)) == data
    assert to_csv(complete) == table
    other_html = to_html(complete)
    assert markup(other_html) == markup(html)
    other_text = to_text(complete)
    for line in re.findall(r"\d:\d\d:\d\d\.\d - \d:\d\d:\d\d\.\d", text):
        assert line in other_text
    for report in (other_html, other_text):
        assert all(f"[{code}]" in report for code in WarningCode)
        assert "[searched] [partial-one] [failed] [failures]" in " ".join(report.split())
    times = re.compile(r"\d+:\d\d:\d\d[:.]\d+")
    assert times.findall(to_webvtt(complete)) == times.findall(vtt)
    assert times.findall(to_edl(complete)) == times.findall(edl)
