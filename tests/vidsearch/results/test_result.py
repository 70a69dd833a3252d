from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from vidsearch.datatypes import Hit, TimeSpan
from vidsearch.errors import ConfigError, ShapeError
from vidsearch.results.result import (
    Coverage,
    QueryPhoto,
    SearchResult,
    by_video,
)
from vidsearch.results.sentences import count_of_hits, coverage_facts, coverage_sentence, headline


def test_groups_follow_the_best_hit_and_time(result: SearchResult) -> None:
    groups = by_video(result.hits)
    assert [group.video for group in groups] == ["/videos/b.mp4", "/videos/a.mp4", "/videos/c.mp4"]
    assert [hit.rank for hit in groups[0].hits] == [3, 1]
    assert groups[0].best.rank == 1
    counts = [count_of_hits(group) for group in groups]
    assert counts == ["2 appearances", "1 appearance", "1 weaker hit"]


def test_likely_and_weaker_share_the_hits(result: SearchResult) -> None:
    assert [hit.rank for hit in result.likely] == [1, 2, 3]
    assert [hit.rank for hit in result.weaker] == [4]


def test_headline(result: SearchResult) -> None:
    assert headline(result) == "Found 3 likely appearances in 2 videos."
    weaker = dataclasses.replace(result, hits=result.weaker)
    assert headline(weaker) == 'No likely appearance: the nearest of 1 hit is "unlikely" (0.20).'
    assert headline(dataclasses.replace(result, hits=())) == "No hit."


@pytest.mark.parametrize(
    ("coverage", "text"),
    [
        (Coverage(1, 1, 60), "Searched 1 track in 1 video (0:01:00.0 of video)."),
        (
            Coverage(9, 3, 60, failed_videos=2, partial_videos=1),
            (
                "Searched 9 tracks in 3 videos (0:01:00.0 of video). 1 video was read only in "
                "part. 2 videos could not be indexed and may show the person. "
                '"vidsearch status" names them.'
            ),
        ),
        (
            Coverage(0, 2, 60),
            (
                "Searched 0 tracks in 2 videos (0:01:00.0 of video). They show no face that can be "
                "searched."
            ),
        ),
        (
            Coverage(0, 0, 0),
            (
                "Searched 0 tracks in 0 videos (0:00:00.0 of video). Nothing is searchable yet: "
                '"vidsearch index" adds videos.'
            ),
        ),
    ],
)
def test_coverage(coverage: Coverage, text: str) -> None:
    assert coverage_sentence(coverage) == text
    # The facts are the same without the remedies, which name commands of the shell.
    assert text.startswith(coverage_facts(coverage))
    assert '"vidsearch' not in coverage_facts(coverage)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"similarity": float("nan")}, ShapeError, "similarity of hit 1 must be finite"),
        ({"best_s": float("inf")}, ShapeError, "best_s of hit 1"),
        ({"span": TimeSpan(0, float("inf"))}, ShapeError, "end_s of hit 1"),
        ({"box_xyxy": np.full(4, np.nan, np.float32)}, ShapeError, "box_xyxy of hit 1"),
        ({"box_xyxy": np.zeros(4)}, ShapeError, "float32"),
        ({"confidence": 1.5}, ConfigError, "probability"),
    ],
)
def test_numbers_are_checked_when_built(
    hit: Callable[..., Hit], change: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        SearchResult("m", (), (dataclasses.replace(hit(1, 0.5), **change),), Coverage(1, 1, 1))  # type: ignore[arg-type]


def test_hits_must_be_in_order(hit: Callable[..., Hit]) -> None:
    with pytest.raises(ShapeError, match="in order of rank; 1 follows 2"):
        SearchResult("m", (), (hit(2, 0.5), hit(1, 0.4)), Coverage(1, 1, 1))


def test_query_photo_is_checked() -> None:
    with pytest.raises(ShapeError, match=r"quality of photo 'x\.jpg'"):
        QueryPhoto("x.jpg", np.zeros(4, np.float32), float("nan"))
