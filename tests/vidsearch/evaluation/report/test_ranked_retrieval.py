"""Figures of ranked retrieval in reports, on lists scored by hand."""

from __future__ import annotations

import pytest

from vidsearch.evaluation.metrics.retrieval import Rankings
from vidsearch.evaluation.report.ranked_retrieval import RetrievalFigures


@pytest.fixture
def figures() -> RetrievalFigures:
    # AP: (1/1 + 2/3)/2 = 5/6; 1/2; and 0 for a query without any right answer.
    rankings = Rankings.of([[1, 0, 1], [0, 1], [0]], [2, 1, 1])
    return RetrievalFigures.of(rankings, ["q1", "q2", "q3"], ["a", "a", "b"])


def test_metrics_by_hand(figures: RetrievalFigures) -> None:
    metrics = figures.metrics()
    assert metrics["map"]["iqiyi"]["value"] == pytest.approx((5 / 6 + 1 / 2) / 3)
    # MediaEval looks at min(n, 100) ranks: 2 for q1 (only rank 1 counts), 1 for q2.
    assert metrics["map"]["mediaeval"]["value"] == pytest.approx((1 / 2 + 0) / 3)
    assert (metrics["queries"], metrics["identities"]) == (3, 2)
    assert metrics["cmc"]["1"] == pytest.approx(1 / 3)
    assert metrics["cmc"]["5"] == pytest.approx(2 / 3)
    assert metrics["precision_at"]["5"] == pytest.approx((2 / 5 + 1 / 5) / 3)
    assert metrics["recall_at"]["1"] == pytest.approx((1 / 2) / 3)


def test_tables_and_headlines_state_the_metrics(figures: RetrievalFigures) -> None:
    official = figures.conventions_table().rows[0]
    assert official[:2] == ("MAP@100, iQIYI official", figures.intervals["iqiyi"].mean)
    assert official[-2:] == (3, 2)
    assert [row[0] for row in figures.ranks_table().rows] == [1, 5, 10, 20, 100]
    assert figures.headlines()[-1].label == "rank-1"
    assert figures.headlines()[-1].value == "0.3333"


def test_scores_have_one_row_per_query(figures: RetrievalFigures) -> None:
    scores = figures.scores()
    assert scores.columns["id"] == ["q1", "q2", "q3"]
    assert list(scores.columns["ap_iqiyi"]) == pytest.approx([5 / 6, 1 / 2, 0])
    assert list(scores.columns["rank_1"]) == [1, 0, 0]
    assert scores.identities == ("identity",)
