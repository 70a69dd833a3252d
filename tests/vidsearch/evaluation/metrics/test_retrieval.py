"""MAP@100 in its three conventions, CMC, precision and recall."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from vidsearch.errors import ConfigError, ShapeError
from vidsearch.evaluation.metrics import retrieval
from vidsearch.evaluation.metrics.retrieval import CONVENTIONS, Convention, Rankings

LISTS = st.lists(st.booleans(), min_size=1, max_size=130)


# The table of conventions: n = 250 and a perfect list; n = 3, hits at 1, 2, 5; n = 2, hits at 5
# and 103.
@pytest.mark.parametrize(
    ("convention", "expected"),
    [
        # 100/250; (1 + 1 + 3/5)/3; (1/5)/2, rank 103 is not looked at
        ("iqiyi", (0.4, 0.866667, 0.1)),
        # 100/100; the same; the same
        ("truncated", (1.0, 0.866667, 0.1)),
        # 100/100; ranks 1..3 only: (1 + 1)/3; ranks 1..2 only: 0
        ("mediaeval", (1.0, 0.666667, 0.0)),
    ],
)
def test_table_of_conventions(convention: Convention, expected: tuple[float, ...]) -> None:
    far_hit = [0] * 4 + [1] + [0] * 97 + [1]
    rankings = Rankings.of([[1] * 250, [1, 1, 0, 0, 1], far_hit], [250, 3, 2])
    found = retrieval.average_precision(rankings, convention)
    assert found == pytest.approx(expected, abs=1e-6)


def test_mean_counts_queries_without_anything_relevant() -> None:
    result = retrieval.mean_average_precision(Rankings.of([[1], [0, 0], []], [1, 0, 4]))
    assert result.mean("iqiyi") == pytest.approx(1 / 3)
    assert result.queries == 3
    assert result.without_relevant == 1


def test_hand_worked_curves() -> None:
    rankings = Rankings.of([[0, 1, 1], [1], [0, 0, 0]], [2, 5, 1])
    # right within rank 1: second only; within 2 and later: first and second
    assert retrieval.cmc(rankings, 4) == pytest.approx([1 / 3, 2 / 3, 2 / 3, 2 / 3])
    assert retrieval.precision_at(rankings, 2) == pytest.approx([0.5, 0.5, 0.0])
    assert retrieval.recall_at(rankings, 3) == pytest.approx([1.0, 0.2, 0.0])
    assert retrieval.found_at(rankings, 1).tolist() == [0.0, 1.0, 0.0]


@given(LISTS.filter(any))
def test_truncated_equals_sklearn_where_all_relevant_is_ranked(flags: list[bool]) -> None:
    flags = flags[:100]
    if not any(flags):
        return
    found = retrieval.average_precision(Rankings.of([flags], [sum(flags)]), "truncated")[0]
    assert found == pytest.approx(average_precision_score(flags, -np.arange(len(flags))))


@given(st.lists(st.tuples(st.integers(0, 30), st.booleans()), min_size=1, max_size=60))
def test_ranked_scores_equal_sklearn(answers: list[tuple[int, bool]]) -> None:
    # Distinct similarities, so that both rank alike; sklearn knows no distractors beyond the list.
    scores = np.array([score * 64 + place for place, (score, _) in enumerate(answers)])
    right = np.array([same for _, same in answers])
    if not right.any():
        return
    flags = right[np.argsort(-scores)]
    for name in ("iqiyi", "truncated"):
        found = retrieval.average_precision(Rankings.of([flags], [int(right.sum())]), name)[0]
        assert found == pytest.approx(average_precision_score(right, scores))


@given(LISTS, st.integers(0, 200))
def test_conventions_are_ordered_and_bounded(flags: list[bool], extra: int) -> None:
    rankings = Rankings.of([flags], [sum(flags) + extra])
    official, truncated, mediaeval = (
        retrieval.average_precision(rankings, name)[0] for name in CONVENTIONS
    )
    assert 0 <= official <= truncated <= 1
    assert 0 <= mediaeval <= truncated


@given(LISTS, st.data())
def test_moving_a_right_answer_up_never_hurts(flags: list[bool], data: st.DataObject) -> None:
    at = data.draw(st.integers(1, len(flags))) - 1
    if at == 0 or not flags[at] or flags[at - 1]:
        return
    better = [*flags[: at - 1], True, False, *flags[at + 1 :]]
    rankings = Rankings.of([flags, better], [sum(flags)] * 2)
    for name in CONVENTIONS:
        before, after = retrieval.average_precision(rankings, name)
        assert after >= before - 1e-12


@given(st.lists(LISTS, min_size=1, max_size=5), st.randoms())
def test_order_of_queries_changes_nothing(lists: list[list[bool]], random: object) -> None:
    numbers = list(range(len(lists)))
    random.shuffle(numbers)  # type: ignore[attr-defined]
    relevant = [sum(flags) + 1 for flags in lists]
    one = retrieval.average_precision(Rankings.of(lists, relevant))
    other = retrieval.average_precision(
        Rankings.of([lists[n] for n in numbers], [relevant[n] for n in numbers])
    )
    assert one[numbers] == pytest.approx(other)


@given(LISTS, st.integers(1, 60))
def test_distractors_take_up_ranks_and_never_help(flags: list[bool], at: int) -> None:
    pushed = [*flags[:at], False, *flags[at:]]
    rankings = Rankings.of([flags, pushed], [sum(flags) + 1] * 2)
    for name in CONVENTIONS:
        before, after = retrieval.average_precision(rankings, name)
        assert after <= before
    first, second = (rankings.select([row]) for row in (0, 1))
    assert (retrieval.cmc(second, 140) <= retrieval.cmc(first, 140)).all()
    assert (np.diff(retrieval.cmc(first, 140)) >= 0).all()


def test_rankings_that_cannot_be_scored_are_refused() -> None:
    with pytest.raises(ShapeError, match="2 right answers but only 1 relevant"):
        Rankings.of([[1, 1]], [1])
    with pytest.raises(ConfigError, match="at least one query"):
        retrieval.mean_average_precision(Rankings.of([], []))
    with pytest.raises(ConfigError, match="convention must be one of"):
        retrieval.average_precision(Rankings.of([[1]], [1]), "voc")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="limit must be at least 1"):
        retrieval.average_precision(Rankings.of([[1]], [1]), limit=0)
    with pytest.raises(ShapeError, match="bool"):
        Rankings(np.zeros((1, 2)), np.zeros(1, np.int64))  # type: ignore[arg-type]


def test_duplicates_keep_the_first() -> None:
    assert retrieval.deduplicated(["b", "a", "b", "c", "a"]) == ["b", "a", "c"]
