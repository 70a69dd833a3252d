from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidsearch.datatypes import Hit, TimeSpan
from vidsearch.results.as_csv import to_csv
from vidsearch.results.result import Coverage, SearchResult

MakeHit = Callable[..., Hit]


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def one_hit(hit: Hit) -> SearchResult:
    return SearchResult("m", (), (hit,), Coverage(1, 1, 1))


def test_layout(result: SearchResult) -> None:
    lines = to_csv(result).split("\r\n")
    assert lines[0] == (
        "rank,confidence,similarity,video,video_id,track_id,start_s,end_s,best_s,x1,y1,x2,y2,person"
    )
    assert lines[1] == (
        "1,0.997,0.94985,/videos/b.mp4,id of /videos/b.mp4,track-1,3661.0,3663.0,3661.5,"
        "10.0,20.2,110.0,140.0,Ada"
    )
    assert lines[2].endswith(",140.0,")  # no person
    assert len(lines) == 6
    assert lines[5] == ""


def test_no_hit_is_a_header(result: SearchResult) -> None:
    assert rows(to_csv(dataclasses.replace(result, hits=()))) == []


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ('a "quoted", name\nof two lines.mp4', 'a "quoted", name\nof two lines.mp4'),
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("+1.mp4", "'+1.mp4"),
        ("-1.mp4", "'-1.mp4"),
        ("@SUM(A1).mp4", "'@SUM(A1).mp4"),
        ("\tx", "'\tx"),
        ("\uff1d1", "'\uff1d1"),
        ("'tis.mp4", "''tis.mp4"),
        ("a=b.mp4", "a=b.mp4"),
        ("/v/caf\udce9.mp4", "file:///v/caf%E9.mp4"),
    ],
)
def test_hostile_names(hit: MakeHit, name: str, cell: str) -> None:
    text = to_csv(one_hit(hit(1, 0.5, video=name)))
    text.encode("utf-8")
    assert rows(text)[0]["video"] == cell


def test_negative_numbers_stay_numbers(hit: MakeHit) -> None:
    text = to_csv(one_hit(dataclasses.replace(hit(1, 0.5), similarity=-0.25)))
    assert rows(text)[0]["similarity"] == "-0.25"


@given(
    name=st.text(st.characters(codec="utf-8", exclude_characters="\0")), person=st.text("ab'=,\n")
)
def test_reads_back(name: str, person: str) -> None:
    """Removing one leading apostrophe restores every name."""
    hit = Hit(1, 0.5, 0.9, name, "v", "t", TimeSpan(0, 1), 0.5, np.zeros(4, np.float32), person)
    row = rows(to_csv(one_hit(hit)))[0]
    assert row["video"].removeprefix("'") == name
    assert row["person"].removeprefix("'") == person
    assert not row["video"].startswith(("=", "+", "-", "@"))
