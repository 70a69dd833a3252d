from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidsearch.datatypes import Hit, TimeSpan
from vidsearch.photo.query_warning import QueryWarning, WarningCode
from vidsearch.results.as_text import to_text
from vidsearch.results.result import Coverage, QueryPhoto, SearchResult

MakeHit = Callable[..., Hit]


def test_whole_text(result: SearchResult) -> None:
    assert to_text(result) == (
        "Query: /photos/ada.jpg (face quality 0.93, of 2 faces)\n"
        "  warning: 2 faces in the photo, the largest was used; --face 2 picks the other\n"
        "\n"
        "Found 3 likely appearances in 2 videos.\n"
        "\n"
        "/videos/b.mp4\n"
        "  0:00:12.0 - 0:00:14.0  likely            0.60  #3    similarity 0.930\n"
        "  1:01:01.0 - 1:01:03.0  almost certain   0.997  #1    similarity 0.950  Ada\n"
        "\n"
        "/videos/a.mp4\n"
        "  0:00:30.0 - 0:00:32.0  very likely       0.95  #2    similarity 0.948\n"
        "\n"
        "1 weaker hit (probably other people):\n"
        "\n"
        "/videos/c.mp4\n"
        "  0:00:00.0 - 0:00:02.0  unlikely          0.20  #4    similarity 0.910\n"
        "\n"
        "Searched 1,234 tracks in 3 videos (2:02:05.5 of video).\n"
    )


def test_no_hit_says_how_much_was_searched(result: SearchResult) -> None:
    text = to_text(dataclasses.replace(result, hits=()))
    assert "\nNo hit.\n" in text
    assert text.endswith("Searched 1,234 tracks in 3 videos (2:02:05.5 of video).\n")


@pytest.mark.parametrize("width", [0, 40, 60, 71, 72, 200])
def test_sentences_and_rows_fit_the_width(result: SearchResult, width: int) -> None:
    crowded = dataclasses.replace(
        result,
        query=(),
        hits=tuple(dataclasses.replace(hit, person=None) for hit in result.hits),
        coverage=Coverage(1234, 3, 9.0, failed_videos=2, partial_videos=1),
    )
    longest = max(len(line) for line in to_text(crowded, width).splitlines())
    assert longest <= max(width, 47)  # a row's time and confidence are never cut


def test_long_names_are_not_cut(hit: MakeHit) -> None:
    name = "/very/long/" + "name " * 60 + ".mp4"
    text = to_text(SearchResult("m", (), (hit(1, 0.5, video=name),), Coverage(1, 1, 1)), 40)
    assert name in text.splitlines()


@given(st.text(st.characters(codec=None)))
def test_names_cannot_steer_the_terminal(name: str) -> None:
    hit = Hit(1, 0.9, 0.9, name, "v", "t", TimeSpan(0, 1), 0.5, np.zeros(4, np.float32), name)
    warning = QueryWarning(WarningCode.DIFFERENT_PEOPLE, {"groups": ((name,), (name,))})
    photo = QueryPhoto(name, np.zeros(4, np.float32), 0.5, 1, (warning,))
    text = to_text(SearchResult(name, (photo,), (hit,), Coverage(1, 1, 1)), 400)
    text.encode("utf-8")
    assert not any((ord(c) < 32 and c != "\n") or 127 <= ord(c) < 160 for c in text)
    assert len(text.splitlines()) == text.count("\n")
