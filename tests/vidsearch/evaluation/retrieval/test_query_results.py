"""Comparison of hits with labels, on hits and spans worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from vidsearch.datatypes import Hit, TimeSpan
from vidsearch.evaluation.retrieval.labels import LabelledPerson, Query
from vidsearch.evaluation.retrieval.query_results import (
    QueryResult,
    best_hits_by_video,
    moment_flags,
    video_flags,
)


def hit(video: str, start: float, end: float) -> Hit:
    box: Any = np.zeros(4, np.float32)
    return Hit(1, 0.5, 0.5, video, video, f"{video}{start}", TimeSpan(start, end), start, box)


def test_folding_hits_by_hand() -> None:
    result = QueryResult(
        Query("q", "p", ("q",)),
        (hit("a", 0, 2), hit("a", 0, 1), hit("b", 0, 1), hit("a", 9, 12), hit("c", 0, 9)),
    )
    person = LabelledPerson(
        1, [], {"a": [TimeSpan(0, 2), TimeSpan(10, 11)], "c": [TimeSpan(20, 21)]}
    )
    # Videos in the order of their best hits: a, b, c.
    assert video_flags(result, person) == [True, False, True]
    # a 0-2 is found; a 0-1 says nothing new; b is wrong; a 9-12 covers 10-11; c at another time.
    assert moment_flags(result, person) == [True, False, True, False]


def test_best_hits_have_their_rank_among_videos() -> None:
    result = QueryResult(Query("q", "p", ("q",)), (hit("a", 0, 2), hit("a", 3, 4), hit("b", 0, 1)))
    best = best_hits_by_video([result])["q"]
    assert {video: rank for video, (rank, _) in best.items()} == {"a": 1, "b": 2}
    assert best["a"][1].span == TimeSpan(0, 2)
