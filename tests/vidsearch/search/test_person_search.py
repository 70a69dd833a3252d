"""Verdicts on a search result: rejected hits leave it, confirmed hits count as right."""

from __future__ import annotations

import numpy as np
import pytest

from vidsearch.datatypes import Hit, TimeSpan
from vidsearch.photo.query_warning import QueryWarning, WarningCode
from vidsearch.results.result import Coverage, SearchResult
from vidsearch.search.person_search import SearchRequest, expected_wrong_hits, rank_by_verdicts
from vidsearch.search.query import QueryFace


def hit(rank: int, confidence: float) -> Hit:
    box = np.zeros(4, np.float32)
    name = f"t{rank}"
    return Hit(rank, confidence, 0.5, "v.mp4", "v", name, TimeSpan(0, 1), 0.5, box, None)


def result(*confidences: float) -> SearchResult:
    hits = tuple(hit(rank, confidence) for rank, confidence in enumerate(confidences, start=1))
    return SearchResult("m", (), hits, Coverage(9, 1, 60.0))


def face(*codes: WarningCode) -> QueryFace:
    warnings = tuple(QueryWarning(code, {"quality": 0.1}) for code in codes)
    return QueryFace(
        "a.jpg",
        np.zeros(4, np.float32),
        0.1,
        np.ones(3, np.float32),
        np.zeros((8, 8, 3), np.uint8),
        1,
        1,
        "m",
        warnings,
    )


def test_without_verdicts_the_result_stays() -> None:
    judged = rank_by_verdicts(result(0.9, 0.6), frozenset(), frozenset(), top=10)
    assert [(h.rank, h.track_id) for h in judged.result.hits] == [(1, "t1"), (2, "t2")]
    assert (judged.rejected, judged.confirmed) == ((), frozenset())
    assert judged.expected_wrong_hits == pytest.approx(0.1 + 0.4)


def test_rejected_hits_leave_and_the_others_move_up() -> None:
    judged = rank_by_verdicts(
        result(0.9, 0.8, 0.7, 0.6), frozenset({"t1", "t3"}), frozenset({"t2"}), top=10
    )
    assert [(h.rank, h.track_id) for h in judged.result.hits] == [(1, "t2"), (2, "t4")]
    assert [h.track_id for h in judged.rejected] == ["t1", "t3"]
    assert judged.confirmed == {"t2"}
    # The confirmed hit counts as right; 0.4 is left of the other.
    assert judged.expected_wrong_hits == pytest.approx(0.4)


def test_confirmed_tracks_below_the_last_hit_are_not_listed() -> None:
    judged = rank_by_verdicts(result(0.9, 0.8), frozenset(), frozenset({"t2", "t9"}), top=1)
    assert [h.track_id for h in judged.result.hits] == ["t1"]
    assert judged.confirmed == frozenset()


def test_expected_wrong_hits_by_hand() -> None:
    # 1 - 0.99 + 1 - 0.5 = 0.51
    assert expected_wrong_hits(result(0.99, 0.5).hits) == pytest.approx(0.51)


def test_a_search_is_unreliable_if_every_face_is() -> None:
    poor, unclear = face(WarningCode.POOR_FACE), face(WarningCode.UNCLEAR_FACE)
    good = face(WarningCode.SEVERAL_FACES, WarningCode.SMALL_FACE)
    assert (poor.unreliable, unclear.unreliable, good.unreliable) == (True, True, False)
    assert SearchRequest(faces=(poor, unclear)).unreliable
    assert not SearchRequest(faces=(poor, good)).unreliable
    assert not SearchRequest(tracks=("t1",)).unreliable
